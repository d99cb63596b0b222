//! `reload`: asks a running service to read its config again.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::cli::operate::endpoint::Service;
use crate::cli::output;
use crate::cli::output::Format;

/// Lets a running service read its config again: accounts, keys, secrets, readers, endpoints, limits
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver reload --token env:OPERATOR_TOKEN
  refund-receiver reload --token file:operator.token --url http://10.0.0.5:8081
The token is that of a [[readers]] entry with the scope operate. SIGHUP does the same. A config with an error
changes nothing (exit 1). What needs a restart is named.")]
pub struct Reload {
    #[command(flatten)]
    service: Service,
    /// How to print the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Reload {
    pub fn run(&self) -> ExitCode {
        let answer = match self.service.ask_with_token("POST", "/v1/reload") {
            Ok(answer) => answer,
            Err(code) => return code,
        };
        match self.output {
            Format::Json => output::line(answer.to_string()),
            Format::Table => {
                output::line("the config is in effect");
                for key in texts(&answer["needs_restart"]) {
                    output::line(format!("takes effect with a restart only: {key}"));
                }
                for warning in texts(&answer["warnings"]) {
                    output::line(format!("warning: {warning}"));
                }
            }
        }
        ExitCode::SUCCESS
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}
