//! `audit`: does what the service promises hold for this store?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::check_config::load_config;
use super::output;
use super::output::Format;
use super::{STORE_REFUSED, USAGE};
use crate::audit;
use crate::audit::{AckedList, AuditInputs, Invariant, Report};
use crate::store::{Inspection, StoreError, StoreUrl};

/// Proves the promises of the service over its store, in use or stopped; exit 0 if all hold, 1 if not
///
/// Only reads: takes no lock and may run next to the service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver audit --config refunds.toml
  refund-receiver audit --config refunds.toml --acked acked.jsonl --json

--acked takes one JSON object a line, written by the sender of the callback after the answer of success:
  {\"provider\":\"payermax\",\"account\":\"main\",\"refund_no\":\"R-1\",\"sha256\":\"<hex of SHA-256 of the body>\"}

What each rule says, and why something may be skipped, is in docs/durability.md.")]
pub struct Audit {
    /// The TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What was answered with success, to be compared with what is stored
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub fn run(&self) -> ExitCode {
        let config = match load_config(&self.config) {
            Ok(config) => config,
            Err(code) => return code,
        };
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
