//! `restore --from` puts a backup in the place of the store. `restore --check` is a drill: the backup is copied
//! into a temporary folder and opened there as the service would open it, so that it is known today what will be
//! back on the day it is needed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::cli::folder::Folder;
use crate::cli::inspect::check_config::load_config;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::storage::backup::contents::{Contents, Depth};
use crate::cli::{STORE_REFUSED, USAGE};
use crate::config::Config;
use crate::crypto::sha256;
use crate::domain::time::{Clock as _, SystemClock};
use crate::providers::Registry;
use crate::store;
use crate::store::{Inspection, Lane, Restored, Store, StoreError, StoreUrl};

/// Puts a backup in the place of the store; or checks that one can be restored
///
/// --from takes the store's lock, so a running service is in its way. The backup is copied, checked and brought
/// to disk before anything moves; then the old files get other names, nothing is deleted, and the feed gets a
/// new epoch, by which its readers notice. After an interruption the same command does it again. The page
/// with all steps, PostgreSQL included: docs/restore.md.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver restore --check /backup/refunds-2026-01-31.db
  TMPDIR=/var/tmp refund-receiver restore --check refunds.db --config refunds.toml --json
  refund-receiver restore --from /backup/refunds-2026-01-31.db --config refunds.toml
  refund-receiver restore --new-epoch --config refunds.toml

--check copies into the temporary folder (TMPDIR), --from next to the store: as much room as the backup has, and
20 MiB. Exit 0: done, and everything holds; 1: it cannot be restored, or not everything holds in it; 2: wrong
usage; 3: the store cannot be used, because a service runs on it, for instance.")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["check", "from", "new_epoch"])))]
pub struct Restore {
    /// The backup to look at; it is only read
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// The backup that is to take the store's place
    #[arg(long, value_name = "FILE", requires = "config")]
    from: Option<PathBuf>,
    /// Tell the readers of the feed that its history is another one: after PostgreSQL was restored by its own
    /// tools, or after a failover to a standby that may lack commits
    #[arg(long, requires = "config")]
    new_epoch: bool,
    /// The TOML file; with --check, to verify the signatures again with its accounts
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
        let format = Format::or_json(self.output, self.json);
        match (&self.check, &self.from, config) {
            (Some(file), _, config) => check(file, config.as_ref(), format),
            (_, Some(from), Some(config)) => put_back(from, &config, format),
            (_, _, Some(config)) => begin_history(&config, format),
            // clap asks for it.
            (_, _, None) => output::fail(USAGE, "--config is needed"),
        }
    }
}

/// Opens what a user names; that it cannot be read is wrong usage.
fn readable(file: &Path) -> Result<(), ExitCode> {
    std::fs::File::open(file)
        .map(drop)
        .map_err(|error| output::fail(USAGE, format!("{}: {error}", file.display())))
}

fn check(file: &Path, config: Option<&Config>, format: Format) -> ExitCode {
    if let Err(code) = readable(file) {
        return code;
    }
    match drill(file, config.map(|config| &config.registry)) {
        Ok(contents) => {
            contents.print(file, format);
            if contents.report.is_clean() {
                ExitCode::SUCCESS
            } else {
                output::fail(1, "not everything holds in it")
            }
        }
        Err(error) => output::fail(1, format!("it cannot be restored: {error:#}")),
    }
}

fn put_back(from: &Path, config: &Config, format: Format) -> ExitCode {
    let Some(store) = config.store.file() else {
        return output::fail(USAGE, BY_OWN_TOOLS);
    };
    if let Err(code) = readable(from) {
        return code;
    }
    match store::restore_file(from, store, &SystemClock) {
        Ok(restored) => {
            match format {
                Format::Json => output::line(
                    json!({
                        "store": store,
                        "moved": restored.moved,
                        "epoch": restored.epoch,
                        "last_sequence": restored.last_sequence,
                    })
                    .to_string(),
                ),
                Format::Table => print_restored(store, &restored),
            }
            ExitCode::SUCCESS
        }
        Err(error @ StoreError::InUse(_)) => {
            output::fail(STORE_REFUSED, format!("{error}; stop the service first"))
        }
        Err(error) => output::fail(1, format!("nothing was restored: {error}")),
    }
}

fn print_restored(store: &Path, restored: &Restored) {
    for moved in &restored.moved {
        output::line(format!("kept      {}", moved.display()));
    }
    output::line(format!("restored  {}", store.display()));
    let (epoch, last) = (&restored.epoch, restored.last_sequence);
    output::line(format!("feed      epoch {epoch}, the last event is {last}"));
    output::line(NEXT_STEPS);
}

/// What the operator does then.
const NEXT_STEPS: &str = "
next: start the service; run `audit`. Whatever providers sent after the backup was made is not in it: they
repeat what was not answered, not what was; ask them for the rest, or send the kept bodies again. Readers of the feed are
told `feed_restarted` and read again; EPay orders that were registered since have to be registered again.";

/// What is done instead of `--from`.
const BY_OWN_TOOLS: &str = "the store is a PostgreSQL database, which is restored by its own tools: stop every instance, restore \
     (pg_restore, or a recovery to a point in time), then run `refund-receiver restore --new-epoch --config FILE`, so that readers \
     of the feed notice, and start; docs/restore.md has the steps";

/// A new epoch for a store that was restored by other means.
fn begin_history(config: &Config, format: Format) -> ExitCode {
    let begun = actix_web::rt::System::new().block_on(async {
        let store = Store::open(&config.store, &SystemClock, sha256)?;
        store
            .write("new epoch", Lane::SHARED, |tx| {
                let epoch = tx.renew_epoch(SystemClock.new_uuid())?;
                Ok((epoch, tx.snapshot().last_sequence()?))
            })
            .await
    });
    match begun {
        Ok((epoch, last)) => {
            match format {
                Format::Json => {
                    output::line(json!({"epoch": epoch, "last_sequence": last}).to_string());
                }
                Format::Table => {
                    output::line(format!("feed      epoch {epoch}, the last event is {last}"));
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => output::fail(STORE_REFUSED, error.to_string()),
    }
}

fn drill(backup: &Path, registry: Option<&Registry>) -> anyhow::Result<Contents> {
    anyhow::ensure!(
        !store::log_of(backup).exists(),
        "a WAL lies next to it, so it is a store in use or one left by a crash; `backup` makes a file of it"
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
    drop(Store::open(&url, &SystemClock, sha256)?);
    Ok(Contents::of(&copy, Depth::Audit(registry))?)
}
