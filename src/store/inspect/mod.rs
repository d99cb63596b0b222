//! Looking at a store from outside, next to a running service or after it: no lock is taken and nothing
//! is written. `audit`, `backup` and `restore` stand on it.

pub mod damage;
pub mod restore;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::engine::driver::Driver;
use super::engine::postgres::{Postgres, Purpose};
use super::engine::real_path;
use super::engine::sqlite::generation;
use super::engine::sqlite::{Sqlite, with_suffix};
use super::tables::Snapshot;
use super::{StoreError, StoreUrl, schema};
use damage::Damage;

/// A store that is only looked at.
pub struct Inspection(Source);

enum Source {
    File(StoreFile),
    Server(Postgres),
}

/// A file of `SQLite`, and whether no process had it open when this began.
struct StoreFile {
    sqlite: Sqlite,
    path: PathBuf,
    is_at_rest: bool,
}

impl StoreFile {
    /// A file without a WAL next to it is at rest and taken as it lies, which leaves no trace in its
    /// folder. One with a WAL is in use, or was left by a crash: it is read as any reader would.
    fn open(path: &Path) -> Result<Self, StoreError> {
        let path = real_path(path)?;
        let is_at_rest = !log_of(&path).exists();
        let sqlite = if is_at_rest {
            Sqlite::open_at_rest(&path)?
        } else {
            generation::check_unlocked(&path)?;
            Sqlite::open_read_only(&path)?
        };
        Ok(Self {
            sqlite,
            path,
            is_at_rest,
        })
    }

    fn was_overtaken(&self) -> bool {
        self.is_at_rest && log_of(&self.path).exists()
    }
}

impl Inspection {
    /// Opens a store of the present schema version; rejects any other and what is not ours.
    pub fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let source = match url {
            StoreUrl::Sqlite(path) => Source::File(StoreFile::open(path)?),
            StoreUrl::Postgres(url) => {
                let url = Arc::new(url.as_ref().clone());
                Source::Server(Postgres::connect(url, Purpose::Maintain)?)
            }
        };
        let mut inspection = Self(source);
        let driver = inspection.driver();
        driver.begin_snapshot()?;
        let checked = schema::require_present(driver);
        driver.rollback();
        checked.map(|()| inspection)
    }

    fn driver(&mut self) -> &mut dyn Driver {
        match &mut self.0 {
            Source::File(file) => &mut file.sqlite,
            Source::Server(postgres) => postgres,
        }
    }

    /// Runs a query over one unchanging state. Keep it short: while it lasts, the WAL of a running
    /// service cannot start over.
    pub fn look<T>(
        &mut self,
        query: impl FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let driver = self.driver();
        driver.begin_snapshot()?;
        let result = query(&mut Snapshot::new(driver));
        driver.rollback();
        result
    }

    /// What the engine finds damaged in a file; empty where it is sound. A file at rest is read as a whole.
    /// One in use is read table by table, each for a few seconds at most, so that the WAL can start over.
    /// `None` for a server, which looks after its own pages.
    pub fn damage(&mut self) -> Result<Option<Damage>, StoreError> {
        match &mut self.0 {
            Source::File(file) if file.is_at_rest => Ok(Some(Damage {
                found: schema::damage(&mut file.sqlite)?,
                unread: Vec::new(),
            })),
            Source::File(file) => damage::of_tables(&mut file.sqlite, damage::PIECE_MAX).map(Some),
            Source::Server(_) => Ok(None),
        }
    }

    /// Whether a service began to use a file that was taken as it lay: what was read may be half of
    /// two states, and has to be read again.
    pub fn was_overtaken(&self) -> bool {
        match &self.0 {
            Source::File(file) => file.was_overtaken(),
            Source::Server(_) => false,
        }
    }

    /// Bytes of the WAL next to a file, 0 where there is none; `None` for a server.
    pub fn log_bytes(&self) -> Option<u64> {
        match &self.0 {
            Source::File(file) => {
                let log = log_of(&file.path).metadata();
                Some(log.map_or(0, |log| log.len()))
            }
            Source::Server(_) => None,
        }
    }
}

/// Copies one state of the file `from` into the new file `to`, and tells how far it is: pages done and
/// pages in all. What a running service commits during the copy is not in it.
pub fn copy_file(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let mut file = StoreFile::open(from)?;
    file.sqlite.begin_snapshot()?;
    let result = file.sqlite.copy_into(to, progress);
    file.sqlite.rollback();
    if file.was_overtaken() {
        let what = "a service began to use the store during the copy; try again";
        return Err(StoreError::Busy(what.to_owned()));
    }
    result.and_then(|()| generation::disown_wal(to))
}

/// The WAL of a database lies next to it.
pub fn log_of(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}
