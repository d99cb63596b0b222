//! Measures a refund receiver from outside: a closed loop of signed `PayerMax` callbacks (or
//! of reads) over keep-alive connections, and the speed of the disk, on which such figures depend.
//!
//! It knows nothing of this crate's library on purpose: any server that speaks the same wire
//! form can be put under the same load, and a mistake in the library cannot hide in here too.
//! Client and server usually share one small machine, so everything expensive (signing, building
//! requests) happens before the clock starts and one thread drives all connections.

mod client;
mod disk;
mod flood;
mod prepare;
mod process;
mod report;
mod target;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};

use crate::client::{Job, Stage};
use crate::flood::{Flood, Manner};
use crate::prepare::{Numbers, RequestSet, Signed};
use crate::process::Watched;
use crate::report::{Output, Report};
use crate::target::Target;

/// The success body of a `PayerMax` "new" callback; any other body counts as a wrong answer.
const ACKNOWLEDGEMENT: &[u8] = br#"{"code":"SUCCESS","msg":"Success"}"#;

/// Time for the server to finish what it has acknowledged before its processor time is read, so
/// that work put off past the answer is charged to the requests that caused it.
const APPLY_GRACE: Duration = Duration::from_secs(1);

/// Enough signed requests for a first look; a measurement names its own number.
const PREPARE_NEW: usize = 20_000;

/// Bad requests of a flood; they are sent repeatedly.
const FLOOD_SET: usize = 1_000;

/// Duplicates are sent repeatedly, so a few are enough.
const PREPARE_DUPLICATES: usize = 1_000;

const EXAMPLE: &str = "\
Example:
  cargo run --release --example load -- --key private.pem --pid 4711 \\
    --target http://127.0.0.1:8080/callbacks/payermax/main \\
    --prepare 200000 --prepared target/prepared.txt --connections 1,16,64 --seconds 5";

#[derive(Parser)]
#[command(
    about = "Puts a refund receiver under load and prints what it held",
    after_help = EXAMPLE
)]
struct Args {
    /// What to measure
    #[arg(long, value_enum, default_value_t = Mode::New)]
    mode: Mode,
    /// Where the requests go; plain http only
    #[arg(long, default_value = "http://127.0.0.1:8080/callbacks/payermax/main")]
    target: Target,
    /// Connections at a time, one stage each
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<u16>,
    /// Length of a stage; it ends sooner when the prepared requests run out
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests a second of all connections together [default: as many as they can]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// RSA private key of the sender: PEM, or bare Base64 of its DER
    #[arg(long)]
    key: Option<PathBuf>,
    /// merchantNo in every callback
    #[arg(long, default_value = "020213827212251")]
    merchant_no: String,
    /// Whether the numbers of refunds, orders and the provider follow each other
    #[arg(long, value_enum, default_value = "sequence")]
    numbers: Numbers,
    /// How many distinct requests to sign, or to take from --prepared
    #[arg(long)]
    prepare: Option<usize>,
    /// Signed requests: read from this file when it exists, else signed and written to it.
    /// A server that has seen the set before will see it as duplicates
    #[arg(long)]
    prepared: Option<PathBuf>,
    /// Server process; processor time and memory of it and its children are reported
    #[arg(long)]
    pid: Option<u32>,
    /// Connections of the flood (mode flood)
    #[arg(long, default_value_t = 64)]
    flood: u16,
    /// Instead: so many bad requests a second, each on a connection of its own that is closed at once
    #[arg(long)]
    flood_rate: Option<u32>,
    /// Name of the environment variable with the bearer token (mode read)
    #[arg(long)]
    bearer_env: Option<String>,
    /// Folder on the disk to probe (mode fdatasync)
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Every request is a callback the server has not seen
    New,
    /// One prepared set again and again; a first, unmeasured round makes all of it known
    Duplicates,
    /// As `new`, each stage twice: alone, and next to a flood of callbacks with bad signatures
    Flood,
    /// GET on the target
    Read,
    /// Sign and save to --prepared, send nothing
    Prepare,
    /// One appended 4 KiB block and one fdatasync at a time in --dir
    Fdatasync,
}

/// Exit status 0: every request was acknowledged; 1: some were not; 2: nothing was measured.
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Without stderr there is nowhere to report it.
            let _ = writeln!(std::io::stderr(), "load: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every request was acknowledged.
fn run(args: &Args) -> anyhow::Result<bool> {
    match args.mode {
        Mode::Fdatasync => {
            let dir = args
                .dir
                .as_deref()
                .context("--mode fdatasync needs --dir")?;
            let probe = disk::probe(dir, Duration::from_secs(args.seconds))
                .with_context(|| format!("failed to probe {}", dir.display()))?;
            report::print_disk(&probe, args.output)?;
            Ok(true)
        }
        Mode::Prepare => {
            if args.prepared.is_none() {
                bail!("--mode prepare needs --prepared");
            }
            request_set(args)?;
            Ok(true)
        }
        Mode::New | Mode::Flood | Mode::Duplicates | Mode::Read => {
            let report = measure(args)?;
            report.print(args.output)?;
            Ok(report.is_clean())
        }
    }
}

/// Runs all stages one after the other and gathers their figures.
fn measure(args: &Args) -> anyhow::Result<Report> {
    let set = request_set(args)?;
    let repeats = matches!(args.mode, Mode::Duplicates | Mode::Read);
    let expected = (args.mode != Mode::Read).then_some(ACKNOWLEDGEMENT);
    let job = Job::new(args.target.authority.clone(), set, repeats, expected);
    let watched = args.pid.map(Watched::with_children).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    if args.mode == Mode::Duplicates {
        runtime.block_on(client::send_each_once(&job))?;
    }
    let mut report = Report::new(args.target.to_string());
    for &connections in &args.connections {
        let stage = Stage {
            connections,
            length: Duration::from_secs(args.seconds),
            rate: args.rate,
        };
        let floods = match args.mode {
            Mode::Flood => vec![false, true],
            _ => vec![false],
        };
        for is_flooded in floods {
            let before = watched.as_ref().map(Watched::usage).transpose()?;
            let flood = is_flooded.then(|| flood(args)).transpose()?;
            let measured = runtime.block_on(client::run(&job, stage))?;
            let bad = flood.map(Flood::stop).transpose()?;
            let usage = match (&watched, before) {
                (Some(watched), Some(before)) => {
                    std::thread::sleep(APPLY_GRACE);
                    Some(watched.usage()?.since(&before))
                }
                _ => None,
            };
            report.add(connections, bad, measured, usage);
        }
    }
    Ok(report)
}

/// Starts a flood that goes on until it is stopped.
fn flood(args: &Args) -> anyhow::Result<Flood> {
    let signed = signed(args, FLOOD_SET)?;
    let set = RequestSet::of_bad_signatures(&args.target, &signed);
    let manner = args
        .flood_rate
        .map_or(Manner::Patient(args.flood), Manner::HitAndRun);
    Ok(Flood::start(args.target.authority.clone(), set, manner))
}

/// The requests of this run, signed now or read from the file of an earlier run.
fn request_set(args: &Args) -> anyhow::Result<RequestSet> {
    if args.mode == Mode::Read {
        let token = args.bearer_env.as_deref().map(bearer_token).transpose()?;
        return Ok(RequestSet::of_one(&args.target.get(token.as_deref())));
    }
    let wanted = args.prepare.unwrap_or(match args.mode {
        Mode::Duplicates => PREPARE_DUPLICATES,
        _ => PREPARE_NEW,
    });
    Ok(RequestSet::of_notifications(
        &args.target,
        &signed(args, wanted)?,
    ))
}

/// Signed callbacks, from the file of an earlier run or signed now.
fn signed(args: &Args, wanted: usize) -> anyhow::Result<Vec<Signed>> {
    Ok(match &args.prepared {
        Some(file) if file.exists() => prepare::load(file, wanted)?,
        saved => {
            let key = args
                .key
                .as_deref()
                .context("--key is needed to sign requests")?;
            let signed = prepare::sign_all(key, (&args.merchant_no, args.numbers), wanted)?;
            if let Some(file) = saved {
                prepare::save(file, &signed)?;
            }
            signed
        }
    })
}

fn bearer_token(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("failed to read the variable {variable}"))
}
