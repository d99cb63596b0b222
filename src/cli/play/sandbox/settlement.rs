//! `sandbox settlement`: the file that a provider would make of a day.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::civil::Date;
use serde_json::Value;

use super::unreachable;
use crate::cli::USAGE;
use crate::cli::output;
use crate::outbound::client::{Answer, Client, http_url};

/// Writes the settlement file of a day, as the provider would make it of the sandbox's ledger
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver sandbox settlement --provider payermax --account main --day 2026-01-31 --to day.zip
  refund-receiver reconcile --config refunds.toml --provider payermax --account main --file day.zip
  refund-receiver sandbox settlement --provider nmanagement --account ccb --day 2026-01-31 --to day.txt

PayerMax has a CSV in a zip, the bank a text file; no document knows one of the others. Days are those of UTC+8.")]
pub struct Settlement {
    /// payermax or nmanagement
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// main, old or ccb
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The day in UTC+8, by the sandbox's clock
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Date,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Where the sandbox is
    #[arg(long, default_value = "http://127.0.0.1:8090", value_name = "URL", value_parser = http_url)]
    sandbox: String,
}

impl Settlement {
    pub fn run(&self) -> ExitCode {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("provider", &self.provider);
        query.append_pair("account", &self.account);
        query.append_pair("day", &self.day.to_string());
        let base = self.sandbox.trim_end_matches('/');
        let url = format!("{base}/sandbox/settlement?{}", query.finish());
        match Client::new().send("GET", &url, &[], &[]) {
            Err(error) => output::fail(1, unreachable(&error)),
            Ok(answer) if answer.status == 200 => self.write(&answer),
            Ok(answer) => {
                let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                output::fail(USAGE, problem["error"].as_str().unwrap_or(&answer.body))
            }
        }
    }

    fn write(&self, answer: &Answer) -> ExitCode {
        let shown = self.to.display();
        match std::fs::write(&self.to, &answer.bytes) {
            Ok(()) => {
                output::line(format!("{} bytes written to {shown}", answer.bytes.len()));
                ExitCode::SUCCESS
            }
            Err(error) => output::fail(1, format!("{shown}: {error}")),
        }
    }
}
