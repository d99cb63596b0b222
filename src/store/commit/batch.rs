//! The transactions of a lane: a batch of jobs around one commit.
//!
//! First all jobs run plainly. If one of them fails, the batch is rolled back and run once more with a savepoint
//! around each job, so that one bad job, or one locked row, costs the others nothing but that second run.
//! A lock is waited for briefly (`lock_timeout` of the session). Where several jobs meet one, something
//! larger is locked, and waiting for it job by job would hold up the lane: the rest is left as it is, for
//! resume or for another try.

use std::sync::Arc;
use std::time::Duration;

use super::health::Condition;
use super::job::Job;
use super::queue;
use super::stats::Stats;
use crate::failpoints::crash_point;
use crate::store::driver::Driver;
use crate::store::feed_counter::{Counter, Numbered};
use crate::store::tables::Tx;
use crate::store::{LogLimit, StoreError, monotonic};

/// Longest time that background jobs take of one batch of a writer that does everything: those who wait for
/// the commit wait for them, too.
const RIDE_MAX: Duration = Duration::from_millis(30);
/// Jobs that met a lock one after the other, after which the rest is not tried.
const LOCKS_IN_A_ROW: u32 = 2;
/// The same for all of a batch.
const LOCKS: u32 = 4;

/// Lines of each cause.
static FAILED: LogLimit = LogLimit::new();
static FELL_APART: LogLimit = LogLimit::new();
static CONTENDED: LogLimit = LogLimit::new();
static LOOKED: LogLimit = LogLimit::new();

type Batch = queue::Batch<Box<dyn Job>>;

/// What of a batch was not finished.
#[derive(Default)]
pub(in crate::store) struct Left {
    /// Background jobs for which the time was too short.
    pub rides: Vec<Box<dyn Job>>,
    /// Jobs that come after those.
    pub behind: Vec<Box<dyn Job>>,
    /// Jobs that another transaction was in the way of, and that may be run again.
    pub contended: Vec<Box<dyn Job>>,
}

/// Runs batches on one connection.
pub(in crate::store) struct Jobs {
    pub driver: Box<dyn Driver>,
    pub stats: Arc<Stats>,
    pub counter: Counter,
    pub condition: Arc<Condition>,
}

/// How each job of a batch went, in its order.
type Outcomes = Vec<Result<(), StoreError>>;

impl Jobs {
    /// Runs the batch, commits it and tells each caller; what could not be done now is given back.
    pub(in crate::store) fn commit(&mut self, mut batch: Batch) -> Left {
        let mut left = Left::default();
        if self.driver.has_concurrent_writers() {
            // Refunds are locked in one order by every writer of every instance, so that two of
            // them do not wait for each other. The order within a refund stays.
            batch.urgent.splice(..0, batch.rides.drain(..));
            batch.urgent.sort_by_key(|job| job.lane());
        }
        let jobs = batch.len();
        match self.attempt(&mut batch, |this, batch| this.run_all(batch, &mut left)) {
            Ok(outcomes) => self.tell(batch, outcomes, &mut left),
            Err(error) if error.blames_one_job() => {
                if let Some(kept_back) = FELL_APART.may_say() {
                    tracing::info!(
                        %error, jobs, kept_back,
                        "a batch failed; each of its jobs is run on its own feet"
                    );
                }
                match self.attempt(&mut batch, Self::run_each) {
                    Ok(outcomes) => self.tell(batch, outcomes, &mut left),
                    Err(error) => self.tell_all(batch, &error, &mut left),
                }
            }
            // The engine or the disk is in trouble. After a failed sync a retry could only lie.
            Err(error) => {
                if let Some(kept_back) = FAILED.may_say() {
                    tracing::error!(%error, jobs, kept_back, "nothing could be committed");
                }
                self.tell_all(batch, &error, &mut left);
            }
        }
        left
    }

    /// Sees whether the trouble is over.
    pub(in crate::store) fn probe(&mut self) {
        let probed = self.transact(|this| {
            let mut tx = Tx::new(this.driver.as_mut());
            tx.probe().map(|()| (None, ()))
        });
        match probed {
            Ok(()) => self.condition.succeed(),
            Err(error) => {
                tracing::debug!(%error, "still nothing can be committed");
                self.condition.fail(&error);
                self.stats.stop_if_fatal(&error);
            }
        }
    }

    /// Looks at the connection in quiet times. What is wrong with it is trouble before a job meets it.
    pub(in crate::store) fn look(&mut self) {
        let looked = self.driver.look();
        if looked.is_ok() && self.condition.wants_a_probe() {
            self.condition.succeed();
        }
        if let Err(error) = looked {
            if let Some(kept_back) = LOOKED.may_say() {
                tracing::warn!(%error, kept_back, "the database cannot be reached");
            }
            self.condition.fail(&error);
            self.stats.stop_if_fatal(&error);
        }
    }

    pub(in crate::store) fn maintain(&mut self, idle: bool) {
        if let Err(error) = self.driver.maintain(idle) {
            tracing::warn!(%error, "housekeeping of the database failed; it is tried again");
            self.stats.stop_if_fatal(&error);
        }
    }

    fn tell_all(&self, batch: Batch, error: &StoreError, left: &mut Left) {
        let outcomes = vec![Err(error.clone()); batch.len()];
        self.tell(batch, outcomes, left);
    }

    fn tell(&self, batch: Batch, outcomes: Outcomes, left: &mut Left) {
        let mut contended = 0;
        match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            Some(error) if outcomes.iter().all(Result::is_err) => self.condition.fail(error),
            Some(_) | None => self.condition.succeed(),
        }
        for (job, outcome) in batch.into_iter().zip(outcomes) {
            match &outcome {
                Err(error) if error.is_contention() => {
                    contended += 1;
                    self.condition.leave();
                    if job.tries_again() {
                        left.contended.push(job);
                        continue;
                    }
                }
                Err(error) if error.blames_one_job() => {
                    tracing::warn!(%error, job = job.name(), "a job failed");
                }
                Ok(()) | Err(_) => {}
            }
            job.finish(outcome);
        }
        if contended > 0
            && let Some(kept_back) = CONTENDED.may_say()
        {
            tracing::warn!(
                jobs = contended,
                kept_back,
                "another transaction was in the way; these jobs are done later"
            );
        }
    }

    /// One transaction around the batch, counted.
    fn attempt<T>(
        &mut self,
        batch: &mut Batch,
        run: impl FnOnce(&mut Self, &mut Batch) -> Result<(Option<Numbered>, T), StoreError>,
    ) -> Result<T, StoreError> {
        let (jobs, started) = (batch.len(), monotonic());
        let result = self.transact(|this| run(this, batch));
        let outcome = result.as_ref().map(|_| ());
        self.stats.record_commit(jobs, started.elapsed(), outcome);
        if let Err(error) = &result {
            self.stats.stop_if_fatal(error);
        }
        result
    }

    /// One transaction.
    fn transact<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<(Option<Numbered>, T), StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(error) = self.stats.fatal() {
            return Err(error);
        }
        self.driver.begin()?;
        let result = run(self).and_then(|done| {
            crash_point!("commit-before");
            self.driver.commit()?;
            crash_point!("commit-after");
            Ok(done)
        });
        if result.is_err() {
            self.driver.rollback();
        }
        let (numbered, done) = result?;
        if let Some(numbered) = numbered {
            self.counter.committed(&numbered);
        }
        Ok(done)
    }

    /// Runs the jobs and numbers their events; says which, if there were any.
    fn run_all(
        &mut self,
        batch: &mut Batch,
        left: &mut Left,
    ) -> Result<(Option<Numbered>, Outcomes), StoreError> {
        let started = monotonic();
        let mut tx = Tx::new(self.driver.as_mut());
        let mut outcomes = Vec::with_capacity(batch.len());
        for ride in 0..batch.rides.len() {
            if ride > 0 && started.elapsed() > RIDE_MAX {
                left.rides = batch.rides.split_off(ride);
                left.behind = std::mem::take(&mut batch.behind);
                break;
            }
            outcomes.push(run_plainly(&mut batch.rides[ride], &mut tx)?);
        }
        for job in batch.urgent.iter_mut().chain(&mut batch.behind) {
            outcomes.push(run_plainly(job, &mut tx)?);
        }
        Ok((tx.number_events(&self.counter)?, outcomes))
    }

    /// Runs each job on its own feet: one that fails leaves nothing behind.
    fn run_each(&mut self, batch: &mut Batch) -> Result<(Option<Numbered>, Outcomes), StoreError> {
        let mut tx = Tx::new(self.driver.as_mut());
        let mut outcomes = Vec::with_capacity(batch.len());
        let (mut in_a_row, mut locks) = (0, 0);
        for job in batch.iter_mut() {
            if in_a_row == LOCKS_IN_A_ROW || locks == LOCKS {
                let why = "other jobs of the batch met locks, so this one was not tried";
                outcomes.push(Err(StoreError::SerializationFailure(why.to_owned())));
                continue;
            }
            let outcome = tx.apart(|tx| job.run(tx));
            match &outcome {
                Err(StoreError::SerializationFailure(_)) => {
                    (in_a_row, locks) = (in_a_row + 1, locks + 1);
                }
                Err(StoreError::Locked) => {}
                // The whole transaction is lost.
                Err(error) if !error.blames_one_job() => return Err(error.clone()),
                Ok(()) | Err(_) => in_a_row = 0,
            }
            outcomes.push(outcome);
        }
        Ok((tx.number_events(&self.counter)?, outcomes))
    }
}

/// Runs a job without a savepoint. What found its row locked has done nothing.
fn run_plainly(
    job: &mut Box<dyn Job>,
    tx: &mut Tx<'_>,
) -> Result<Result<(), StoreError>, StoreError> {
    match job.run(tx) {
        Ok(()) => Ok(Ok(())),
        Err(StoreError::Locked) => Ok(Err(StoreError::Locked)),
        Err(error) => Err(error),
    }
}
