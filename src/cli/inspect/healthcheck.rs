//! `healthcheck`: for a container's HEALTHCHECK, where no other HTTP client is at hand.

use std::process::ExitCode;

use clap::Args;

use crate::cli::output;
use crate::outbound::client::{Client, http_url};

/// Asks a running service whether it is ready; exit 0 if so, 1 if not
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver healthcheck --url http://127.0.0.1:8081/readyz")]
pub struct Healthcheck {
    /// The address of /readyz on the internal listener
    #[arg(long, default_value = "http://127.0.0.1:8081/readyz", value_parser = http_url)]
    url: String,
}

impl Healthcheck {
    pub fn run(&self) -> ExitCode {
        match Client::new().send("GET", &self.url, &[], &[]) {
            Ok(answer) if answer.status == 200 => {
                output::line(answer.body);
                ExitCode::SUCCESS
            }
            Ok(answer) => output::fail(1, format!("{}: {}", answer.status, answer.body)),
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }
}
