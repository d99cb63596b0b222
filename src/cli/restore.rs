//! `restore --check`: a drill. The backup is copied into a temporary folder and opened there as the service
//! would open it, so that it is known today what will be back on the day it is needed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::USAGE;
use super::backup::contents::{Contents, Depth};
use super::check_config::load_config;
use super::folder::Folder;
use super::output::{self, Format};
use crate::domain::clock::SystemClock;
use crate::providers::Registry;
use crate::store::{self, Inspection, Store, StoreError, StoreUrl};

/// Checks that a backup can be restored, and says what would be back; the backup is only read
///
/// A restore itself is a copy of that file to where the store lies, with the service stopped: the steps
/// stand in docs/operations.md.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver restore --check /backup/refunds-2026-01-31.db
  TMPDIR=/var/tmp refund-receiver restore --check refunds.db --config refunds.toml --json

The copy needs as much room in the temporary folder (TMPDIR) as the backup has, and 20 MiB. Exit 0: it can be
restored and everything holds in it; 1: it cannot, or not everything does; 2: wrong usage.")]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "FILE")]
    check: PathBuf,
    /// Verify the signatures again, too, with the accounts of this TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print what would be back
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub fn run(&self) -> ExitCode {
        let config = match self.config.as_deref().map(load_config).transpose() {
            Ok(config) => config,
            Err(code) => return code,
        };
        if let Err(error) = std::fs::File::open(&self.check) {
            return output::fail(USAGE, format!("{}: {error}", self.check.display()));
        }
        match drill(&self.check, config.as_ref().map(|config| &config.registry)) {
            Ok(contents) => {
                contents.print(&self.check, Format::or_json(self.output, self.json));
                if contents.report.is_clean() {
                    ExitCode::SUCCESS
                } else {
                    output::fail(1, "not everything holds in it")
                }
            }
            Err(error) => output::fail(1, format!("it cannot be restored: {error:#}")),
        }
    }
}

fn drill(backup: &Path, registry: Option<&Registry>) -> anyhow::Result<Contents> {
    anyhow::ensure!(
        !store::log_of(backup).exists(),
        "a log lies beside it, so it is a store in use or one left by a crash; `backup` makes a file of it"
    );
    // The service would fill an empty file with a new store; here that would prove nothing. An older
    // schema is stepped up below.
    match Inspection::open(&StoreUrl::Sqlite(backup.to_owned())) {
        Ok(_) | Err(StoreError::SchemaVersion { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let folder = Folder::temporary("drill")?;
    let copy = folder.path().join("refunds.db");
    std::fs::copy(backup, &copy).with_context(|| format!("cannot copy into {}", copy.display()))?;
    let url = StoreUrl::Sqlite(copy.clone());
    // Locks, checks, steps up and closes in good order, as a start and a stop do.
    drop(Store::open(&url, &SystemClock)?);
    Ok(Contents::of(&copy, Depth::Audit(registry))?)
}
