//! The store: what is known, on disk. Two verbs, [`Store::write`] and [`Store::read`], take a
//! closure that speaks business words ([`Tx`], [`Snapshot`]); which engine answers, how commits
//! are gathered and which thread does the work is invisible behind them.
//!
//! Promise: when `write` returns `Ok`, the job's rows survive `kill -9` and a power cut.

mod commit;
pub mod copy;
pub(crate) mod driver;
mod engine;
mod error;
mod feed_counter;
mod inspect;
mod log_limit;
mod postgres;
mod read_pool;
mod schema;
pub(crate) mod sqlite;
mod tables;
mod url;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use commit::lane::Lane;
pub use commit::stats::{Stats, StatsNow};
pub use error::StoreError;
use feed_counter::Counter;
pub use feed_counter::FeedKnown;
pub use inspect::damage::Damage;
pub use inspect::restore::{Restored, restore_file};
pub use inspect::{Inspection, copy_file, log_of};
pub(crate) use log_limit::LogLimit;
pub use postgres::Replication;
pub use tables::{
    AuditedCallback, AuditedRefund, CallbackClaim, CallbackRow, ConsumerRow, Counts,
    DisabledReason, EndpointRow, EventRow, HandledApplication, Locked, NewCallback, Page,
    ParkedPush, PendingCallback, Receipt, RefundFilter, RefundPage, Snapshot, Tx, read_claim,
};

pub use schema::upgrade::upgrade;
pub use url::{StoreUrl, StoreUrlError};

use crate::domain::time::{Clock, Timestamp};
use commit::capacity::{Capacity, Place};
use commit::job::{Job, Reply, Task};
use commit::writer::{Duty, Shared, Writer};
use engine::{Hold, Opened};
use postgres::Outlook;
use read_pool::cancel::{Asker, Cancel};
use read_pool::{Kind, Query, Readers};
use schema::Making;

/// Longest time for accepting; then the sender is told to come back. Its own patience may end at 5 s.
pub const ACCEPT_MAX: Duration = Duration::from_secs(4);
/// Longest time that a caller waits for any other job.
const WRITE_MAX: Duration = Duration::from_millis(4_500);
/// Longest time that a reader waits for what is under way.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// How long accepting tries again where another transaction is in the way.
const TRY_AGAIN_MAX: Duration = Duration::from_secs(1);
/// Jobs of each kind that may wait in all lanes together; a further one is refused.
const WAITING_MAX: usize = 4_096;
/// Bytes that they may hold, accepting and the rest each. The largest callback with its claim has some 130 KB.
const WAITING_BYTES_MAX: usize = 128 << 20;
/// What a job that brings no callback holds, about.
const JOB_BYTES: usize = 1_024;

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
    /// One a lane that only accepts; none where the others do everything.
    accepts: Vec<Writer>,
    /// One a lane for the rest.
    applies: Vec<Writer>,
    rooms: Capacities,
    stats: Arc<Stats>,
    counter: Counter,
    /// Last, so that it is given back only after the writers have ended.
    hold: Hold,
}

/// How much may wait of each kind: none takes the places of another.
struct Capacities {
    accepts: Arc<Capacity>,
    writes: Arc<Capacity>,
    later: Arc<Capacity>,
}

impl Store {
    /// Opens or creates a store. Checks settings and schema version, and refuses what is damaged,
    /// foreign or newer than this program.
    pub fn open(url: &StoreUrl, clock: &dyn Clock) -> Result<Self, StoreError> {
        let (stats, making) = (Arc::new(Stats::default()), Making::by(clock));
        let Opened {
            accepts,
            applies,
            readers,
            counter,
            hold,
        } = match url {
            StoreUrl::Sqlite(path) => engine::open_sqlite(path, making, &stats)?,
            StoreUrl::Postgres(url) => engine::open_postgres(url, making)?,
        };
        let room = || Capacity::new(WAITING_MAX, WAITING_BYTES_MAX);
        let rooms = Capacities {
            accepts: room(),
            writes: room(),
            later: room(),
        };
        let shared = Shared {
            stats: Arc::clone(&stats),
            counter: counter.clone(),
            later: Arc::clone(&rooms.later),
        };
        let duty = if accepts.is_empty() {
            Duty::Both
        } else {
            Duty::Apply
        };
        let start = |drivers: Vec<_>, duty, applying: &[Arc<_>]| {
            let lane = |driver| Writer::start(driver, duty, shared.clone(), applying.to_vec());
            drivers.into_iter().map(lane).collect::<Result<Vec<_>, _>>()
        };
        let applies = start(applies, duty, &[])?;
        let applying: Vec<_> = applies
            .iter()
            .map(|lane| lane.condition().clone())
            .collect();
        Ok(Self {
            accepts: start(accepts, Duty::Accept, &applying)?,
            applies,
            rooms,
            readers: Readers::start(readers)?,
            stats,
            counter,
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
    /// returns an error leaves nothing behind. [`StoreError::Late`] where it took too long.
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
        self.write_until(name, lane, tokio::time::Instant::now() + WRITE_MAX, work)
            .await
    }

    /// The same for a caller who waits until then.
    pub async fn write_until<T, F>(
        &self,
        name: &'static str,
        lane: Lane,
        until: tokio::time::Instant,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let place = self.rooms.writes.take(JOB_BYTES)?;
        let (reply, committed) = oneshot::channel();
        let job = job(name, lane, place, Some(reply), None, work);
        self.applying(lane).queue(job, Urgency::Now)?;
        answer_until(until, committed).await
    }

    /// Runs a job of transaction 1, which holds this many bytes: where lanes are apart, on one that never
    /// applies.
    pub async fn accept<T, F>(
        &self,
        lane: Lane,
        bytes: usize,
        until: tokio::time::Instant,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let lanes = self.accepting();
        let writer = &lanes[lane.among(lanes.len())];
        // A place in a queue that does not move would only make the sender wait. The lane itself finds
        // out when the trouble is over.
        if writer.is_known_to_fail() {
            return Err(StoreError::Away(
                "known to take nothing at the moment".to_owned(),
            ));
        }
        let place = self.rooms.accepts.take(JOB_BYTES + bytes)?;
        let (reply, committed) = oneshot::channel();
        let try_until = Some(monotonic() + TRY_AGAIN_MAX);
        let job = job("accept", lane, place, Some(reply), try_until, work);
        writer.queue(job, Urgency::Now)?;
        answer_until(until, committed).await
    }

    /// Queues a job that no caller waits for and that holds this many bytes; it rides along with an urgent
    /// one of its lane. Where too many wait it is refused, and never in the way of accepting.
    pub fn write_later<F>(
        &self,
        name: &'static str,
        lane: Lane,
        bytes: usize,
        work: F,
    ) -> Result<(), StoreError>
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        let writer = self.applying(lane);
        let place = self.rooms.later.take(JOB_BYTES + bytes);
        let place = place.inspect_err(|_| writer.condition().leave())?;
        writer.queue(
            job(name, lane, place, None, None, work),
            Urgency::Background,
        )
    }

    /// Returns once everything that was queued before the call is committed or has failed, or when that
    /// takes too long.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let until = tokio::time::Instant::now() + FLUSH_MAX;
        let mut flushed = Vec::with_capacity(self.applies.len());
        for writer in &self.applies {
            // Last, because jobs of a batch that failed are answered in its order.
            let place = self.rooms.writes.take(JOB_BYTES)?;
            let (reply, committed) = oneshot::channel();
            let job = job("flush", Lane::LAST, place, Some(reply), None, |_| Ok(()));
            writer.queue(job, Urgency::NowWithAll)?;
            flushed.push(committed);
        }
        for committed in flushed {
            answer_until(until, committed).await?;
        }
        Ok(())
    }

    /// Why callbacks cannot be accepted in time at the moment, if they cannot.
    pub fn trouble(&self) -> Option<&'static str> {
        let lanes = self.accepting();
        if self.stats.fatal().is_some() {
            Some("the store failed")
        } else if lanes.iter().any(|lane| lane.condition().is_failing()) {
            Some("nothing can be committed at the moment")
        } else if lanes.iter().any(Writer::is_slow) {
            Some("accepting takes too long at the moment")
        } else {
            None
        }
    }

    /// How long ago the last callback was committed, since the start.
    pub fn since_commit(&self) -> Option<Duration> {
        let lanes = self.accepting().iter();
        lanes
            .filter_map(|lane| lane.condition().since_success())
            .min()
    }

    /// The server that takes writes, and how often it was another one; nothing of a file.
    pub fn server(&self) -> Option<(String, u64)> {
        let (server, failovers) = self.outlook()?.server();
        Some((server?, failovers))
    }

    /// Whether commits wait for a second machine.
    pub fn replication(&self) -> Replication {
        self.outlook()
            .map_or(Replication::Unset, Outlook::replication)
    }

    fn outlook(&self) -> Option<&Outlook> {
        match &self.hold {
            Hold::Server { listener } => Some(listener.outlook()),
            Hold::File { .. } => None,
        }
    }

    /// Whether what was accepted takes effect later than it should.
    pub fn applying_is_delayed(&self) -> bool {
        self.applies.iter().any(|lane| {
            let condition = lane.condition();
            lane.is_slow()
                || lane.is_behind()
                || condition.is_failing()
                || condition.has_left_work()
        })
    }

    /// The lanes that accept.
    fn accepting(&self) -> &[Writer] {
        if self.accepts.is_empty() {
            &self.applies
        } else {
            &self.accepts
        }
    }

    fn applying(&self, lane: Lane) -> &Writer {
        &self.applies[lane.among(self.applies.len())]
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
        answer.map_err(|error| self.stats.of_reader(error))
    }

    /// The clock that every process on this store sees; `None` where only one machine can be one.
    pub async fn server_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let ask = |snapshot: &mut Snapshot<'_>| snapshot.server_clock();
        self.read_own(ask).await
    }

    /// What the writer counts, and whether it failed for good.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The writers are joined next, and one of them may be waiting for a commit.
        if let Some(outlook) = self.outlook() {
            outlook.close();
        }
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

/// A job for a writer.
fn job<T, F>(
    name: &'static str,
    lane: Lane,
    place: Place,
    reply: Option<Reply<T>>,
    try_until: Option<Instant>,
    work: F,
) -> Box<dyn Job>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
{
    Box::new(Task {
        name,
        lane,
        work,
        result: None,
        reply,
        try_until,
        _place: place,
    })
}

/// What a lane answers, or that it has not until then. A caller who has gone is seen by the lane.
async fn answer_until<T>(
    until: tokio::time::Instant,
    committed: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout_at(until, committed).await {
        Ok(answer) => answer.unwrap_or(Err(StoreError::Closed)),
        Err(_) => Err(StoreError::Late),
    }
}

#[cfg(test)]
mod tests;
