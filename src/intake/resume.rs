//! Resume: applies callbacks that transaction 1 stored and transaction 2 has not applied, and retries
//! close-outs. Runs at start, by a timer and on wake-up; each pass is bounded, each failure backs off.

use std::time::Duration;

use tokio::time::Instant;

use super::Intake;
use super::due::DueCallback;
use crate::domain::ids::RefundId;
use crate::domain::order::close_out::RetryPolicy;
use crate::domain::time::Timestamp;
use crate::failpoints::crash_point;
use crate::store::{Lane, LogLimit, PendingCallback, StoreError};

/// Callbacks or close-outs per pass, so that resume never starves callbacks that arrive.
const PASS_MAX: u32 = 256;
/// Time between two passes without a wake-up.
const PERIOD: Duration = Duration::from_secs(1);
/// Max time that a start spends on the backlog of an earlier process.
const START_MAX: Duration = Duration::from_secs(10);
/// Pause between two full passes over close-outs, as a multiple of a pass's duration.
const PAUSE_FACTOR: u32 = 4;
/// Lease on a callback or close-out; a worker that dies loses it after this time.
const LEASE: Duration = Duration::from_secs(10);
/// Later than every due time: at start everything pending is taken over at once.
const ALL: Timestamp = Timestamp::from_millis(i64::MAX);
/// How early work is taken over at start where other instances share the store. The instance that accepted it
/// has its first second alone.
const TAKE_OVER_AHEAD: Duration = Duration::from_secs(4);

/// One log limit for each cause: an unreachable store fails every pass and every row of a pass.
static CALLBACKS_FAILED: LogLimit = LogLimit::new();
static CLOSE_OUTS_FAILED: LogLimit = LogLimit::new();
static CLOSE_OUT_WAITS: LogLimit = LogLimit::new();
static CLOSE_OUT_UNTRIED: LogLimit = LogLimit::new();
static CLOSE_OUT_STAYS: LogLimit = LogLimit::new();
static APPLYING_WAITS: LogLimit = LogLimit::new();
static UNAPPLIED: LogLimit = LogLimit::new();
static APPLYING_STAYS: LogLimit = LogLimit::new();

impl Intake {
    /// Applies the backlog of an earlier process. Called before the first request is answered, so that
    /// readers see the effect of every acknowledged callback. What takes longer than `START_MAX`, or fails,
    /// is left to [`Self::resume`]: arriving callbacks do not wait for it. Returns how many were applied.
    pub async fn resume_at_start(&self) -> usize {
        let mut applied = 0;
        let all = self.apply_all(&mut applied);
        let left = match tokio::time::timeout(START_MAX, all).await {
            Ok(Ok(())) => return applied,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not done within {} s", START_MAX.as_secs()),
        };
        tracing::warn!(error = %left, "the backlog of an earlier process is applied while serving");
        applied
    }

    async fn apply_all(&self, applied: &mut usize) -> Result<(), StoreError> {
        self.bring_forward().await?;
        let due = if self.store.is_shared() {
            self.clock.now().plus(TAKE_OVER_AHEAD)
        } else {
            ALL
        };
        loop {
            let (found, done) = self.apply_due(due).await?;
            *applied += done;
            // What keeps failing is left to the timer, with backoff.
            if found == 0 || done == 0 {
                return Ok(());
            }
        }
    }

    /// Makes due every callback whose next attempt is farther off than any backoff: a wrong clock set it. A
    /// close-out needs none of this, because a registration wakes it.
    async fn bring_forward(&self) -> Result<(), StoreError> {
        if self.next_unapplied().await?.is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        let latest = now.plus(RetryPolicy::LONGEST_PAUSE);
        self.store
            .write("bring forward", Lane::SHARED, move |tx| {
                tx.bring_applying_forward(now, latest)
            })
            .await
    }

    /// Runs until the task is dropped. Callbacks and close-outs share no loop, so neither delays the other.
    pub async fn resume(&self) {
        tokio::join!(self.resume_callbacks(), self.resume_close_outs());
    }

    async fn resume_callbacks(&self) {
        loop {
            let passed = self.apply_due(self.clock.now()).await;
            // Acknowledged, and readers wait for them: no pause while more are due.
            if !is_full_pass(passed, &CALLBACKS_FAILED, "callbacks") {
                tokio::time::sleep(PERIOD).await;
            }
        }
    }

    async fn resume_close_outs(&self) {
        loop {
            let began = Instant::now();
            let passed = self.close_out_due(self.clock.now()).await;
            if is_full_pass(passed, &CLOSE_OUTS_FAILED, "close-outs") {
                // Many close-outs (orders that are a day late) leave the disk to callbacks most of the time.
                tokio::time::sleep(began.elapsed() * PAUSE_FACTOR).await;
            } else {
                drop(tokio::time::timeout(PERIOD, self.wake.notified()).await);
            }
        }
    }

    /// When the next callback is due. Read before anything is leased, so that an idle service writes nothing.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's path has one lifetime, the closure any"
    )]
    async fn next_unapplied(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store
            .read_own(|snapshot| snapshot.next_unapplied())
            .await
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's path has one lifetime, the closure any"
    )]
    async fn next_close_out(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store
            .read_own(|snapshot| snapshot.next_close_out())
            .await
    }

    /// Applies due callbacks; returns how many were leased and how many were applied.
    async fn apply_due(&self, due: Timestamp) -> Result<(usize, usize), StoreError> {
        let next = self.next_unapplied().await?;
        if next.is_none_or(|next| next > due) {
            return Ok((0, 0));
        }
        let until = self.clock.now().plus(LEASE);
        let rows = self
            .store
            .write("lease callbacks", Lane::SHARED, move |tx| {
                tx.lease_unapplied(due, until, PASS_MAX)
            })
            .await?;
        let found = rows.len();
        // Concurrently, so that they share commits.
        let applied = rows.into_iter().map(|row| self.reapply(row));
        let applied = count_done(futures_util::future::join_all(applied).await);
        Ok((found, applied))
    }

    /// Retries due close-outs; returns how many were leased and how many could be tried.
    async fn close_out_due(&self, now: Timestamp) -> Result<(usize, usize), StoreError> {
        let next = self.next_close_out().await?;
        if next.is_none_or(|next| next > now) {
            return Ok((0, 0));
        }
        let until = now.plus(LEASE);
        let due = self
            .store
            .write("lease close-outs", Lane::SHARED, move |tx| {
                tx.lease_close_outs(now, until, PASS_MAX)
            })
            .await?;
        let found = due.len();
        let tried = due.into_iter().map(|refund_id| self.retry(refund_id));
        let tried = count_done(futures_util::future::join_all(tried).await);
        Ok((found, tried))
    }

    /// Retries one close-out; where the attempt itself fails it is deferred.
    async fn retry(&self, refund_id: RefundId) -> bool {
        crash_point!("resume-close-out");
        let Err(error) = self.close_out_again(refund_id).await else {
            return true;
        };
        if is_in_the_way(&error) {
            if let Some(kept_back) = CLOSE_OUT_WAITS.may_say() {
                tracing::info!(%refund_id, %error, kept_back, "a close-out waits for its next lease");
            }
            return false;
        }
        if let Some(kept_back) = CLOSE_OUT_UNTRIED.may_say() {
            tracing::warn!(%refund_id, %error, kept_back, "a close-out could not be tried");
        }
        let until = self.clock.now().plus(RetryPolicy::LONGEST_PAUSE);
        let put_off = self
            .store
            .write("put off close-out", Lane::SHARED, move |tx| {
                tx.defer_close_out(refund_id, until)
            })
            .await;
        if let Err(error) = put_off
            && let Some(kept_back) = CLOSE_OUT_STAYS.may_say()
        {
            tracing::warn!(%refund_id, %error, kept_back, "a close-out could not be deferred");
        }
        false
    }

    /// Applies one; where that fails it is deferred with backoff.
    async fn reapply(&self, row: PendingCallback) -> bool {
        crash_point!("resume-begun");
        let (id, attempts) = (row.id, row.attempts);
        let result = match DueCallback::try_from(row) {
            Ok(due) => {
                let (lane, work) = (due.lane(), self.work(due));
                self.store.write("resume apply", lane, work).await.map(drop)
            }
            Err(error) => Err(error),
        };
        let error = match result {
            // Superseded: a concurrent worker has applied it.
            Ok(()) | Err(StoreError::Superseded) => {
                crash_point!("resume-applied");
                return true;
            }
            Err(error) if is_in_the_way(&error) => {
                if let Some(kept_back) = APPLYING_WAITS.may_say() {
                    tracing::info!(callback_id = %id, %error, kept_back, "a callback waits for its next lease");
                }
                return false;
            }
            Err(error) => error,
        };
        if let Some(kept_back) = UNAPPLIED.may_say() {
            tracing::warn!(callback_id = %id, %error, attempts, kept_back, "a callback could not be applied");
        }
        let until = self.clock.now().plus(RetryPolicy::pause(attempts + 1));
        let put_off = self
            .store
            .write("put off applying", Lane::SHARED, move |tx| {
                tx.defer_apply(id, until)
            })
            .await;
        if let Err(error) = put_off
            && let Some(kept_back) = APPLYING_STAYS.may_say()
        {
            tracing::warn!(callback_id = %id, %error, kept_back, "a callback could not be deferred");
        }
        false
    }
}

/// Whether the cause is contention or a deadline, not the row: its lease ends by itself.
fn is_in_the_way(error: &StoreError) -> bool {
    error.is_contention() || matches!(error, StoreError::Late)
}

/// Whether the pass was full and made progress: then more may be due already.
fn is_full_pass(passed: Result<(usize, usize), StoreError>, hush: &LogLimit, what: &str) -> bool {
    match passed {
        Ok((found, done)) => found == PASS_MAX as usize && done > 0,
        Err(error) => {
            if let Some(kept_back) = hush.may_say() {
                tracing::warn!(%error, kept_back, "a resume pass over {what} failed; retrying");
            }
            false
        }
    }
}

fn count_done(done: Vec<bool>) -> usize {
    done.into_iter().filter(|done| *done).count()
}
