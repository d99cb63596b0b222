//! What the store tells the operator about itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::distribution::Distribution;
use crate::store::{LogLimit, StoreError};

/// Log lines about damaged pages, which every reader of one meets.
static DAMAGED: LogLimit = LogLimit::new();

/// Counters of the writer; all since the start.
#[derive(Debug)]
pub struct Stats {
    failed_commits: AtomicU64,
    damaged_reads: AtomicU64,
    /// Time of transactions.
    pub commit_duration: Distribution,
    /// Jobs of each of them.
    pub batch_jobs: Distribution,
    /// Time for which the oldest urgent job of a batch waited for its transaction.
    pub queue_wait: Distribution,
    /// Time from the receipt of a callback until it was applied.
    pub apply_delay: Distribution,
    fatal: Mutex<Option<StoreError>>,
    failed: watch::Sender<bool>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            failed_commits: AtomicU64::new(0),
            damaged_reads: AtomicU64::new(0),
            commit_duration: Distribution::of_latency(),
            batch_jobs: Distribution::of_jobs(),
            queue_wait: Distribution::of_latency(),
            apply_delay: Distribution::of_latency(),
            fatal: Mutex::new(None),
            failed: watch::Sender::new(false),
        }
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug)]
pub struct StatsNow {
    /// Transactions tried.
    pub commits: u64,
    /// Transactions that failed by the engine's or the disk's fault.
    pub failed_commits: u64,
    /// Reads that met a damaged part of the store.
    pub damaged_reads: u64,
}

impl Stats {
    /// Notes how a transaction of this many jobs went.
    pub(in crate::store) fn record_commit(
        &self,
        jobs: usize,
        took: Duration,
        result: Result<(), &StoreError>,
    ) {
        self.commit_duration.record(took);
        self.batch_jobs.count(jobs as u64);
        // What one job is to blame for is run again without it; a lock is no job's fault.
        let failed = result.is_err_and(|error| {
            !error.blames_one_job() || matches!(error, StoreError::SerializationFailure(_))
        });
        self.failed_commits
            .fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    fn set_fatal(&self, error: &StoreError) {
        let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        if fatal.is_none() {
            *fatal = Some(error.clone());
        }
        self.failed.send_replace(true);
    }

    /// Notes an error after which the store must not be used any more.
    pub(in crate::store) fn stop_if_fatal(&self, error: &StoreError) {
        if error.is_fatal() {
            self.set_fatal(error);
        }
    }

    /// What a reader's error means: one page that cannot be read fails this read alone. Whether anything can
    /// still be accepted is for the writer to find.
    pub(in crate::store) fn of_reader(&self, error: StoreError) -> StoreError {
        if !error.is_fatal() {
            return error;
        }
        self.damaged_reads.fetch_add(1, Ordering::Relaxed);
        if let Some(kept_back) = DAMAGED.may_say() {
            tracing::error!(
                %error,
                kept_back,
                "a part of the store cannot be read; run `audit`, restore a backup"
            );
        }
        StoreError::Damaged(error.to_string())
    }

    /// Why the store must not be used any more.
    pub fn fatal(&self) -> Option<StoreError> {
        if !*self.failed.borrow() {
            return None;
        }
        self.fatal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Becomes true once the store failed for good.
    pub fn failed(&self) -> watch::Receiver<bool> {
        self.failed.subscribe()
    }

    /// The counters now.
    pub fn now(&self) -> StatsNow {
        StatsNow {
            commits: self.commit_duration.total(),
            failed_commits: self.failed_commits.load(Ordering::Relaxed),
            damaged_reads: self.damaged_reads.load(Ordering::Relaxed),
        }
    }
}
