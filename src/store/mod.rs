//! The store: what is known, on disk. Two verbs, [`Store::write`] and [`Store::read`], take a closure that
//! works in the terms of the domain ([`Tx`], [`Snapshot`]); the engine (`engine/`), group commit (`commit/`)
//! and threads are hidden.
//!
//! Promise: when `write` returns `Ok`, the job's rows survive `kill -9` and a power cut.

mod backup_note;
mod commit;
pub mod copy;
pub(crate) mod engine;
mod error;
mod feed_counter;
mod inspect;
mod log_limit;
mod read_pool;
mod schema;
mod tables;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use backup_note::{last_backup, note_backup};
pub use commit::lane::Lane;
pub use commit::stats::{Stats, StatsNow};
pub use commit::submit::{ACCEPT_MAX, Urgency};
use copy::Digest;
pub use engine::postgres::Replication;
pub use error::StoreError;
use feed_counter::Counter;
pub use feed_counter::FeedKnown;
pub use inspect::damage::Damage;
pub use inspect::restore::{Restored, restore_file};
pub use inspect::{Inspection, copy_file, log_of};
pub(crate) use log_limit::LogLimit;
pub use tables::{
    AccountState, AccountStop, AttemptEnd, AttemptRow, AuditedCallback, AuditedDecision,
    AuditedRefund, CallbackClaim, CallbackLine, CallbackRow, ConsumerRow, Counts, DecisionRow,
    DisabledReason, EndpointRow, EventRow, HandledApplication, KnownKey, LastMove, Locked,
    NewAttempt, NewCallback, NewParity, OfPayment, OpenRequests, Outcome, Page, ParkedPush,
    PendingCallback, Receipt, RefundFilter, RefundPage, RefundRow, SessionRow, Snapshot,
    TrailFilter, TrailHead, TrailRow, Tx, read_claim,
};

pub use engine::url::{StoreUrl, StoreUrlError};
pub use schema::upgrade::upgrade;

use crate::domain::time::{Clock, Timestamp};
use commit::pressure::Pressure;
use commit::submit::Capacities;
use commit::writer::{Duty, Shared, Writer};
use engine::postgres::Outlook;
use engine::{Hold, Opened};
use read_pool::cancel::{Asker, Cancel};
use read_pool::{Kind, Query, Readers};
use schema::Making;

/// An open store; closed, after doing what is queued, when dropped.
pub struct Store {
    /// Dropped before the writers, so that the last connection to close can write: it checkpoints the WAL.
    readers: Readers,
    /// One per lane that only accepts; none where the others do everything.
    accepts: Vec<Writer>,
    /// One per lane for the rest.
    applies: Vec<Writer>,
    capacities: Capacities,
    pressure: Pressure,
    stats: Arc<Stats>,
    counter: Counter,
    /// Dropped last, after the writers have ended.
    hold: Hold,
}

impl Store {
    /// Opens or creates a store. Checks settings and schema version, and rejects what is damaged,
    /// foreign or newer than this program. `digest` is SHA-256, by which the trail is chained.
    pub fn open(url: &StoreUrl, clock: &dyn Clock, digest: Digest) -> Result<Self, StoreError> {
        let (stats, making) = (Arc::new(Stats::default()), Making::by(clock));
        let Opened {
            accepts,
            applies,
            readers,
            help_after,
            counter,
            hold,
        } = match url {
            StoreUrl::Sqlite(path) => engine::open_sqlite(path, making, &stats)?,
            StoreUrl::Postgres(url) => engine::open_postgres(url, making)?,
        };
        let capacities = Capacities::default();
        let shared = Shared {
            stats: Arc::clone(&stats),
            counter: counter.clone(),
            later: Arc::clone(&capacities.later),
            digest,
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
            capacities,
            pressure: Pressure::default(),
            readers: Readers::start(readers, help_after)?,
            stats,
            counter,
            hold,
        })
    }

    /// Whether other processes may be working on this store.
    pub fn is_shared(&self) -> bool {
        matches!(self.hold, Hold::Server { .. })
    }

    /// Whether callbacks wait long for their answer at the moment, so that what can wait should.
    pub fn is_accepting_slowly(&self) -> bool {
        self.pressure.is_slow()
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

    /// The same for a query of this reader that may scan many rows; look-ups and other readers do not wait
    /// for it.
    pub async fn read_list<T, F>(&self, reader: &str, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask(Kind::List(reader.to_owned()), query).await
    }

    /// Waits for the answer; a query whose caller has gone is cancelled.
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
            let is_sound = result.is_ok();
            // The caller may be gone.
            drop(reply.send(result));
            is_sound
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

#[cfg(test)]
mod tests;
