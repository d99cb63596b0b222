//! Group commit: one thread takes the jobs that are waiting, runs them in one transaction, commits
//! once and then answers everybody. This is where the speed comes from, and no caller of
//! `Store::write` can see it.
//!
//! * A job that fails must not take its neighbours along: the batch is rolled back and run again with
//!   each job on its own feet (`batch.rs`). So a job may run twice and must have no effect outside
//!   the transaction (`FnMut`).
//! * What a lane is for decides what it may meet. On a server, lanes that accept never apply, so no lock or
//!   delay that only applying meets is in an acknowledgement's way. A file has one writer, which does
//!   both: there background jobs (applying) ride along with urgent ones, in groups (`queue.rs`), for a
//!   bounded time a batch.
//! * A job whose caller has gone before it began is dropped.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::batch::Jobs;
use super::capacity::Capacity;
use super::health::{Condition, SLOW};
use super::job::Job;
use super::queue::{Queue, Until, Woken};
use super::stats::Stats;
use crate::store::driver::Driver;
use crate::store::feed_counter::Counter;
use crate::store::{StoreError, Urgency, monotonic};

/// Jobs in one transaction.
const BATCH_MAX: usize = 512;
/// Background jobs that ride along together.
const RIDES: usize = 32;
/// How long background jobs wait for an urgent one to ride with.
const LINGER: Duration = Duration::from_millis(1);
/// Longest time for which a batch waits to become as large as batches have lately been. Where many send
/// at once, a shared commit serves all of them sooner than many commits of a few.
const COMPANY: Duration = Duration::from_millis(1);
/// Quiet time after which the log is copied into the database file, and what failed is tried again.
const IDLE: Duration = Duration::from_millis(500);
/// Pause before a job is run again that another transaction was in the way of.
const ASIDE: Duration = Duration::from_millis(50);
/// Applying that waits, in jobs, from which on accepting leaves it some of the machine.
const BACKLOG: usize = 512;
/// Longest time that accepting leaves it, a batch.
const YIELD_MAX: Duration = Duration::from_millis(20);
/// Only applying that moves on is waited for: this is how short a time ago it has committed.
const MOVES_ON: Duration = Duration::from_millis(100);

/// What a lane is for.
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
    /// Applying that waits.
    pub later: Arc<Capacity>,
}

/// The sending side and the thread behind it.
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
        let queue = Arc::new(Queue::new(RIDES));
        let condition = Arc::new(Condition::default());
        let lane = Loop {
            jobs: Jobs {
                driver,
                stats: shared.stats,
                counter: shared.counter,
                condition: Arc::clone(&condition),
            },
            queue: Arc::clone(&queue),
            duty,
            company: Company::default(),
            aside: Vec::new(),
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

    /// How the lane is doing.
    pub(in crate::store) fn condition(&self) -> &Arc<Condition> {
        &self.condition
    }

    /// Whether a job of a callback could not be done in time, as far as is known.
    pub(in crate::store) fn is_known_to_fail(&self) -> bool {
        self.condition.is_failing() || self.is_slow()
    }

    /// Whether the lane takes too long for those who wait.
    pub(in crate::store) fn is_slow(&self) -> bool {
        self.condition.is_stuck() || is_slow(self.queue.oldest(Urgency::Now))
    }

    /// Whether what may wait has waited too long.
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
    company: Company,
    /// Jobs that another transaction was in the way of, and when they are run again.
    aside: Vec<(Instant, Box<dyn Job>)>,
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
            self.company.note(batch.urgent.len() + batch.behind.len());
            batch.retain(|job| !job.is_abandoned());
            if batch.len() == 0 {
                if woken == Woken::Closed {
                    return self.end();
                }
                continue;
            }
            let started = monotonic();
            self.jobs.condition.begin();
            let left = self.jobs.commit(batch);
            self.jobs.condition.end();
            self.company.commit = started.elapsed();
            self.queue.give_back(left.rides, Urgency::Background);
            self.queue.give_back(left.behind, Urgency::NowWithAll);
            let again_at = monotonic() + ASIDE;
            let aside = left.contended.into_iter();
            self.aside.extend(aside.map(|job| (again_at, job)));
            self.jobs.maintain(false);
            // A lost connection is made again before the next callback needs it.
            if self.duty != Duty::Apply && self.jobs.condition.is_in_trouble() {
                self.jobs.probe();
            }
            self.bring_back();
        }
    }

    fn end(self) {
        for (_, job) in self.aside {
            job.finish(Err(StoreError::Closed));
        }
        let mut jobs = self.jobs;
        jobs.maintain(true);
    }

    /// Waits until there is something to do. After a commit its callers will queue their applying without
    /// being in a hurry, so one writer for all waits for the next urgent job first, then for any job.
    fn gather(&mut self) -> Woken {
        let mut woken = match self.duty {
            Duty::Both => self.queue.wait(Until::Urgent(1), monotonic() + LINGER),
            Duty::Accept | Duty::Apply => Woken::TimedOut,
        };
        while woken == Woken::TimedOut {
            woken = self.queue.wait(Until::AnyJob, self.idle_until());
            if woken == Woken::TimedOut {
                self.idle();
            }
        }
        if woken == Woken::Ready {
            let deadline = monotonic() + self.company.patience();
            let expected = self.company.expected.min(BATCH_MAX);
            // However that ends, what is there is taken.
            let _ = self.queue.wait(Until::Urgent(expected), deadline);
        }
        woken
    }

    fn idle_until(&self) -> Instant {
        let idle = monotonic() + IDLE;
        let again = self.aside.iter().map(|(again_at, _)| *again_at).min();
        again.map_or(idle, |again| again.min(idle))
    }

    fn idle(&mut self) {
        if self.bring_back() {
            return;
        }
        self.jobs.maintain(true);
        // What does not take callbacks gets none that would show that the trouble is over.
        if self.duty != Duty::Apply && self.jobs.condition.wants_a_probe() {
            self.jobs.probe();
        } else {
            self.jobs.look();
        }
    }

    /// Queues again what was put aside and is due; whether there was something.
    fn bring_back(&mut self) -> bool {
        let now = monotonic();
        let due = self.aside.extract_if(.., |(again_at, _)| *again_at <= now);
        let due: Vec<_> = due.map(|(_, job)| job).collect();
        let is_some = !due.is_empty();
        self.queue.give_back(due, Urgency::Now);
        is_some
    }

    /// Lets applying catch up for a moment where it lags and moves on: readers wait for it, and what it
    /// cannot hold costs more later. Applying that is held up is not waited for.
    fn yield_to_applying(&self) {
        let moves_on = |condition: &Arc<Condition>| condition.has_succeeded_within(MOVES_ON);
        let until = monotonic() + YIELD_MAX;
        while self.duty == Duty::Accept
            && self.later.jobs() > BACKLOG
            && self.applying.iter().all(moves_on)
            && monotonic() < until
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// How many that are waited for usually come together.
#[derive(Default)]
struct Company {
    /// The most lately; forgotten by one a batch.
    expected: usize,
    /// How long the last commit took.
    commit: Duration,
}

impl Company {
    fn note(&mut self, gathered: usize) {
        self.expected = gathered.max(self.expected.saturating_sub(1));
    }

    /// Half a commit at most: those who come in that time would have waited for a whole one.
    fn patience(&self) -> Duration {
        (self.commit / 2).min(COMPANY)
    }
}
