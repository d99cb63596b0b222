//! `sandbox arm`: arms a fault of a running sandbox.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::unreachable;
use crate::cli::USAGE;
use crate::cli::output;
use crate::outbound::client::{Client, http_url};
use crate::sandbox::server::faults::Kind;

/// Arms a fault for the next calls or callbacks of a running sandbox
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver sandbox arm --provider payermax --call refund --fault after-accept-cut
  refund-receiver sandbox arm --provider paycools --call callback --fault drop --times 3
  refund-receiver sandbox arm --fault code:REFUND_INSUFFICIENT_BALANCE --number R-1
  refund-receiver sandbox arm --fault at-once --to http://127.0.0.1:18080
  refund-receiver sandbox arm --clear

Faults of calls: before-accept-5xx after-accept-5xx after-accept-cut after-accept-hang after-accept-reset slow
slow-log-normal late reset half-body garbage wrong-content-type bom gzip says-gzip redirect 429 expired skew early code:XYZ
bad-sign no-sign new-key old-key corrupt; of lists of the bank: empty-list second-page status-5; of callbacks: drop
duplicate delay reorder at-once gbk corrupt bad-sign no-sign new-key old-key. docs/sandbox.md says what each does.")]
pub struct Arm {
    /// The fault
    #[arg(long, required_unless_present = "clear", value_parser = fault)]
    fault: Option<String>,
    /// Any provider if absent
    #[arg(long)]
    provider: Option<String>,
    /// refund, query, payment, login, file or callback; any but callback if absent
    #[arg(long)]
    call: Option<String>,
    /// Any refund number if absent
    #[arg(long)]
    number: Option<String>,
    /// How often it fires
    #[arg(long, default_value_t = 1, value_name = "N")]
    times: u32,
    /// Of slow, slow-log-normal, late, delay, reorder and 429 (5 if absent), and of skew (600)
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Of at-once: the public listener of the service that gets it as well
    #[arg(long, value_name = "URL", value_parser = http_url)]
    to: Option<String>,
    /// Disarm everything
    #[arg(long, conflicts_with = "fault")]
    clear: bool,
    /// Where the sandbox is
    #[arg(long, default_value = "http://127.0.0.1:8090", value_name = "URL", value_parser = http_url)]
    sandbox: String,
}

fn fault(text: &str) -> Result<String, String> {
    text.parse::<Kind>().map(|kind| kind.to_text())
}

impl Arm {
    pub fn run(&self) -> ExitCode {
        let url = format!("{}/sandbox/faults", self.sandbox.trim_end_matches('/'));
        let body = json!({
            "provider": self.provider,
            "call": self.call,
            "number": self.number,
            "fault": self.fault,
            "times": self.times,
            "seconds": self.seconds,
            "to": self.to,
        })
        .to_string();
        let method = if self.clear { "DELETE" } else { "POST" };
        let headers = [("content-type", "application/json")];
        match Client::new().send(method, &url, &headers, body.as_bytes()) {
            Err(error) => output::fail(1, unreachable(&error)),
            Ok(answer) if answer.status == 200 => {
                output::line(answer.body);
                ExitCode::SUCCESS
            }
            Ok(answer) => {
                let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                let why = problem["error"].as_str().unwrap_or(&answer.body);
                output::fail(USAGE, why)
            }
        }
    }
}
