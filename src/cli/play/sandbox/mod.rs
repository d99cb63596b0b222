//! `sandbox`: every provider's request side in one process, for development and tests without a contract.

mod arm;
mod check;
mod settlement;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use rand::RngCore as _;
use rand::rngs::OsRng;

use crate::cli::USAGE;
use crate::cli::output;
use crate::cli::serve::signals::Signals;
use crate::config::Scope;
use crate::outbound::client::http_url;
use crate::sandbox::server;
use crate::sandbox::server::Options;
use crate::sandbox::server::clock::Pace;

/// Plays every provider offline: takes refund requests, calls back, answers queries
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  refund-receiver sandbox --dir sandbox                    serve until Ctrl-C; state and keys stay in the folder
  refund-receiver sandbox --dir sandbox --print-config > refunds.toml
  refund-receiver sandbox --seed 7 --clock fast            the same keys each time; 60 times as fast
  refund-receiver sandbox arm --provider payermax --fault after-accept-cut
  refund-receiver sandbox settlement --provider payermax --account main --day 2026-01-31 --to day.zip
  refund-receiver sandbox check --against http://127.0.0.1:8081 --token-file sandbox/reader.token

How a refund ends is in the end of its number or reason: OK FAIL PEND LATE FLIP LOST DUP UNK AMT CUR CANCEL.
docs/sandbox.md has the calls of /sandbox/, the faults and the limits."
)]
pub struct Sandbox {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to listen; anything but loopback needs --i-know
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Keep keys and state here, so that they survive kill -9; in memory if absent
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Make the keys from this number; random if absent
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How its clock runs: fast is 60 times as fast, manual moves by POST /sandbox/clock alone
    #[arg(long, value_enum, default_value = "real")]
    clock: ClockArg,
    /// Where the service's public listener is, for the config that is printed
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL", value_parser = http_url)]
    callbacks: String,
    /// Print a config for `serve` that fits, and end; needs --dir or --seed
    #[arg(long)]
    print_config: bool,
    /// Listen where other machines reach it, though it has no access control
    #[arg(long)]
    i_know: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Arm(arm::Arm),
    Settlement(settlement::Settlement),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClockArg {
    Real,
    Fast,
    Manual,
}

impl From<ClockArg> for Pace {
    fn from(clock: ClockArg) -> Self {
        match clock {
            ClockArg::Real => Self::Real,
            ClockArg::Fast => Self::Fast,
            ClockArg::Manual => Self::Manual,
        }
    }
}

/// Why a running sandbox did not answer, and what to do.
fn unreachable(error: &anyhow::Error) -> String {
    format!("{error:#}; start it with `refund-receiver sandbox`, or say where it is with --sandbox")
}

impl Sandbox {
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Some(Command::Check(check)) => return check.run(),
            Some(Command::Arm(arm)) => return arm.run(),
            Some(Command::Settlement(settlement)) => return settlement.run(),
            None => {}
        }
        if !self.listen.ip().is_loopback() && !self.i_know {
            let what = "has no access control; listen on loopback, or add --i-know";
            return output::fail(USAGE, format!("the sandbox {what}"));
        }
        if self.print_config && self.dir.is_none() && self.seed.is_none() {
            let what =
                "--print-config needs --dir or --seed: other keys would be made at each start";
            return output::fail(USAGE, what);
        }
        let options = Options {
            listen: self.listen,
            dir: self.dir.clone(),
            seed: self.seed.unwrap_or_else(|| OsRng.next_u64()),
            pace: self.clock.into(),
            callbacks: self.callbacks.clone(),
            scopes: Scope::ALL.iter().map(|scope| scope.as_str()).collect(),
        };
        let result = if self.print_config {
            print_config(&options)
        } else {
            serve(&options)
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }
}

fn print_config(options: &Options) -> anyhow::Result<()> {
    let keys = server::keys(options)?;
    let url = format!("http://{}", options.listen);
    output::line(
        keys.config(&url, &options.callbacks, &options.scopes)
            .trim_end(),
    );
    Ok(())
}

fn serve(options: &Options) -> anyhow::Result<()> {
    let running = server::start(options)?;
    let address = running.address();
    output::announce(format!("sandbox ready on http://{address}"));
    output::announce(format!("config: curl -s http://{address}/sandbox/config"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime")?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        signals.stop().await;
        std::io::Result::Ok(())
    })?;
    drop(running);
    Ok(())
}
