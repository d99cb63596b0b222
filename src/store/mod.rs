//! The store: what is known, on disk. Two verbs, [`Store::write`] and [`Store::read`], take a
//! closure that speaks business words ([`Tx`], [`Snapshot`]); which engine answers, how commits
//! are gathered and which thread does the work is invisible behind them.
//!
//! Promise: when `write` returns `Ok`, the job's rows survive `kill -9` and a power cut.

mod checkpoint;
mod driver;
mod error;
pub mod evidence;
mod queue;
mod reader;
mod schema;
mod sql;
mod sqlite;
mod stats;
mod tx;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

pub use error::StoreError;
pub use stats::{Stats, StatsNow};
pub use tx::{
    CallbackRow, DueCallback, EventRow, Locked, NewCallback, RefundFilter, RefundPage, Snapshot,
    Stored, Tx,
};

use crate::domain::clock::Moment;
use driver::Driver;
use reader::Readers;
use sqlite::{Sqlite, StoreLock, Synchronous};
use writer::{Task, Writer};

/// Threads that read; two keep a slow list from delaying single look-ups.
const READERS: usize = 2;

/// How soon a job has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Somebody waits for it.
    Now,
    /// It may ride along with the next urgent one.
    Background,
}

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
}

/// A text that names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Not a scheme of ours.
    #[error("must be sqlite:PATH")]
    Scheme,
    /// Nothing behind the scheme.
    #[error("names no file; write sqlite:data/refunds.db")]
    NoPath,
}

impl StoreUrl {
    /// Reads `sqlite:PATH`; a relative path is relative to `base`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, StoreUrlError> {
        let path = text.strip_prefix("sqlite:").ok_or(StoreUrlError::Scheme)?;
        if path.is_empty() {
            return Err(StoreUrlError::NoPath);
        }
        Ok(Self::Sqlite(base.join(path)))
    }

    /// The file of the database.
    pub fn path(&self) -> &Path {
        match self {
            Self::Sqlite(path) => path,
        }
    }
}

/// An open store; closed, after doing what is queued, when dropped.
pub struct Store {
    /// Before the writer, so that the last to close can write: it empties the log into the file.
    readers: Readers,
    writer: Writer,
    stats: Arc<Stats>,
    sequence: watch::Sender<i64>,
    /// Last, so that it is given back only after the writer has ended.
    _lock: StoreLock,
}

impl Store {
    /// Opens or creates a store. Takes its lock, checks settings and schema version, and refuses
    /// what is damaged, foreign or newer than this program.
    pub fn open(url: &StoreUrl, now: Moment) -> Result<Self, StoreError> {
        make_folder(url.path())?;
        let path = &real_path(url.path())?;
        let lock = StoreLock::take(path)?;
        // Looked at before anything is set, so that a file that is not ours stays as it is.
        let bytes = path.metadata().map_or(0, |file| file.len());
        if bytes > 0 {
            schema::check(&mut Sqlite::open_read_only(path)?, bytes)?;
        }
        let mut sqlite = Sqlite::open_writer(path, Synchronous::Full)?;
        schema::prepare(&mut sqlite, now)?;
        let stats = Arc::new(Stats::default());
        sqlite.checkpoint_beside(path, Arc::clone(&stats))?;
        // Only for speed: a full disk must not keep the service from starting.
        if let Err(error) = Sqlite::lay_out_log(path) {
            tracing::warn!(%error, "the log could not be laid out; commits take longer");
        }
        let readers = (0..READERS)
            .map(|_| Ok(Box::new(Sqlite::open_reader(path)?) as Box<dyn Driver>))
            .collect::<Result<_, StoreError>>()?;
        let sequence = watch::Sender::new(Snapshot::new(&mut sqlite).last_sequence()?);
        let driver = Box::new(sqlite);
        Ok(Self {
            writer: Writer::start(driver, Arc::clone(&stats), sequence.clone())?,
            readers: Readers::start(readers)?,
            stats,
            sequence,
            _lock: lock,
        })
    }

    /// Runs a job in a transaction; `Ok` means that it is committed and on disk.
    ///
    /// The job may be run twice and must have no effect outside the transaction. A job that
    /// returns an error leaves nothing behind.
    pub async fn write<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let committed = self.submit(name, Urgency::Now, work)?;
        committed.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Queues a job that nobody waits for; it rides along with the next urgent one.
    pub fn write_later<F>(&self, name: &'static str, work: F) -> Result<(), StoreError>
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        self.submit(name, Urgency::Background, work).map(drop)
    }

    fn submit<T, F>(
        &self,
        name: &'static str,
        urgency: Urgency,
        work: F,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, committed) = oneshot::channel();
        let task = Task::new(name, work, reply);
        self.writer.queue(Box::new(task), urgency)?;
        Ok(committed)
    }

    /// Runs a query over one unchanging state.
    pub async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.readers.queue(Box::new(move |snapshot| {
            let result = snapshot.and_then(|mut snapshot| query(&mut snapshot));
            // Whoever asked may be gone.
            drop(reply.send(result));
        }))?;
        let answer = answer.await.unwrap_or(Err(StoreError::Closed));
        if let Err(error) = &answer {
            self.stats.stop_if_fatal(error);
        }
        answer
    }

    /// The number of the last event that is on disk; changes wake whoever waits.
    pub fn last_sequence(&self) -> watch::Receiver<i64> {
        self.sequence.subscribe()
    }

    /// What the writer counts, and whether it failed for good.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }
}

/// Elapsed time only; never shown, stored or compared with the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "measures waiting, decides nothing that is stored"
)]
fn monotonic() -> Instant {
    Instant::now()
}

/// The path without links, so that lock and log lie beside the file that SQLite opens.
fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        // A new database: its folder is there by now.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(StoreError::open(path, &error)),
    }
}

/// Makes the folder of the database and makes sure that its name is on disk.
fn make_folder(database: &Path) -> Result<(), StoreError> {
    let Some(folder) = database.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    let sync = |path: &Path| std::fs::File::open(path).and_then(|file| file.sync_all());
    std::fs::create_dir_all(folder)
        .and_then(|()| sync(folder))
        .and_then(|()| folder.parent().filter(|p| p.is_dir()).map_or(Ok(()), sync))
        .map_err(|error| StoreError::open(folder, &error))
}

#[cfg(test)]
mod tests;
