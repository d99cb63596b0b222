//! `evidence`: what was rejected, and why. Reads the file of rejected requests next to a running service.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::inspect::check_config::load_config;
use crate::cli::output;
use crate::cli::output::Format;
use crate::config::Config;
use crate::crypto;
use crate::diagnosis::signature::{Diagnosis, Subject, diagnose};
use crate::domain::time::Timestamp;
use crate::rejected;
use crate::rejected::{EvidenceFilter, Reason, StoredRequest};

/// Rejected requests that are listed at most.
const LIMIT_MAX: i64 = 10_000;

/// Shows rejected requests, and what would have to be different for them to be accepted
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver evidence list --config refunds.toml
  refund-receiver evidence show 17 --config refunds.toml")]
pub struct Evidence {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// Lists rejected requests, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver evidence list --config refunds.toml
  refund-receiver evidence list --config refunds.toml --reason unauthorized \\
      --path /callbacks/payermax/ --since 2026-01-31T00:00:00Z --output json")]
struct List {
    /// The TOML file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Not earlier than this (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Rejected for this
    #[arg(long, value_parser = PossibleValuesParser::new(Reason::ALL.map(Reason::as_str)))]
    reason: Option<String>,
    /// Sent to a path that begins so
    #[arg(long)]
    path: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
    /// How to print them
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Shows one rejected request whole, with a diagnosis of its signature
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver evidence show 17 --config refunds.toml

The diagnosis undoes the known manglings one by one: another key or account, a body that was read and
written again, line breaks, byte order marks, charsets, and signatures in the wrong alphabet, padding or
encoding. It uses the keys that are configured now and sends nothing anywhere.")]
struct Show {
    /// Its number in the list
    id: i64,
    /// The TOML file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Evidence {
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::List(list) => with_config(&list.config, |config| list.print(config)),
            Command::Show(show) => with_config(&show.config, |config| show.print(config)),
        }
    }
}

fn with_config(path: &Path, print: impl FnOnce(&Config) -> anyhow::Result<()>) -> ExitCode {
    let config = match load_config(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match print(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail(1, format!("{error:#}")),
    }
}

impl List {
    fn print(&self, config: &Config) -> anyhow::Result<()> {
        let filter = EvidenceFilter {
            since: self.since,
            reason: self.reason.clone(),
            path: self.path.clone(),
        };
        let kept = rejected::list(&config.evidence, &filter, self.limit)?;
        match self.output {
            Format::Json => {
                for request in &kept {
                    output::line(to_json(request).to_string());
                }
            }
            Format::Table => {
                let rows: Vec<_> = kept.iter().map(row).collect();
                let heading = ["id", "received at", "reason", "path", "bytes", "why"];
                output::table(&heading, &rows);
            }
        }
        Ok(())
    }
}

impl Show {
    fn print(&self, config: &Config) -> anyhow::Result<()> {
        let kept = rejected::one(&config.evidence, self.id)?
            .with_context(|| format!("no refused request is kept as {}", self.id))?;
        let diagnosis = examine(config, &kept)?;
        match self.output {
            Format::Json => {
                let mut shown = to_json(&kept);
                shown["diagnosis"] = serde_json::to_value(&diagnosis)?;
                output::line(shown.to_string());
            }
            Format::Table => print_whole(&kept, &diagnosis),
        }
        Ok(())
    }
}

fn examine(config: &Config, kept: &StoredRequest) -> anyhow::Result<Diagnosis> {
    let received_at = kept.received_at.to_timestamp();
    Ok(diagnose(
        &config.registry,
        &Subject {
            path: &kept.path,
            reason: &kept.reason,
            headers: headers(kept),
            body: &kept.body_head,
            body_length: usize::try_from(kept.body_length)?,
            received_at: received_at.context("the time of the request is out of range")?,
        },
    ))
}

/// The headers that were stored, and `why`.
fn headers(kept: &StoredRequest) -> HashMap<String, String> {
    serde_json::from_str(&kept.headers).unwrap_or_default()
}

fn row(kept: &StoredRequest) -> Vec<String> {
    vec![
        kept.id.to_string(),
        kept.received_at.to_string(),
        kept.reason.clone(),
        kept.path.clone(),
        kept.body_length.to_string(),
        headers(kept).remove("why").unwrap_or_default(),
    ]
}

fn to_json(kept: &StoredRequest) -> Value {
    let mut headers = headers(kept);
    let why = headers.remove("why");
    let mut shown = json!({
        "id": kept.id,
        "received_at": kept.received_at,
        "reason": kept.reason,
        "why": why,
        "path": kept.path,
        "peer": kept.peer,
        "headers": headers,
        "body_sha256": crypto::hex(&kept.body_sha256),
        "body_length": kept.body_length,
    });
    match std::str::from_utf8(&kept.body_head) {
        Ok(text) => shown["body"] = text.into(),
        Err(_) => shown["body_base64"] = STANDARD.encode(&kept.body_head).into(),
    }
    shown
}

fn print_whole(kept: &StoredRequest, diagnosis: &Diagnosis) {
    let mut headers: Vec<_> = headers(kept).into_iter().collect();
    headers.sort();
    let why = headers.iter().find(|(name, _)| name == "why");
    for (name, value) in [
        ("refused", format!("{} {}", kept.received_at, kept.reason)),
        ("why", why.map(|(_, why)| why.clone()).unwrap_or_default()),
        ("path", kept.path.clone()),
        ("peer", kept.peer.clone()),
        ("body", format!("{} bytes", kept.body_length)),
        ("sha-256", crypto::hex(&kept.body_sha256)),
    ] {
        output::line(format!("{name:<10} {value}"));
    }
    for (name, value) in headers.iter().filter(|(name, _)| name != "why") {
        output::line(format!("{name}: {value}"));
    }
    output::line(format!("\n{}\n", shown_body(&kept.body_head)));
    output::line(format!("{:<10} {}", "diagnosis", diagnosis.says));
    for finding in diagnosis.findings.iter().skip(1) {
        output::line(format!("{:<10} or if {}", "", finding.would_verify_if));
    }
}

/// What an unknown sender sent, without what could play tricks on a terminal.
fn shown_body(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = |c: char| {
        if c.is_control() && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(plain).collect()
}
