//! `check-config`: what would `serve` do with this file?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::USAGE;
use crate::cli::output;
use crate::cli::output::Format;
use crate::config::{Config, Effective};
use crate::domain::time::{Clock as _, SystemClock};

/// Reads and checks a config, and prints the effective values: defaults too, secrets masked
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver check-config --config refunds.toml
  REFUND_RECEIVER__SERVER__LISTEN=0.0.0.0:80 refund-receiver check-config --config refunds.toml")]
pub struct CheckConfig {
    /// The TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How to print the effective values
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl CheckConfig {
    pub fn run(&self) -> ExitCode {
        let config = match load_config(&self.config) {
            Ok(config) => config,
            Err(code) => return code,
        };
        for warning in &config.warnings {
            output::error(format!("warning: {warning}"));
        }
        match self.output {
            Format::Table => {
                for Effective {
                    key,
                    value,
                    is_default,
                } in &config.effective
                {
                    let mark = if *is_default { "  # default" } else { "" };
                    output::line(format!("{key} = {value}{mark}"));
                }
            }
            Format::Json => {
                let values: serde_json::Map<_, _> = config
                    .effective
                    .into_iter()
                    .map(|effective| (effective.key, effective.value.into()))
                    .collect();
                output::line(serde_json::Value::Object(values).to_string());
            }
        }
        ExitCode::SUCCESS
    }
}

/// Loads a config, or prints what is wrong with it and gives the exit code.
pub fn load_config(path: &Path) -> Result<Config, ExitCode> {
    let now = SystemClock.now().to_timestamp().unwrap_or_default();
    Config::load(path, environment(), now).map_err(|problems| {
        for problem in problems {
            output::error(format!("error: {problem}"));
        }
        ExitCode::from(USAGE)
    })
}

/// The variables of the process; one that is not UTF-8 cannot be ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
