//! The thread of a lane: waits for jobs, lets a batch gather, runs it, retries what met a lock.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::batch::Jobs;
use super::capacity::Capacity;
use super::health::{Condition, SLOW};
use super::job::Job;
use super::queue::{Queue, Until, Woken};
use super::stats::Stats;
use super::submit::Urgency;
use crate::store::copy::Digest;
use crate::store::engine::driver::Driver;
use crate::store::feed_counter::Counter;
use crate::store::{StoreError, monotonic};

/// Jobs in one transaction.
const BATCH_MAX: usize = 512;
/// Background jobs that wait before they piggyback on an urgent batch together.
const PIGGYBACK_GROUP: usize = 32;
/// How long background jobs wait after a commit for an urgent one: with many senders one comes soon.
const PIGGYBACK_DELAY: Duration = Duration::from_millis(1);
/// How long they wait on for one or for a group of them, before they run alone.
const GROUP_DELAY: Duration = Duration::from_millis(4);
/// Max time for which a batch waits to reach the size of recent batches: with many senders, one shared commit
/// serves all of them sooner than many small ones.
const BATCH_DELAY: Duration = Duration::from_millis(1);
/// Idle time after which the WAL is checkpointed and a failing lane probes.
const IDLE: Duration = Duration::from_millis(500);
/// Backoff before a job that met a lock is retried.
const RETRY_DELAY: Duration = Duration::from_millis(50);
/// Queued applies from which on accept lanes yield CPU to them.
const APPLY_BACKLOG: usize = 512;
/// Max time for which an accept lane yields, per batch.
const YIELD_MAX: Duration = Duration::from_millis(20);
/// Accept lanes yield only to apply lanes that have committed within this time.
const PROGRESS_WITHIN: Duration = Duration::from_millis(100);

/// Which jobs a lane runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Duty {
    /// Transaction 1 and nothing else.
    Accept,
    /// Everything but transaction 1.
    Apply,
    /// All of it: the one writer of a file.
    Both,
}

/// What all lanes of a store share.
#[derive(Clone)]
pub(in crate::store) struct Shared {
    pub stats: Arc<Stats>,
    pub counter: Counter,
    /// Capacity of background applies.
    pub later: Arc<Capacity>,
    pub digest: Digest,
}

/// The queue of a lane and its thread.
pub(in crate::store) struct Writer {
    queue: Arc<Queue<Box<dyn Job>>>,
    condition: Arc<Condition>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that owns the connection.
    pub(in crate::store) fn start(
        driver: Box<dyn Driver>,
        duty: Duty,
        shared: Shared,
        applying: Vec<Arc<Condition>>,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::new(PIGGYBACK_GROUP));
        let condition = Arc::new(Condition::default());
        let lane = Loop {
            jobs: Jobs {
                driver,
                stats: shared.stats,
                counter: shared.counter,
                condition: Arc::clone(&condition),
                digest: shared.digest,
            },
            queue: Arc::clone(&queue),
            duty,
            window: BatchWindow::default(),
            retries: Vec::new(),
            later: shared.later,
            applying,
        };
        let thread = std::thread::Builder::new()
            .name(match duty {
                Duty::Accept => "store-accept".to_owned(),
                Duty::Apply => "store-apply".to_owned(),
                Duty::Both => "store-writer".to_owned(),
            })
            .spawn(move || lane.run())
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self {
            queue,
            condition,
            thread: Some(thread),
        })
    }

    /// Adds a job, or says why not.
    pub(in crate::store) fn queue(
        &self,
        job: Box<dyn Job>,
        urgency: Urgency,
    ) -> Result<(), StoreError> {
        self.queue.push(job, urgency)
    }

    /// Health of the lane.
    pub(in crate::store) fn condition(&self) -> &Arc<Condition> {
        &self.condition
    }

    /// Whether an accept would probably miss its deadline.
    pub(in crate::store) fn is_known_to_fail(&self) -> bool {
        self.condition.is_failing() || self.is_slow()
    }

    /// Whether urgent jobs wait too long.
    pub(in crate::store) fn is_slow(&self) -> bool {
        self.condition.is_stuck() || is_slow(self.queue.oldest(Urgency::Now))
    }

    /// Whether background jobs wait too long.
    pub(in crate::store) fn is_behind(&self) -> bool {
        is_slow(self.queue.oldest(Urgency::Background))
    }
}

fn is_slow(oldest: Option<Instant>) -> bool {
    oldest.is_some_and(|since| since.elapsed() > SLOW)
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

/// The thread of a lane.
struct Loop {
    jobs: Jobs,
    queue: Arc<Queue<Box<dyn Job>>>,
    duty: Duty,
    window: BatchWindow,
    /// Jobs that met a lock, and when they are retried.
    retries: Vec<(Instant, Box<dyn Job>)>,
    later: Arc<Capacity>,
    applying: Vec<Arc<Condition>>,
}

impl Loop {
    fn run(mut self) {
        loop {
            let woken = self.gather();
            self.yield_to_applying();
            let oldest = self.queue.oldest(Urgency::Now);
            let mut batch = self.queue.take(BATCH_MAX);
            if let Some(since) = oldest {
                self.jobs.stats.queue_wait.record(since.elapsed());
            }
            self.window.note(batch.urgent.len() + batch.behind.len());
            if batch.len() == 0 && woken == Woken::Closed {
                return self.end();
            }
            batch.retain(|job| !job.is_abandoned());
            if batch.len() == 0 {
                continue;
            }
            let started = monotonic();
            self.jobs.condition.begin();
            let left = self.jobs.commit(batch);
            self.jobs.condition.end();
            self.window.last_commit = started.elapsed();
            self.queue.give_back(left.piggybacked, Urgency::Background);
            self.queue.give_back(left.behind, Urgency::NowWithAll);
            let retry_at = monotonic() + RETRY_DELAY;
            let contended = left.contended.into_iter();
            self.retries.extend(contended.map(|job| (retry_at, job)));
            self.jobs.maintain(false);
            // A lost connection is made again before the next callback needs it.
            if self.duty != Duty::Apply && self.jobs.condition.is_down() {
                self.jobs.probe();
            }
            self.queue_retries();
        }
    }

    fn end(self) {
        for (_, job) in self.retries {
            job.finish(Err(StoreError::Closed));
        }
        let mut jobs = self.jobs;
        jobs.maintain(true);
    }

    /// Waits for jobs. After a commit its callers queue their applies in the background, so a writer with
    /// both duties first waits for an urgent job to piggyback them on or for a group of them, then for any job.
    fn gather(&mut self) -> Woken {
        let mut woken = Woken::TimedOut;
        if self.duty == Duty::Both {
            let urgent = monotonic() + PIGGYBACK_DELAY;
            woken = self.queue.wait(Until::Urgent(1), urgent);
            if woken == Woken::TimedOut {
                let group = Until::UrgentOrGroup;
                woken = self.queue.wait(group, urgent + GROUP_DELAY);
            }
        }
        while woken == Woken::TimedOut {
            woken = self.queue.wait(Until::AnyJob, self.idle_until());
            if woken == Woken::TimedOut {
                self.idle();
            }
        }
        if woken == Woken::Ready {
            let deadline = monotonic() + self.window.delay();
            let expected = self.window.expected.min(BATCH_MAX);
            // Ready or timed out: the batch is what has been queued.
            let _ = self.queue.wait(Until::Urgent(expected), deadline);
        }
        woken
    }

    fn idle_until(&self) -> Instant {
        let idle = monotonic() + IDLE;
        let retry = self.retries.iter().map(|(retry_at, _)| *retry_at).min();
        retry.map_or(idle, |retry| retry.min(idle))
    }

    fn idle(&mut self) {
        if self.queue_retries() {
            return;
        }
        self.jobs.maintain(true);
        // A failing lane gets no callbacks that would show that it can commit again.
        if self.duty != Duty::Apply && self.jobs.condition.wants_a_probe() {
            self.jobs.probe();
        } else {
            self.jobs.look();
        }
    }

    /// Queues the retries that are due; whether there were any.
    fn queue_retries(&mut self) -> bool {
        let now = monotonic();
        let due = self
            .retries
            .extract_if(.., |(retry_at, _)| *retry_at <= now);
        let due: Vec<_> = due.map(|(_, job)| job).collect();
        let is_some = !due.is_empty();
        self.queue.give_back(due, Urgency::Now);
        is_some
    }

    /// Lets apply lanes that lag and make progress catch up: readers wait for them, and a job that finds
    /// their queue full costs more later. An apply lane that makes no progress is not waited for.
    fn yield_to_applying(&self) {
        let progresses =
            |condition: &Arc<Condition>| condition.has_succeeded_within(PROGRESS_WITHIN);
        let until = monotonic() + YIELD_MAX;
        while self.duty == Duty::Accept
            && self.later.jobs() > APPLY_BACKLOG
            && self.applying.iter().all(progresses)
            && monotonic() < until
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Adaptive batch size: the decaying maximum of urgent jobs per batch.
#[derive(Default)]
struct BatchWindow {
    /// Decays by one per batch.
    expected: usize,
    /// Duration of the last commit.
    last_commit: Duration,
}

impl BatchWindow {
    fn note(&mut self, gathered: usize) {
        self.expected = gathered.max(self.expected.saturating_sub(1));
    }

    /// At most half a commit: jobs that arrive in that time would have waited for a whole one.
    fn delay(&self) -> Duration {
        (self.last_commit / 2).min(BATCH_DELAY)
    }
}
