//! The commands. Results go to stdout, errors to stderr, one line each; exit codes:
//! 0 done, 1 failed or rejected, 2 wrong usage or config, 3 the store cannot be used.

mod folder;
mod inspect;
mod openapi;
mod operate;
mod output;
mod play;
mod secret_file;
mod serve;
mod storage;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code of wrong usage or config.
const USAGE: u8 = 2;
/// Exit code of a store that cannot be used: damaged, foreign, of another version, in use.
const STORE_REFUSED: u8 = 3;

/// Receives refund outcomes from payment providers, verifies and keeps them, and tells internal
/// systems whether a refund went through.
#[derive(Debug, Parser)]
#[command(name = "refund-receiver", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  refund-receiver demo                                  see all of it work, no config needed
  refund-receiver check-config --config refunds.toml    what would serve do with this file?
  refund-receiver serve --config refunds.toml           run the service
  refund-receiver audit --config refunds.toml           does what it promises hold?";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(play::demo::Demo),
    Trigger(play::trigger::Trigger),
    Verify(inspect::verify::Verify),
    CheckConfig(inspect::check_config::CheckConfig),
    Audit(inspect::audit::Audit),
    Reconcile(inspect::reconcile::Reconcile),
    Backup(storage::backup::Backup),
    Restore(storage::restore::Restore),
    Sandbox(play::sandbox::Sandbox),
    Scenario(play::scenario::Scenario),
    Selftest(inspect::selftest::Selftest),
    Decide(operate::decide::Decide),
    Endpoint(operate::endpoint::Endpoint),
    Reload(operate::reload::Reload),
    Token(operate::token::Token),
    Explain(inspect::explain::Explain),
    Evidence(inspect::evidence::Evidence),
    Healthcheck(inspect::healthcheck::Healthcheck),
    Store(storage::store::Store),
    Openapi(openapi::Openapi),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            if error.use_stderr() {
                // A closed terminal is no reason to fail in another way.
                return ExitCode::from(USAGE);
            }
            if let Err(error) = printed.and_then(|()| std::io::stdout().flush()) {
                output::note(&error);
            }
            return output::finish(ExitCode::SUCCESS);
        }
    };
    output::finish(cli.command.run())
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Self::Serve(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Trigger(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::CheckConfig(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::Reconcile(command) => command.run(),
            Self::Backup(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::Sandbox(command) => command.run(),
            Self::Scenario(command) => command.run(),
            Self::Selftest(command) => command.run(),
            Self::Decide(command) => command.run(),
            Self::Endpoint(command) => command.run(),
            Self::Reload(command) => command.run(),
            Self::Token(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Evidence(command) => command.run(),
            Self::Healthcheck(command) => command.run(),
            Self::Store(command) => command.run(),
            Self::Openapi(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_helps_with_an_example() {
        let lacking = without_example("refund-receiver", &mut super::Cli::command());
        assert_eq!(lacking, Vec::<String>::new());
    }

    /// This command and those below it whose help shows nothing that could be typed.
    fn without_example(called: &str, command: &mut Command) -> Vec<String> {
        let help = command.render_long_help().to_string();
        let is_shown = help
            .split_once("Example")
            .is_some_and(|(_, examples)| examples.contains(called));
        let mut lacking = if is_shown {
            Vec::new()
        } else {
            vec![called.to_owned()]
        };
        for below in command.get_subcommands_mut() {
            // A tree that has been rendered holds clap's own `help`, too.
            if below.get_name() != "help" {
                let called = format!("{called} {}", below.get_name());
                lacking.extend(without_example(&called, below));
            }
        }
        lacking
    }
}
