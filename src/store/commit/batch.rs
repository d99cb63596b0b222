//! The transactions of a lane: a batch of jobs, one commit; a second run with savepoints where a job fails.

use std::sync::Arc;
use std::time::Duration;

use super::bulk;
use super::bulk::Foreseen;
use super::health::Condition;
use super::job::Job;
use super::queue;
use super::stats::Stats;
use crate::failpoints::crash_point;
use crate::store::copy::Digest;
use crate::store::engine::driver::Driver;
use crate::store::feed_counter::{Counter, Numbered};
use crate::store::tables::Tx;
use crate::store::{LogLimit, StoreError, monotonic};

/// Max time of piggybacked jobs in a batch of a writer with both duties: the callers of the urgent jobs wait
/// for them, too.
const PIGGYBACK_TIME_MAX: Duration = Duration::from_millis(30);
/// Jobs in a row that met a lock, after which the rest of the batch is not tried: something larger is locked,
/// and waiting for it job by job would hold up the lane.
const LOCKS_IN_A_ROW_MAX: u32 = 2;
/// The same for the whole batch.
const LOCKS_MAX: u32 = 4;

/// Log limits, one per cause.
static FAILED: LogLimit = LogLimit::new();
static RETRIED: LogLimit = LogLimit::new();
static CONTENDED: LogLimit = LogLimit::new();
static LOOKED: LogLimit = LogLimit::new();
static UNMAINTAINED: LogLimit = LogLimit::new();
static JOB_FAILED: LogLimit = LogLimit::new();

type Batch = queue::Batch<Box<dyn Job>>;

/// Jobs of a batch that are not finished.
#[derive(Default)]
pub(in crate::store) struct Unfinished {
    /// Background jobs for which there was no time.
    pub piggybacked: Vec<Box<dyn Job>>,
    /// Jobs that run after those.
    pub behind: Vec<Box<dyn Job>>,
    /// Jobs that met a lock and may be retried.
    pub contended: Vec<Box<dyn Job>>,
}

/// Runs batches on one connection.
pub(in crate::store) struct Jobs {
    pub driver: Box<dyn Driver>,
    pub stats: Arc<Stats>,
    pub counter: Counter,
    pub condition: Arc<Condition>,
    /// Chains the trail.
    pub digest: Digest,
}

/// What is told of a transaction once it is committed.
#[derive(Default)]
struct Written {
    numbered: Option<Numbered>,
    apply_delays: Vec<Duration>,
}

impl Written {
    /// Numbers the events and acts, last before the commit.
    fn end(mut tx: Tx<'_>, counter: &Counter, digest: Digest) -> Result<Self, StoreError> {
        Ok(Self {
            numbered: tx.number(counter, digest)?,
            apply_delays: tx.into_buffered().apply_delays,
        })
    }
}

/// How each job of a batch went, in its order.
type Outcomes = Vec<Result<(), StoreError>>;

impl Jobs {
    /// Runs the batch, commits it and answers each caller; gives back the jobs that are not finished.
    pub(in crate::store) fn commit(&mut self, mut batch: Batch) -> Unfinished {
        let mut left = Unfinished::default();
        if self.driver.has_concurrent_writers() {
            // Refunds are locked in one order by every writer of every instance, so that two of
            // them do not wait for each other. The order within a refund stays.
            batch.urgent.splice(..0, batch.piggybacked.drain(..));
            batch.urgent.sort_by_key(|job| job.lane());
        }
        let jobs = batch.len();
        match self.attempt(&mut batch, |this, batch| this.run_all(batch, &mut left)) {
            Ok(outcomes) => self.tell(batch, outcomes, &mut left),
            Err(error) if error.blames_one_job() => {
                if let Some(kept_back) = RETRIED.may_say() {
                    tracing::info!(
                        %error, jobs, kept_back,
                        "a batch failed; retrying with a savepoint around each job"
                    );
                }
                match self.attempt(&mut batch, Self::run_each) {
                    Ok(outcomes) => self.tell(batch, outcomes, &mut left),
                    Err(error) => self.tell_all(batch, &error, &mut left),
                }
            }
            // The engine or the disk failed. After a failed fsync a retry could only lie.
            Err(error) => {
                if let Some(kept_back) = FAILED.may_say() {
                    tracing::error!(%error, jobs, kept_back, "nothing could be committed");
                }
                self.tell_all(batch, &error, &mut left);
            }
        }
        left
    }

    /// Checks whether the lane can commit again.
    pub(in crate::store) fn probe(&mut self) {
        let probed = self.transact(|this| {
            let mut tx = Tx::new(this.driver.as_mut());
            tx.probe().map(|()| (Written::default(), ()))
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

    /// Checks the connection while idle, so that a lost one is known before a job meets it.
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
            if let Some(kept_back) = UNMAINTAINED.may_say() {
                tracing::warn!(%error, kept_back, "maintenance of the database failed; it is retried");
            }
            self.stats.stop_if_fatal(&error);
        }
    }

    fn tell_all(&self, batch: Batch, error: &StoreError, left: &mut Unfinished) {
        let outcomes = vec![Err(error.clone()); batch.len()];
        self.tell(batch, outcomes, left);
    }

    fn tell(&self, batch: Batch, outcomes: Outcomes, left: &mut Unfinished) {
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
                    if job.may_retry() {
                        left.contended.push(job);
                        continue;
                    }
                }
                Err(error) if error.blames_one_job() => {
                    if let Some(kept_back) = JOB_FAILED.may_say() {
                        tracing::warn!(%error, job = job.name(), kept_back, "a job failed");
                    }
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
                "jobs met a lock of another transaction; they are retried later"
            );
        }
    }

    /// One transaction around the batch, counted.
    fn attempt<T>(
        &mut self,
        batch: &mut Batch,
        run: impl FnOnce(&mut Self, &mut Batch) -> Result<(Written, T), StoreError>,
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
        run: impl FnOnce(&mut Self) -> Result<(Written, T), StoreError>,
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
        let (written, done) = result?;
        if let Some(numbered) = written.numbered {
            self.counter.committed(&numbered);
        }
        for delay in written.apply_delays {
            self.stats.apply_delay.record(delay);
        }
        Ok(done)
    }

    /// Runs the jobs and numbers their events.
    fn run_all(
        &mut self,
        batch: &mut Batch,
        left: &mut Unfinished,
    ) -> Result<(Written, Outcomes), StoreError> {
        let started = monotonic();
        // A writer that is not alone has no piggybacked jobs: they are urgent ones by now.
        let mut foreseen = if self.driver.has_concurrent_writers() && batch.len() > 1 {
            bulk::write(batch.iter_mut(), self.driver.as_mut())?.into_iter()
        } else {
            Vec::new().into_iter()
        };
        let mut tx = Tx::new(self.driver.as_mut());
        let mut outcomes = Vec::with_capacity(batch.len());
        for next in 0..batch.piggybacked.len() {
            if next > 0 && started.elapsed() > PIGGYBACK_TIME_MAX {
                left.piggybacked = batch.piggybacked.split_off(next);
                left.behind = std::mem::take(&mut batch.behind);
                break;
            }
            outcomes.push(run_plainly(&mut batch.piggybacked[next], &mut tx)?);
        }
        for job in batch.urgent.iter_mut().chain(&mut batch.behind) {
            outcomes.push(match foreseen.next() {
                Some(Foreseen::Written(left)) => {
                    tx.add(left);
                    Ok(())
                }
                Some(Foreseen::WasThere) => tx.with_known_row(|tx| run_plainly(job, tx))?,
                Some(Foreseen::Unknown) | None => run_plainly(job, &mut tx)?,
            });
        }
        Ok((Written::end(tx, &self.counter, self.digest)?, outcomes))
    }

    /// Runs each job within a savepoint: one that fails leaves nothing behind. So does one whose acts cannot be
    /// appended to the trail, because its head is locked for long or was tampered with.
    fn run_each(&mut self, batch: &mut Batch) -> Result<(Written, Outcomes), StoreError> {
        let digest = self.digest;
        let mut tx = Tx::new(self.driver.as_mut());
        let mut outcomes = Vec::with_capacity(batch.len());
        let (mut in_a_row, mut locks) = (0, 0);
        for job in batch.iter_mut() {
            if in_a_row == LOCKS_IN_A_ROW_MAX || locks == LOCKS_MAX {
                let why = "other jobs of the batch met locks, so this one was not tried";
                outcomes.push(Err(StoreError::SerializationFailure(why.to_owned())));
                continue;
            }
            let outcome = tx.apart(|tx| job.run(tx).and_then(|()| tx.append_acts(digest)));
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
        Ok((Written::end(tx, &self.counter, digest)?, outcomes))
    }
}

/// Runs a job without a savepoint. One that found its row locked has done nothing.
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
