//! Group commit: one thread takes the jobs that are waiting, runs them in one transaction, commits
//! once and then answers everybody. This is where the speed comes from, and nobody who calls
//! `Store::write` can see it.
//!
//! * A job that fails must not take its neighbours along: the batch is rolled back and each job is
//!   run again in a transaction of its own. So a job may run twice and must have no effect outside
//!   the transaction (`FnMut`).
//! * Background jobs (settling) ride along with the next urgent one. Alone they wait a moment at
//!   most, so that a single client does not pay a second commit for the settling of its last call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::driver::Driver;
use super::stats::Stats;
use super::tx::Tx;
use super::{StoreError, Urgency};

/// Jobs that may wait; a further one is refused. At 64 KiB a body this bounds memory at 256 MiB.
const QUEUE_MAX: usize = 4_096;
/// Jobs in one transaction.
const BATCH_MAX: usize = 512;
/// How long background jobs wait for an urgent one to ride with.
const LINGER: Duration = Duration::from_millis(2);
/// How long a batch waits for company when the last one had some: where many send at once, a shared
/// commit serves all of them sooner than many commits of a few.
const COMPANY: Duration = Duration::from_micros(200);
/// Jobs of the last batch that count as company.
const COMPANY_MIN: usize = 8;
/// Quiet time after which the log is copied into the database file.
const IDLE: Duration = Duration::from_millis(500);

/// A job in the queue, its types forgotten.
pub(super) trait Job: Send {
    /// Its name, for logs and metrics.
    fn name(&self) -> &'static str;
    /// Runs it, keeping the result; a panic is an error.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    /// Tells whoever waits how the commit went.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A job with its types.
pub(super) struct Task<T, F> {
    name: &'static str,
    work: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task<T, F> {
    pub(super) fn new(
        name: &'static str,
        work: F,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self {
            name,
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

type Queued = (Box<dyn Job>, Urgency);

/// The sending side and the thread behind it.
pub(super) struct Writer {
    queue: Option<SyncSender<Queued>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that owns the connection.
    pub(super) fn start(
        driver: Box<dyn Driver>,
        stats: Arc<Stats>,
        sequence: watch::Sender<i64>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                Loop {
                    driver,
                    stats,
                    sequence,
                }
                .run(&jobs);
            })
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Adds a job, or says why not.
    pub(super) fn queue(&self, job: Box<dyn Job>, urgency: Urgency) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send((job, urgency)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::QueueFull,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }
}

impl Drop for Writer {
    /// Does what is queued, then ends the thread.
    fn drop(&mut self) {
        self.queue = None;
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
}

impl Loop {
    fn run(mut self, jobs: &Receiver<Queued>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut last = 0;
        loop {
            let open = self.gather(jobs, &mut batch, last);
            last = batch.len();
            if !batch.is_empty() {
                self.commit_batch(&mut batch);
            }
            let idle = !open;
            self.maintain(idle);
            if !open {
                return;
            }
        }
    }

    fn maintain(&mut self, idle: bool) {
        if let Err(error) = self.driver.maintain(idle) {
            tracing::warn!(%error, "housekeeping of the database failed; it is tried again");
            if error.is_fatal() {
                self.stats.set_fatal(&error);
            }
        }
    }

    /// Fills the batch; `false` once nobody can send any more.
    fn gather(
        &mut self,
        jobs: &Receiver<Queued>,
        batch: &mut Vec<Box<dyn Job>>,
        last: usize,
    ) -> bool {
        let mut deadline = None;
        loop {
            let wait = match deadline {
                None => IDLE,
                Some(deadline) => Instant::saturating_duration_since(&deadline, monotonic()),
            };
            match jobs.recv_timeout(wait) {
                Ok((job, urgency)) => {
                    batch.push(job);
                    if urgency == Urgency::Now {
                        break;
                    }
                    deadline = deadline.or_else(|| Some(monotonic() + LINGER));
                }
                Err(RecvTimeoutError::Timeout) if batch.is_empty() => self.maintain(true),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            if batch.len() >= BATCH_MAX {
                return true;
            }
        }
        if last >= COMPANY_MIN {
            let deadline = monotonic() + COMPANY;
            while batch.len() < last {
                let wait = deadline.saturating_duration_since(monotonic());
                match jobs.recv_timeout(wait) {
                    Ok((job, _)) => batch.push(job),
                    Err(_) => break,
                }
            }
        }
        let room = BATCH_MAX.saturating_sub(batch.len());
        batch.extend(jobs.try_iter().take(room).map(|(job, _)| job));
        true
    }

    fn commit_batch(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        let started = monotonic();
        let jobs = batch.len();
        let result = self.attempt(batch);
        self.stats
            .record_commit(jobs, started.elapsed(), result.is_ok());
        match result {
            Ok(()) => batch.drain(..).for_each(|job| job.finish(Ok(()))),
            // A commit that failed says nothing about any one job, and after a failed fsync a
            // retry could only lie.
            Err(error) if error.is_fatal() => {
                tracing::error!(%error, "the store failed; stopping");
                self.stats.set_fatal(&error);
                batch
                    .drain(..)
                    .for_each(|job| job.finish(Err(error.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, jobs, "a batch failed; its jobs run one by one");
                for mut job in batch.drain(..) {
                    let result = self.attempt(std::slice::from_mut(&mut job));
                    if let Err(error) = &result {
                        tracing::warn!(%error, job = job.name(), "a job failed");
                        if error.is_fatal() {
                            self.stats.set_fatal(error);
                        }
                    }
                    job.finish(result);
                }
            }
        }
    }

    /// One transaction around these jobs.
    fn attempt(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        if let Some(error) = self.stats.fatal() {
            return Err(error);
        }
        self.driver.begin()?;
        let result = run_jobs(self.driver.as_mut(), batch).and_then(|last_sequence| {
            self.driver.commit()?;
            Ok(last_sequence)
        });
        match result {
            Ok(last_sequence) => {
                if let Some(last) = last_sequence {
                    self.sequence.send_replace(last);
                }
                Ok(())
            }
            Err(error) => {
                self.driver.rollback();
                Err(error)
            }
        }
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

/// Elapsed time only; never shown, stored or compared with the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "measures waiting, decides nothing that is stored"
)]
fn monotonic() -> Instant {
    Instant::now()
}
