//! `backup`: one file that holds the whole store as it was at one moment, made while the service runs
//! and not believed until it has been audited. Decided in `docs/adr/0011-backup.md`.

pub mod contents;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::cli::inspect::check_config::load_config;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{STORE_REFUSED, USAGE};
use crate::config::Config;
use crate::domain::time::{Clock as _, SystemClock};
use crate::store;
use crate::store::StoreError;
use contents::{Contents, Depth};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Pause between two lines that say how far the copy is, in milliseconds.
const PROGRESS_MS: i64 = 2_000;
/// Bytes of a page of `SQLite`, as this program makes its databases.
const PAGE_BYTES: u64 = 4_096;
const MEBIBYTE: u64 = 1_024 * 1_024;

/// Copies the store, while the service runs, into one new file, and audits the copy
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver backup --config refunds.toml --to /backup/refunds-2026-01-31.db
  refund-receiver backup --config refunds.toml --to /backup/refunds-hourly.db --no-audit

The audit verifies every signature again: some minutes for a million callbacks. An existing file is never
overwritten. Exit 0: the copy is on disk and everything holds in it; 1: there is no copy, or the copy is kept and
something does not hold in it (as in the store itself); 2: wrong usage, or a PostgreSQL store, which has tools of
its own; 3: the store cannot be read. How to restore: `restore --from`, docs/restore.md.")]
pub struct Backup {
    /// The TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The file to be made
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Check the pages of the copy alone; audit it later with `restore --check`
    #[arg(long)]
    no_audit: bool,
    /// How to print what was copied
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub fn run(&self) -> ExitCode {
        let config = match load_config(&self.config) {
            Ok(config) => config,
            Err(code) => return code,
        };
        let Some(store) = config.store.file() else {
            return output::fail(USAGE, use_own_tools(&config, &self.to));
        };
        if self.to.symlink_metadata().is_ok() {
            let name = self.to.display();
            return output::fail(USAGE, format!("{name} exists; a backup overwrites nothing"));
        }
        let depth = if self.no_audit {
            Depth::Sound
        } else {
            Depth::Audit(Some(&config.registry))
        };
        let began = SystemClock.now();
        match make(store, &self.to, depth) {
            Ok(contents) => {
                contents.print(&self.to, Format::or_json(self.output, self.json));
                if contents.report.is_clean() {
                    if let Err(error) = store::note_backup(store, began) {
                        output::error(format!(
                            "warning: the service will not show this backup's age: {error}"
                        ));
                    }
                    ExitCode::SUCCESS
                } else {
                    output::fail(1, "the copy is kept, but not everything holds in it")
                }
            }
            Err(error) => {
                let is_store = error.downcast_ref::<StoreError>().is_some();
                let code = if is_store { STORE_REFUSED } else { 1 };
                output::fail(code, format!("{error:#}"))
            }
        }
    }
}

fn use_own_tools(config: &Config, to: &Path) -> String {
    format!(
        "the store is a PostgreSQL database, which is backed up by its own tools: \
         pg_dump --format=custom --file={} {} (or pg_basebackup for the whole server); \
         the password comes from PGPASSWORD or ~/.pgpass",
        to.display(),
        config.store
    )
}

/// Copies under another name, audits, brings it to disk, and only then gives it its name: under that name
/// there is a whole backup or nothing.
fn make(from: &Path, to: &Path, depth: Depth<'_>) -> anyhow::Result<Contents> {
    let mut partial = Partial::create(to)?;
    store::copy_file(from, &partial.path, &mut progress_on_stderr())?;
    let name = partial.path.display();
    let synced = File::open(&partial.path).and_then(|file| file.sync_all());
    synced.with_context(|| format!("{name} cannot be brought to disk"))?;
    let contents = Contents::of(&partial.path, depth);
    let contents = contents.map_err(|error| anyhow::anyhow!("the copy cannot be used: {error}"))?;
    anyhow::ensure!(
        !contents.is_damaged(),
        "the copy is damaged, so the store may be, too; `audit` says more"
    );
    partial.finish(to)?;
    Ok(contents)
}

/// A copy under way; removed unless it becomes a backup.
struct Partial {
    path: PathBuf,
    is_named: bool,
}

impl Partial {
    /// Only we may read it: it holds everything that the store does.
    fn create(to: &Path) -> anyhow::Result<Self> {
        let mut name = to.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let made = options.open(&path);
        made.with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self {
            path,
            is_named: false,
        })
    }

    /// Gives it its name, which must still be free, and brings that to disk.
    fn finish(&mut self, to: &Path) -> anyhow::Result<()> {
        let named = match renameat_with(CWD, &self.path, CWD, to, RenameFlags::NOREPLACE) {
            // Network file systems often cannot; the name was free before the copy and is looked at again.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if to.symlink_metadata().is_err() => {
                std::fs::rename(&self.path, to)
            }
            other => other.map_err(Into::into),
        };
        named.with_context(|| format!("cannot name the copy {}", to.display()))?;
        self.is_named = true;
        let folder = to.parent().filter(|path| !path.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.with_context(|| format!("{} cannot be brought to disk", folder.display()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.is_named {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            let name = self.path.display();
            output::error(format!("warning: {name} cannot be removed: {error}"));
        }
    }
}

/// Says every other second how far the copy is; short ones are silent.
fn progress_on_stderr() -> impl FnMut(u64, u64) {
    let now = || SystemClock.now().as_millis();
    let mut said = now();
    move |done, all| {
        if now() - said >= PROGRESS_MS {
            said = now();
            let mebibytes = |pages: u64| pages * PAGE_BYTES / MEBIBYTE;
            let percent = done * 100 / all.max(1);
            let (done, all) = (mebibytes(done), mebibytes(all));
            output::error(format!("{percent} %, {done} of {all} MiB copied"));
        }
    }
}
