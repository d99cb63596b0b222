//! `audit`: does what the service promises hold for this store?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::audit;
use crate::audit::{AckedList, AuditInputs, Invariant, Report, TrailProof};
use crate::cli::inspect::check_config::load_config;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{STORE_REFUSED, USAGE};
use crate::crypto::{from_hex, hex};
use crate::store::{Inspection, StoreError, StoreUrl, TrailHead};

/// Proves the promises of the service over its store, in use or stopped; exit 0 if all hold, 1 if not
///
/// Only reads: takes no lock and may run next to the service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver audit --config refunds.toml
  refund-receiver audit --config refunds.toml --acked acked.jsonl --json
  refund-receiver audit --trail --config refunds.toml --expect-head 1234:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

--acked takes one JSON object a line, written by the sender of the callback after the answer of success:
  {\"provider\":\"payermax\",\"account\":\"main\",\"refund_no\":\"R-1\",\"sha256\":\"<hex of SHA-256 of the body>\"}

--trail proves the chain of hashes of the trail of acts alone, and names the first entry that breaks it. A head
that was printed or read from GET /v1/audit before, and kept elsewhere, shows a cut end.

What each rule says, and why something may be skipped, is in docs/durability.md.")]
pub struct Audit {
    /// The TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What was answered with success, to be compared with what is stored
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
    /// Prove the trail of acts, and nothing else
    #[arg(long, conflicts_with = "acked")]
    trail: bool,
    /// A head of the trail that was kept elsewhere: the entry must be there, with this hash
    #[arg(long, value_name = "SEQUENCE:HASH", requires = "trail", value_parser = parse_head)]
    expect_head: Option<TrailHead>,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

impl Audit {
    fn prove_trail(&self, store: &StoreUrl) -> ExitCode {
        let mut progress = |proven, all| output::error(format!("{proven} of {all} entries proven"));
        let proof = loop {
            let proof = Inspection::open(store).and_then(|mut inspection| {
                let proof = audit::prove_trail(&mut inspection, self.expect_head, &mut progress);
                Ok((proof?, inspection.was_overtaken()))
            });
            match proof {
                // A service began to use the file during that.
                Ok((_, true)) => {}
                Ok((proof, false)) => break proof,
                Err(error) => return output::fail(STORE_REFUSED, error.to_string()),
            }
        };
        print_proof(&proof, Format::or_json(self.output, self.json));
        if proof.broken.is_none() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    pub fn run(&self) -> ExitCode {
        let config = match load_config(&self.config) {
            Ok(config) => config,
            Err(code) => return code,
        };
        if self.trail {
            return self.prove_trail(&config.store);
        }
        let acked = match self.acked.as_deref().map(read_acked).transpose() {
            Ok(acked) => acked,
            Err(error) => return output::fail(USAGE, format!("{error:#}")),
        };
        let means = AuditInputs {
            registry: Some(&config.registry),
            evidence: Some(&config.evidence),
            acked: acked.as_ref(),
        };
        match audit_store(&config.store, means) {
            Ok(report) => {
                print(&report, Format::or_json(self.output, self.json));
                if report.is_clean() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                }
            }
            Err(error) => output::fail(STORE_REFUSED, error.to_string()),
        }
    }
}

fn parse_head(text: &str) -> Result<TrailHead, String> {
    let wrong = "is not SEQUENCE:HASH, such as 1234 and 64 hexadecimal digits";
    let (sequence, hash) = text.split_once(':').ok_or(wrong)?;
    let hash = from_hex(hash).and_then(|bytes| bytes.try_into().ok());
    let sequence = sequence.parse().ok().filter(|sequence| *sequence >= 0);
    match (sequence, hash) {
        (Some(sequence), Some(hash)) => Ok(TrailHead { sequence, hash }),
        _ => Err(wrong.to_owned()),
    }
}

fn print_proof(proof: &TrailProof, format: Format) {
    let head = format!("{}:{}", proof.proven.sequence, hex(&proof.proven.hash));
    if format == Format::Json {
        let broken = proof.broken.as_ref();
        let broken = broken.map(|broken| json!({"sequence": broken.sequence, "what": broken.what}));
        let proven = json!({"sequence": proof.proven.sequence, "hash": hex(&proof.proven.hash)});
        let ok = proof.broken.is_none();
        output::line(json!({"ok": ok, "proven": proven, "broken": broken}).to_string());
        return;
    }
    let entries = proof.proven.sequence;
    output::line(match &proof.broken {
        None => format!("the trail is whole: {entries} entries, head {head}"),
        Some(broken) => format!(
            "the trail is broken: entry {} {} ({entries} entries before it hold)",
            broken.sequence, broken.what
        ),
    });
}

/// Audits a store; once more where a service began to use it during that.
pub fn audit_store(url: &StoreUrl, means: AuditInputs<'_>) -> Result<Report, StoreError> {
    loop {
        let mut inspection = Inspection::open(url)?;
        let report = audit::audit(&mut inspection, means);
        if !inspection.was_overtaken() {
            return report;
        }
    }
}

fn read_acked(path: &Path) -> anyhow::Result<AckedList> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", name()))?;
    AckedList::parse(&text).with_context(name)
}

/// Prints what was found.
pub fn print(report: &Report, format: Format) {
    match format {
        Format::Json => output::line(report.to_json().to_string()),
        Format::Table => print_table(report),
    }
}

fn print_table(report: &Report) {
    let rows = Invariant::ALL.map(|rule| {
        let (id, name, what) = rule.words();
        let finding = report.finding(rule);
        vec![
            id.to_owned(),
            name.to_owned(),
            what.to_owned(),
            finding.checked.to_string(),
            finding.skipped.to_string(),
            finding.broken.to_string(),
        ]
    });
    let heading = [
        "rule",
        "name",
        "what it says",
        "checked",
        "skipped",
        "broken",
    ];
    output::table(&heading, &rows);
    if let Some(acked) = &report.acked {
        output::line(format!(
            "\nacknowledged {}, stored {}, lost {}, doubled {}",
            acked.acked, acked.stored, acked.lost, acked.doubled
        ));
    }
    print_violations(report);
}

/// Prints what breaks which rule, and last whether all hold.
pub fn print_violations(report: &Report) {
    for rule in Invariant::ALL {
        let finding = report.finding(rule);
        let (id, name, _) = rule.words();
        for violation in &finding.shown {
            output::line(format!("{id} {name}: {} {}", violation.id, violation.what));
        }
        let more = finding.broken - finding.shown.len() as u64;
        if more > 0 {
            output::line(format!("{id} {name}: and {more} more"));
        }
    }
    output::line(if report.is_clean() {
        "\nall hold"
    } else {
        "\nnot all hold"
    });
}
