//! Group commit: one thread takes the jobs that are waiting, runs them in one transaction, commits
//! once and then answers everybody. This is where the speed comes from, and nobody who calls
//! `Store::write` can see it.
//!
//! * A job that fails must not take its neighbours along: the batch is rolled back and each job is
//!   run again in a transaction of its own. So a job may run twice and must have no effect outside
//!   the transaction (`FnMut`).
//! * Background jobs (settling) ride along with urgent ones, in groups (`queue.rs`). Alone they wait a
//!   moment at most, so that a single client does not pay a second commit for the settling of its last call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::driver::Driver;
use super::queue::{Queue, Until, Woken};
use super::stats::Stats;
use super::tx::Tx;
use super::{Lane, StoreError, Urgency, monotonic, raise};
use crate::faults::crash_point;

/// Jobs that may wait; a further one is refused. With 64 KiB of body each they hold 256 MiB.
const QUEUE_MAX: usize = 4_096;
/// Jobs in one transaction.
const BATCH_MAX: usize = 512;
/// Background jobs that ride along together.
const RIDES: usize = 32;
/// How long background jobs wait for an urgent one to ride with.
const LINGER: Duration = Duration::from_millis(1);
/// Longest time for which a batch waits to become as large as batches have lately been. Where many send
/// at once, a shared commit serves all of them sooner than many commits of a few.
const COMPANY: Duration = Duration::from_millis(1);
/// How often a batch is run that gives way to other transactions, before its jobs run one by one.
const ATTEMPTS_MAX: u32 = 3;
/// Quiet time after which the log is copied into the database file.
const IDLE: Duration = Duration::from_millis(500);

/// A job in the queue, its types forgotten.
pub(super) trait Job: Send {
    /// Its name, for logs and metrics.
    fn name(&self) -> &'static str;
    /// Its lane, by which a batch is put in order.
    fn lane(&self) -> Lane;
    /// Runs it, keeping the result; a panic is an error.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    /// Tells whoever waits how the commit went.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A job with its types.
pub(super) struct Task<T, F> {
    name: &'static str,
    lane: Lane,
    work: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task<T, F> {
    pub(super) fn new(
        name: &'static str,
        lane: Lane,
        work: F,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self {
            name,
            lane,
            work,
            result: None,
            reply,
        }
    }
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn lane(&self) -> Lane {
        self.lane
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.result = None;
        let work = &mut self.work;
        let result = catch_unwind(AssertUnwindSafe(|| work(tx)));
        self.result = Some(result.map_err(|_| StoreError::Panicked(self.name))??);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(StoreError::Closed),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may be gone (a client that hung up); the commit stands all the same.
        drop(self.reply.send(answer));
    }
}

/// The sending side and the thread behind it.
pub(super) struct Writer {
    queue: Arc<Queue<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that owns the connection.
    pub(super) fn start(
        driver: Box<dyn Driver>,
        stats: Arc<Stats>,
        sequence: watch::Sender<i64>,
    ) -> Result<Self, StoreError> {
        // Beside rivals a batch runs in an order of its own. What a sender brought one after the other
        // stays in that order where each rides alone.
        let group = if driver.has_rivals() { 1 } else { RIDES };
        let queue = Arc::new(Queue::new(QUEUE_MAX, group));
        let jobs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                Loop {
                    driver,
                    stats,
                    sequence,
                    company: Company::default(),
                }
                .run(&jobs);
            })
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Adds a job, or says why not.
    pub(super) fn queue(&self, job: Box<dyn Job>, urgency: Urgency) -> Result<(), StoreError> {
        self.queue.push(job, urgency)
    }
}

impl Drop for Writer {
    /// Does what is queued, then ends the thread.
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

struct Loop {
    driver: Box<dyn Driver>,
    stats: Arc<Stats>,
    sequence: watch::Sender<i64>,
    company: Company,
}

impl Loop {
    fn run(mut self, jobs: &Queue<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let woken = self.gather(jobs, &mut batch);
            if batch.is_empty() {
                if woken == Woken::Closed {
                    return self.maintain(true);
                }
                continue;
            }
            if self.driver.has_rivals() {
                // Refunds are locked in one order by every writer of every instance, so that two of
                // them do not wait for each other. The order within a refund stays.
                batch.sort_by_key(|job| job.lane());
            }
            let started = monotonic();
            self.commit_batch(&mut batch);
            self.company.commit = started.elapsed();
            self.maintain(false);
        }
    }

    fn maintain(&mut self, idle: bool) {
        if let Err(error) = self.driver.maintain(idle) {
            tracing::warn!(%error, "housekeeping of the database failed; it is tried again");
            self.stats.stop_if_fatal(&error);
        }
    }

    /// Fills the batch. After a commit its callers will queue their settling without being in a
    /// hurry, so the next urgent job is waited for first, then any job.
    fn gather(&mut self, jobs: &Queue<Box<dyn Job>>, batch: &mut Vec<Box<dyn Job>>) -> Woken {
        let mut woken = jobs.wait(Until::Urgent(1), monotonic() + LINGER);
        while woken == Woken::TimedOut {
            woken = jobs.wait(Until::AnyJob, monotonic() + IDLE);
            if woken == Woken::TimedOut {
                self.maintain(true);
            }
        }
        if woken == Woken::Ready {
            let deadline = monotonic() + self.company.patience();
            let expected = self.company.expected.min(BATCH_MAX);
            // However that ends, what is there is taken.
            let _ = jobs.wait(Until::Urgent(expected), deadline);
        }
        let urgent = jobs.take(BATCH_MAX, batch);
        self.company.note(urgent);
        woken
    }

    fn commit_batch(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        let jobs = batch.len();
        let mut result = self.attempt(batch);
        for _ in 1..ATTEMPTS_MAX {
            let Err(StoreError::Contended(why)) = &result else {
                break;
            };
            tracing::info!(
                why,
                jobs,
                "a batch gave way to another transaction; it is run again"
            );
            result = self.attempt(batch);
        }
        match result {
            Ok(()) => batch.drain(..).for_each(|job| job.finish(Ok(()))),
            Err(error) if error.blames_one_job() => {
                tracing::warn!(%error, jobs, "a batch failed; its jobs run one by one");
                for mut job in batch.drain(..) {
                    let result = self.attempt(std::slice::from_mut(&mut job));
                    if let Err(error) = &result {
                        tracing::warn!(%error, job = job.name(), "a job failed");
                        self.stats.stop_if_fatal(error);
                    }
                    job.finish(result);
                }
            }
            // The engine or the disk is in trouble. After a failed sync a retry could only lie.
            Err(error) => {
                tracing::error!(%error, jobs, "nothing could be committed");
                self.stats.stop_if_fatal(&error);
                batch
                    .drain(..)
                    .for_each(|job| job.finish(Err(error.clone())));
            }
        }
    }

    /// One transaction around these jobs.
    fn attempt(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        if let Some(error) = self.stats.fatal() {
            return Err(error);
        }
        let (jobs, started) = (batch.len(), monotonic());
        let result = self.transact(batch);
        let outcome = result.as_ref().map(|_| ());
        self.stats.record_commit(jobs, started.elapsed(), outcome);
        if let Some(last) = result? {
            raise(&self.sequence, last);
        }
        Ok(())
    }

    /// The last event number of the transaction, if it made events.
    fn transact(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Option<i64>, StoreError> {
        self.driver.begin()?;
        let result = run_jobs(self.driver.as_mut(), batch).and_then(|last_sequence| {
            crash_point!("commit-before");
            self.driver.commit()?;
            crash_point!("commit-after");
            Ok(last_sequence)
        });
        if result.is_err() {
            self.driver.rollback();
        }
        result
    }
}

/// How many that somebody waits for usually come together.
#[derive(Default)]
struct Company {
    /// The most of late; forgotten by one a batch.
    expected: usize,
    /// How long the last commit took.
    commit: Duration,
}

impl Company {
    fn note(&mut self, gathered: usize) {
        self.expected = gathered.max(self.expected.saturating_sub(1));
    }

    /// Half a commit at most: those who come meanwhile would have waited for a whole one.
    fn patience(&self) -> Duration {
        (self.commit / 2).min(COMPANY)
    }
}

/// Runs the jobs and numbers their events; returns the last number if there were any.
fn run_jobs(
    driver: &mut dyn Driver,
    batch: &mut [Box<dyn Job>],
) -> Result<Option<i64>, StoreError> {
    let mut tx = Tx::new(driver);
    for job in batch {
        job.run(&mut tx)?;
    }
    tx.number_events()
}
