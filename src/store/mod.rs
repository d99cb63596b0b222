//! The store: what is known, on disk. Two verbs, [`Store::write`] and [`Store::read`], take a
//! closure that speaks business words ([`Tx`], [`Snapshot`]); which engine answers, how commits
//! are gathered and which thread does the work is invisible behind them.
//!
//! Promise: when `write` returns `Ok`, the job's rows survive `kill -9` and a power cut.

mod cancel;
mod checkpoint;
pub mod copy;
mod cut;
mod driver;
mod engine;
mod error;
pub mod evidence;
mod inspection;
mod lane;
mod lock;
mod postgres;
mod private;
mod queue;
mod reader;
mod schema;
mod sql;
mod sqlite;
mod stats;
mod tx;
mod url;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

pub use error::StoreError;
pub use inspection::{Inspection, copy_file, log_of};
pub use lane::Lane;
pub use stats::{Stats, StatsNow};
pub use tx::{
    AuditedCallback, AuditedRefund, CallbackRow, ConsumerRow, Counts, DisabledReason, DueCallback,
    EndpointRow, EventRow, HandledApplication, Locked, NewCallback, Page, ParkedPush, RefundFilter,
    SettledClaim, Snapshot, Stored, StoredBody, StoredClaim, Tx, read_claim,
};

pub use url::{StoreUrl, StoreUrlError};

use crate::domain::clock::Clock;
use cancel::{Asker, Cancel};
use engine::{Hold, Opened};
use reader::{Kind, Query, Readers};
use schema::Making;
use writer::{Job, Task, Writer};

/// How soon a job has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Somebody waits for it.
    Now,
    /// Somebody waits for it, and for everything that was queued before it.
    NowWithAll,
    /// It may ride along with an urgent one.
    Background,
}

/// An open store; closed, after doing what is queued, when dropped.
pub struct Store {
    /// Before the writers, so that the last to close can write: it empties the log into the file.
    readers: Readers,
    /// One a lane.
    writers: Vec<Writer>,
    stats: Arc<Stats>,
    sequence: watch::Sender<i64>,
    /// Last, so that it is given back only after the writers have ended.
    hold: Hold,
}

impl Store {
    /// Opens or creates a store. Checks settings and schema version, and refuses what is damaged,
    /// foreign or newer than this program.
    pub fn open(url: &StoreUrl, clock: &dyn Clock) -> Result<Self, StoreError> {
        let (stats, making) = (Arc::new(Stats::default()), Making::by(clock));
        let Opened {
            lanes,
            readers,
            sequence,
            hold,
        } = match url {
            StoreUrl::Sqlite(path) => engine::open_sqlite(path, making, &stats)?,
            StoreUrl::Postgres(url) => engine::open_postgres(url, making)?,
        };
        let writers = lanes
            .into_iter()
            .map(|driver| Writer::start(driver, Arc::clone(&stats), sequence.clone()))
            .collect::<Result<_, StoreError>>()?;
        Ok(Self {
            writers,
            readers: Readers::start(readers)?,
            stats,
            sequence,
            hold,
        })
    }

    /// Whether other processes may be working on this store.
    pub fn is_shared(&self) -> bool {
        matches!(self.hold, Hold::Server { .. })
    }

    /// Runs a job in a transaction; `Ok` means that it is committed and on disk.
    ///
    /// The job may be run twice and must have no effect outside the transaction. A job that
    /// returns an error leaves nothing behind.
    pub async fn write<T, F>(
        &self,
        name: &'static str,
        lane: Lane,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (job, committed) = job(name, lane, work);
        self.writer(lane).queue(job, Urgency::Now)?;
        committed.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Queues a job that nobody waits for; it rides along with an urgent one of its lane.
    pub fn write_later<F>(&self, name: &'static str, lane: Lane, work: F) -> Result<(), StoreError>
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        let (job, _) = job(name, lane, work);
        self.writer(lane).queue(job, Urgency::Background)
    }

    /// Returns once everything that was queued before the call is committed or has failed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut flushed = Vec::with_capacity(self.writers.len());
        for writer in &self.writers {
            // Last, because a batch that fails is done job by job, and answered so.
            let (job, committed) = job("flush", Lane::LAST, |_| Ok(()));
            writer.queue(job, Urgency::NowWithAll)?;
            flushed.push(committed);
        }
        for committed in flushed {
            committed.await.unwrap_or(Err(StoreError::Closed))?;
        }
        Ok(())
    }

    fn writer(&self, lane: Lane) -> &Writer {
        &self.writers[lane.among(self.writers.len())]
    }

    /// Runs a query over one unchanging state: one that finds what it looks for by an index.
    pub async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask(Kind::LookUp, query).await
    }

    /// The same for what the service itself needs to know; it never waits for readers.
    pub async fn read_own<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask(Kind::Own, query).await
    }

    /// The same for a query of this reader that may look at many rows; look-ups and other readers do not
    /// wait for it.
    pub async fn read_list<T, F>(&self, reader: &str, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask(Kind::List(reader.to_owned()), query).await
    }

    /// Waits for the answer; a query for which nobody waits any more is given up.
    async fn ask<T, F>(&self, kind: Kind, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let cancel = Arc::new(Cancel::default());
        let _asker = Asker(Arc::clone(&cancel));
        let work = Box::new(move |snapshot: Result<Snapshot<'_>, StoreError>| {
            let result = snapshot.and_then(|mut snapshot| query(&mut snapshot));
            // Whoever asked may be gone.
            drop(reply.send(result));
        });
        self.readers.queue(kind, Query { work, cancel })?;
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

/// Raises the number of the last event; of two commits the later may be heard of first.
fn raise(sequence: &watch::Sender<i64>, last: i64) {
    sequence.send_if_modified(|known| {
        let is_news = last > *known;
        *known = last.max(*known);
        is_news
    });
}

type Committed<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A job for a writer, and where its result arrives.
fn job<T, F>(name: &'static str, lane: Lane, work: F) -> (Box<dyn Job>, Committed<T>)
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
{
    let (reply, committed) = oneshot::channel();
    (Box::new(Task::new(name, lane, work, reply)), committed)
}

#[cfg(test)]
mod tests;
