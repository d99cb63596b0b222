//! `selftest --crash`: the headline promise on the operator's own disk. A service of this very executable
//! is killed again and again under load; whatever it acknowledged must be there, once.
//!
//! `kill -9` shows what survives the end of the process. What survives a power cut is another question;
//! `docs/durability.md` says how that is tested.

mod load;
mod server;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::cli::USAGE;
use crate::cli::folder;
use crate::cli::output;
use crate::cli::output::Format;
use trial::{Round, Trial};

/// Rounds on one store. Each round audits everything, so a store that grows for ever would make the
/// rounds longer and longer.
const ROUNDS_A_STORE: u32 = 20;
/// Longest --connections: each is a thread.
const CONNECTIONS_MAX: i64 = 1_024;

/// Kills a service under load on your own disk and checks that nothing acknowledged is lost or doubled
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver selftest --crash --dir /var/lib/refunds/selftest --rounds 20

Choose a folder on the disk that the store is to lie on. It must be empty or missing; what is made in it is
removed at the end, unless something was lost or doubled. Exit 0 only if nothing was.")]
pub struct Selftest {
    /// Kill the service (SIGKILL) at random moments
    #[arg(long)]
    crash: bool,
    /// An empty or missing folder on the disk to be tested
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// How often to kill
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many connections send
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    connections: u32,
    /// How to print the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

impl Selftest {
    pub fn run(&self) -> ExitCode {
        if !self.crash {
            return output::fail(USAGE, "say what to test: --crash");
        }
        let is_made = match claim_folder(&self.dir) {
            Ok(is_made) => is_made,
            Err(error) => return output::fail(USAGE, format!("{error:#}")),
        };
        let result = self.crash_again_and_again();
        let all_held = match &result {
            Ok(rounds) => rounds.iter().all(Round::holds),
            Err(_) => false,
        };
        if all_held {
            if let Err(error) = clean_up(&self.dir, is_made) {
                output::error(format!("warning: {error:#}"));
            }
        } else {
            output::error(format!("everything is left in {}", self.dir.display()));
        }
        match result {
            Ok(rounds) => {
                print(&rounds, all_held, Format::or_json(self.output, self.json));
                ExitCode::from(u8::from(!all_held))
            }
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }

    /// Every round; ends with the first in which something does not hold.
    fn crash_again_and_again(&self) -> anyhow::Result<Vec<Round>> {
        let mut rounds: Vec<Round> = Vec::new();
        let connections = usize::try_from(self.connections)?;
        while rounds.len() < usize::try_from(self.rounds)? && rounds.iter().all(Round::holds) {
            let mut trial = Trial::start(&self.dir.join("store"), connections)?;
            for _ in 0..ROUNDS_A_STORE {
                let round = trial.round(rounds.len())?;
                let (number, all, shown) = (rounds.len() + 1, self.rounds, round.shown());
                output::error(format!("round {number}/{all}: {shown}"));
                rounds.push(round);
                if number == usize::try_from(all)? || !round.holds() {
                    break;
                }
            }
            trial.end(&rounds)?;
        }
        Ok(rounds)
    }
}

/// Makes the folder or takes an empty one; whether it was made.
fn claim_folder(dir: &Path) -> anyhow::Result<bool> {
    let name = dir.display();
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            let is_empty = entries.next().is_none();
            anyhow::ensure!(is_empty, "{name} is not empty; choose a folder of its own");
            Ok(false)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            folder::make(dir, true).with_context(|| format!("cannot make {name}"))?;
            Ok(true)
        }
        Err(error) => Err(error).with_context(|| format!("cannot look into {name}")),
    }
}

fn clean_up(dir: &Path, is_made: bool) -> anyhow::Result<()> {
    let result = if is_made {
        std::fs::remove_dir(dir)
    } else {
        Ok(())
    };
    result.with_context(|| format!("cannot remove {}", dir.display()))
}

fn print(rounds: &[Round], all_held: bool, format: Format) {
    let sum = |of: fn(&Round) -> u64| rounds.iter().map(of).sum::<u64>();
    let answers = sum(|round| round.answers);
    let (acked, stored) = (sum(|round| round.acked), sum(|round| round.stored));
    let (lost, doubled) = (sum(|round| round.lost), sum(|round| round.doubled));
    match format {
        Format::Json => output::line(
            json!({
                "ok": all_held,
                "rounds": rounds.len(),
                "answers": answers,
                "acked": acked,
                "stored": stored,
                "lost": lost,
                "doubled": doubled,
                "each": rounds,
            })
            .to_string(),
        ),
        Format::Table => {
            let cells = |first: String, rest: [u64; 6]| {
                let rest = rest.into_iter().map(|number| number.to_string());
                std::iter::once(first).chain(rest).collect::<Vec<_>>()
            };
            let mut rows: Vec<_> = rounds
                .iter()
                .zip(1..)
                .map(|(r, n)| {
                    let row = [
                        r.killed_after_ms,
                        r.answers,
                        r.acked,
                        r.stored,
                        r.lost,
                        r.doubled,
                    ];
                    cells(format!("{n}"), row)
                })
                .collect();
            let load_ms = sum(|round| round.killed_after_ms);
            let all = [load_ms, answers, acked, stored, lost, doubled];
            rows.push(cells("all".to_owned(), all));
            let heading = [
                "round",
                "killed after ms",
                "answers",
                "acked",
                "stored",
                "lost",
                "doubled",
            ];
            output::table(&heading, &rows);
            output::line(if all_held {
                "\nnothing that was acknowledged is lost or doubled"
            } else {
                "\nNOT everything holds"
            });
        }
    }
}
