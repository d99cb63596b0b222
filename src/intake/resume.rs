//! Resume: finishes what transaction 1 promised and transaction 2 could not do yet. Runs at start,
//! by a timer, and whenever it is woken; every pass is bounded, every failure pauses longer.

use std::time::Duration;

use tokio::time::Instant;

use super::Intake;
use super::apply::Due;
use crate::domain::close_out::RetryPolicy;
use crate::domain::ids::RefundId;
use crate::domain::time::Timestamp;
use crate::failpoints::crash_point;
use crate::store::{DueCallback, Lane, LogLimit, StoreError};

/// Callbacks or close-outs in one pass, so that resume never crowds out callbacks that arrive.
const PASS_MAX: u32 = 256;
/// Time between two passes when nothing wakes it.
const PERIOD: Duration = Duration::from_secs(1);
/// Longest time that a start takes for what an earlier process left behind.
const START_MAX: Duration = Duration::from_secs(10);
/// Pause between two full passes over close-outs, as a multiple of the time that a pass takes.
const PAUSE_FACTOR: u32 = 4;
/// How long work that was taken is left alone by other workers; one that dies gives it back by this.
const LEASE: Duration = Duration::from_secs(10);
/// A moment after every time-out: at start everything unapplied is taken over at once.
const ALL: Timestamp = Timestamp::from_millis(i64::MAX);
/// How long before its time work is taken over at start where other instances may be at it. They have had
/// the first second after accepting it for themselves.
const TAKE_OVER_AHEAD: Duration = Duration::from_secs(4);

/// Lines of each cause: a store that is away meets every pass, and all that a pass has taken.
static CALLBACKS_FAILED: LogLimit = LogLimit::new();
static CLOSE_OUTS_FAILED: LogLimit = LogLimit::new();
static CLOSE_OUT_WAITS: LogLimit = LogLimit::new();
static CLOSE_OUT_UNTRIED: LogLimit = LogLimit::new();
static CLOSE_OUT_STAYS: LogLimit = LogLimit::new();
static APPLYING_WAITS: LogLimit = LogLimit::new();
static UNAPPLIED: LogLimit = LogLimit::new();
static APPLYING_STAYS: LogLimit = LogLimit::new();

impl Intake {
    /// Applies what an earlier process left behind. Called before the first request is answered, so that
    /// readers do not see a store in which an acknowledged callback has no effect. A mass that takes longer
    /// than `START_MAX`, and what cannot be read or written now, is left to [`Self::resume`]: callbacks that
    /// arrive do not wait for it. Returns how many were applied.
    pub async fn resume_at_start(&self) -> usize {
        let mut applied = 0;
        let all = self.apply_all(&mut applied);
        let left = match tokio::time::timeout(START_MAX, all).await {
            Ok(Ok(())) => return applied,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not done within {} s", START_MAX.as_secs()),
        };
        tracing::warn!(error = %left, "what an earlier process left behind is applied while serving");
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
            // What fails again and again is left to the timer, with pauses.
            if found == 0 || done == 0 {
                return Ok(());
            }
        }
    }

    /// Lets every callback be due now that waits for a time so far off that only a clock that was wrong
    /// can have named it. A close-out needs none of this: what it waits for wakes it.
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

    /// Works until the task is dropped. Callbacks and close-outs share nothing: what delays or breaks the one
    /// does not show in the other.
    pub async fn resume(&self) {
        tokio::join!(self.resume_callbacks(), self.resume_close_outs());
    }

    async fn resume_callbacks(&self) {
        loop {
            let passed = self.apply_due(self.clock.now()).await;
            // They are acknowledged and readers wait for them: no pause while more is due.
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
                // A mass of them (orders that are a day late) leaves the disk to callbacks most of the time.
                tokio::time::sleep(began.elapsed() * PAUSE_FACTOR).await;
            } else {
                // Both ends are fine: woken early, or the period is over.
                drop(tokio::time::timeout(PERIOD, self.wake.notified()).await);
            }
        }
    }

    /// When the next callback is due. Only looked at before anything is taken, so that the disk is left alone
    /// in quiet times.
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

    /// Applies what is due: how many were found, and how many of them are applied now.
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
        // All at once, so that they share commits.
        let applied = rows.into_iter().map(|row| self.reapply(row));
        let applied = count_done(futures_util::future::join_all(applied).await);
        Ok((found, applied))
    }

    /// Tries again the close-outs that are due: how many were found, and how many could be tried.
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

    /// Tries one close-out again; where even trying fails it is put off.
    async fn retry(&self, refund_id: RefundId) -> bool {
        crash_point!("resume-close-out");
        let Err(error) = self.close_out_again(refund_id).await else {
            return true;
        };
        if is_in_the_way(&error) {
            if let Some(kept_back) = CLOSE_OUT_WAITS.may_say() {
                tracing::info!(%refund_id, %error, kept_back, "a close-out has to wait");
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
            tracing::warn!(%refund_id, %error, kept_back, "a close-out could not be put off");
        }
        false
    }

    /// Applies one; where that fails it is put off, longer each time.
    async fn reapply(&self, row: DueCallback) -> bool {
        crash_point!("resume-begun");
        let (id, attempts) = (row.id, row.attempts);
        let result = match Due::try_from(row) {
            Ok(due) => {
                let (lane, work) = (due.lane(), self.work(due));
                self.store.write("resume apply", lane, work).await.map(drop)
            }
            Err(error) => Err(error),
        };
        let error = match result {
            // Superseded: somebody else has applied it, which is just as well.
            Ok(()) | Err(StoreError::Superseded) => {
                crash_point!("resume-applied");
                return true;
            }
            Err(error) if is_in_the_way(&error) => {
                if let Some(kept_back) = APPLYING_WAITS.may_say() {
                    tracing::info!(callback_id = %id, %error, kept_back, "applying a callback has to wait");
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
            tracing::warn!(callback_id = %id, %error, kept_back, "applying could not be put off");
        }
        false
    }
}

/// Whether the work itself is not to blame: what is in the way may be gone soon, and the lease ends by itself.
fn is_in_the_way(error: &StoreError) -> bool {
    error.is_contention() || matches!(error, StoreError::Late)
}

/// Whether as many were due as a pass takes and any of them got on: then more may be due already.
fn is_full_pass(passed: Result<(usize, usize), StoreError>, hush: &LogLimit, what: &str) -> bool {
    match passed {
        Ok((found, done)) => found == PASS_MAX as usize && done > 0,
        Err(error) => {
            if let Some(kept_back) = hush.may_say() {
                tracing::warn!(%error, kept_back, "resuming {what} failed; it is tried again");
            }
            false
        }
    }
}

fn count_done(done: Vec<bool>) -> usize {
    done.into_iter().filter(|done| *done).count()
}
