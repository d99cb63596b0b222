//! `scenario`: the service and the sandbox as child processes, led through a story step by step, or through a
//! soak: random refunds, faults and `kill -9` from a seed.
//!
//! | file | content |
//! |---|---|
//! | `script` | the TOML file of a scenario; those that are shipped |
//! | `stage` | the processes and their folder |
//! | `play` | the steps |
//! | `soak`, `soak_faults` | `scenario run soak`, and which faults it draws |

mod play;
mod script;
mod soak;
mod soak_faults;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::USAGE;
use crate::cli::output;
use crate::domain::time::{Clock as _, SystemClock};
use crate::sandbox::server::journal::export::{Case, junit};
use crate::store::StoreUrl;
use script::Script;
use stage::Setup;

/// The name of the soak among scenarios.
const SOAK: &str = "soak";
/// In the URL of a store: the name and the seed of a run.
const RUN: &str = "{run}";
/// Scenarios at once: they wait more than they work.
const AT_ONCE: usize = 4;

/// Plays stories of refunds against the sandbox, with faults and kill -9
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver scenario list
  refund-receiver scenario run                               every scenario that is shipped
  refund-receiver scenario run lost-callback my-story.toml   these, by name or by file
  refund-receiver scenario run soak --seed 1..10 --refunds 200
  refund-receiver scenario run --output junit > scenarios.xml")]
pub struct Scenario {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Run),
    /// Lists the scenarios that are shipped
    #[command(after_help = "Example:\n  refund-receiver scenario list")]
    List,
}

/// Runs scenarios; exit 1 if one fails
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver scenario run happy lost-callback
  refund-receiver scenario run soak --seed 7 --refunds 200 --dir soak
  refund-receiver scenario run soak --seed 1..5 --instances 2 --store postgres://refunds@127.0.0.1/{run}
  refund-receiver scenario run --output junit > scenarios.xml

Each has a service, a sandbox and a folder of its own, on free ports. The folder of one that fails stays.
{run} in a URL becomes the name and the seed, as in soak_7; make an empty database of that name for each run.
docs/sandbox.md has the steps of a file.")]
struct Run {
    /// Names or TOML files; every shipped one if absent
    #[arg(value_name = "FILE|NAME")]
    scenarios: Vec<String>,
    /// Of keys, and of all that is random in the soak
    #[arg(long, default_value = "1", value_name = "N|A..B", value_parser = seeds)]
    seed: Seeds,
    /// Refunds of the soak
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    refunds: u32,
    /// Keep the folders here
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A PostgreSQL database, empty, in place of a SQLite file of each run
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Instances of the service on the one store; more than one needs PostgreSQL
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    instances: u8,
    /// How to print the results
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// How the results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One object a line, as each run ends.
    #[value(alias = "ndjson")]
    Json,
    /// For build servers, in the end.
    Junit,
}

/// Both ends included.
#[derive(Clone, Copy, Debug)]
struct Seeds(u64, u64);

fn seeds(text: &str) -> Result<Seeds, String> {
    let wrong = "write a number, or two as in 1..10";
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong.to_owned());
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if first > last {
        return Err(wrong.to_owned());
    }
    Ok(Seeds(first, last))
}

/// What is to be played.
#[derive(Clone)]
enum Story {
    Script(Box<Script>),
    Soak,
}

/// One story with one seed.
struct Job {
    /// As it was named.
    name: String,
    story: Story,
    seed: u64,
}

/// What became of it.
struct Outcome {
    /// A few words of what was seen, or why it failed.
    result: Result<String, String>,
    folder: Option<PathBuf>,
    millis: u128,
}

impl Scenario {
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::List => list(),
            Command::Run(run) => run.run(),
        }
    }
}

fn list() -> ExitCode {
    let mut rows = Vec::new();
    for text in script::SHIPPED {
        match Script::read(text) {
            Ok(script) => rows.push(vec![script.name, script.about]),
            Err(why) => return output::fail(1, why),
        }
    }
    let about = "random refunds, faults on both sides and kill -9, from a seed";
    rows.push(vec![SOAK.to_owned(), about.to_owned()]);
    output::table(&["scenario", "what happens"], &rows);
    ExitCode::SUCCESS
}

impl Run {
    fn run(&self) -> ExitCode {
        let jobs = match self.jobs() {
            Ok(jobs) => jobs,
            Err(why) => return output::fail(USAGE, why),
        };
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let cases = Mutex::new(Vec::new());
        // Two soaks at once would only make each other slow.
        let has_soak = jobs.iter().any(|job| matches!(job.story, Story::Soak));
        let threads = if has_soak { 1 } else { AT_ONCE.min(jobs.len()) };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = self.play(job);
                        if outcome.result.is_err() {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                        match self.output {
                            Format::Junit => {
                                let mut cases =
                                    cases.lock().unwrap_or_else(PoisonError::into_inner);
                                cases.push(case(job, outcome));
                            }
                            _ => self.print(job, &outcome),
                        }
                    }
                });
            }
        });
        if self.output == Format::Junit {
            let cases = cases.into_inner().unwrap_or_else(PoisonError::into_inner);
            output::line(junit("scenario", &cases).trim_end());
        }
        ExitCode::from(u8::from(failed.into_inner() > 0))
    }

    fn jobs(&self) -> Result<Vec<Job>, String> {
        let mut named = Vec::new();
        for text in script::SHIPPED {
            let script = Script::read(text)?;
            named.push((script.name.clone(), Story::Script(Box::new(script))));
        }
        named.push((SOAK.to_owned(), Story::Soak));
        let mut stories = Vec::new();
        for wanted in &self.scenarios {
            if let Some(found) = named.iter().find(|(name, _)| name == wanted) {
                stories.push(found.clone());
            } else if Path::new(wanted)
                .extension()
                .is_some_and(|end| end == "toml")
            {
                let text = std::fs::read_to_string(wanted);
                let text = text.map_err(|error| format!("{wanted}: {error}"))?;
                let script = Script::read(&text).map_err(|why| format!("{wanted}: {why}"))?;
                stories.push((wanted.clone(), Story::Script(Box::new(script))));
            } else {
                let known: Vec<_> = named.iter().map(|(name, _)| name.as_str()).collect();
                let known = known.join(", ");
                return Err(format!("{wanted:?} is no scenario; there are {known}"));
            }
        }
        if stories.is_empty() {
            named.pop();
            stories = named;
        }
        let mut jobs = Vec::new();
        for seed in self.seed.0..=self.seed.1 {
            jobs.extend(stories.iter().map(|(name, story)| Job {
                name: name.clone(),
                story: story.clone(),
                seed,
            }));
        }
        self.check_store(jobs.len())?;
        Ok(jobs)
    }

    fn check_store(&self, runs: usize) -> Result<(), String> {
        let Some(url) = &self.store else {
            return if self.instances > 1 {
                Err("two instances cannot share a SQLite file; add --store postgres://…".to_owned())
            } else {
                Ok(())
            };
        };
        match StoreUrl::parse(url, Path::new(".")) {
            Ok(StoreUrl::Postgres(_)) => {}
            Ok(StoreUrl::Sqlite(_)) => {
                return Err(
                    "--store takes a URL of PostgreSQL; without it each run has a SQLite file"
                        .to_owned(),
                );
            }
            Err(error) => return Err(format!("--store: {error}")),
        }
        if runs > 1 && !url.contains(RUN) {
            return Err(format!(
                "{runs} runs need a database each; write {RUN} into the URL, as in postgres://refunds@127.0.0.1/{RUN}"
            ));
        }
        Ok(())
    }

    fn setup(&self, job: &Job) -> Setup {
        let stem = Path::new(&job.name).file_stem().unwrap_or_default();
        let run = format!("{}_{}", stem.to_string_lossy().replace('-', "_"), job.seed);
        Setup {
            seed: job.seed,
            store: self.store.as_ref().map(|url| url.replace(RUN, &run)),
            instances: usize::from(self.instances),
        }
    }

    fn play(&self, job: &Job) -> Outcome {
        let began = stage::stopwatch();
        let id = SystemClock.new_uuid().simple();
        let folder = match &self.dir {
            Some(dir) => {
                let stem = Path::new(&job.name).file_stem().unwrap_or_default();
                dir.join(format!("{}-{}", stem.to_string_lossy(), job.seed))
            }
            None => std::env::temp_dir().join(format!("refund-receiver-scenario-{id}")),
        };
        let setup = self.setup(job);
        let played = match &job.story {
            Story::Script(script) => play::run(script, &folder, &setup),
            Story::Soak => soak::run(&folder, &setup, self.refunds),
        };
        let result = played.map_err(|error| format!("{error:#}"));
        let goes = self.dir.is_none() && result.is_ok();
        if goes && let Err(error) = std::fs::remove_dir_all(&folder) {
            output::error(format!("warning: {} stays: {error}", folder.display()));
        }
        Outcome {
            result,
            folder: Some(folder).filter(|_| !goes),
            millis: began.elapsed().as_millis(),
        }
    }

    fn print(&self, job: &Job, outcome: &Outcome) {
        let is_ok = outcome.result.is_ok();
        let (Ok(words) | Err(words)) = &outcome.result;
        let mut repeat = vec![format!(
            "refund-receiver scenario run {} --seed {}",
            job.name, job.seed
        )];
        if matches!(job.story, Story::Soak) {
            repeat.push(format!("--refunds {}", self.refunds));
        }
        if self.store.is_some() {
            // It may hold a password.
            repeat.push(format!("--instances {} --store URL", self.instances));
        }
        let repeat = repeat.join(" ");
        let folder = outcome.folder.as_ref();
        let folder = folder.map(|folder| folder.display().to_string());
        if self.output == Format::Json {
            let shown = json!({
                "scenario": job.name,
                "seed": job.seed,
                "ok": is_ok,
                "seen": words,
                "seconds": outcome.millis / 1_000,
                "folder": folder,
                "repeat": repeat,
            });
            return output::line(shown.to_string());
        }
        let verdict = if is_ok { "ok    " } else { "failed" };
        let seconds = outcome.millis / 1_000;
        let seed = job.seed;
        output::line(format!(
            "{verdict}  {:<22} seed {seed}  {seconds:>3} s  {words}",
            job.name
        ));
        if !is_ok {
            output::line(format!("        again: {repeat}"));
            if let Some(folder) = folder {
                output::line(format!("        logs and data: {folder}"));
            }
        }
    }
}

fn case(job: &Job, outcome: Outcome) -> Case {
    let said = outcome.result.map_err(|why| match &outcome.folder {
        Some(folder) => format!("{why}\nlogs and data: {}", folder.display()),
        None => why,
    });
    Case {
        class: "scenario".to_owned(),
        name: format!("{} seed {}", job.name, job.seed),
        millis: outcome.millis,
        said,
    }
}
