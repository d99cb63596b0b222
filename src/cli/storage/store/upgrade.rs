//! `store upgrade`: brings a store to this version before the service does, and takes away what only the version
//! before it needs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::inspect::check_config::load_config;
use crate::cli::{STORE_REFUSED, output};
use crate::domain::time::SystemClock;
use crate::store;

/// Adds what this version needs to a store, so that no start has to; safe while instances run
#[derive(Debug, Args)]
#[command(
    long_about = "Adds what this version needs to a store, so that no start has to.

On PostgreSQL instances of this version and of the one before it go on working; indexes are built \
without blocking writes. On SQLite the service must not run. A run that was cut off is \
finished by the same command; where nothing is missing it changes nothing. Steps: docs/upgrade.md.",
    after_help = "Examples:
  refund-receiver store upgrade --config refunds.toml
  refund-receiver store upgrade --config refunds.toml --contract"
)]
pub struct Upgrade {
    /// The TOML file that names the store
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take away what only the version before this one needs; it cannot start on this store any more
    #[arg(long)]
    contract: bool,
}

impl Upgrade {
    pub fn run(&self) -> ExitCode {
        let config = match load_config(&self.config) {
            Ok(config) => config,
            Err(code) => return code,
        };
        let mut progress = |part: &str| output::error(part);
        match store::upgrade(&config.store, &SystemClock, self.contract, &mut progress) {
            Ok(()) => {
                let done = if self.contract {
                    "the store is of this version alone"
                } else {
                    "the store has what this version needs"
                };
                output::line(done);
                ExitCode::SUCCESS
            }
            Err(error) => output::fail(STORE_REFUSED, error.to_string()),
        }
    }
}
