//! Resume: finishes what transaction 1 promised and transaction 2 could not do yet. Runs at start,
//! by a timer, and whenever it is woken; every pass is bounded, every failure pauses longer.

use std::time::Duration;

use super::Intake;
use super::settle::Due;
use crate::domain::clock::Moment;
use crate::domain::close_out::RetryPolicy;
use crate::domain::ids::RefundId;
use crate::faults::crash_point;
use crate::store::{DueCallback, Lane, StoreError};

/// Callbacks or close-outs in one pass, so that resume never crowds out callbacks that arrive.
const PASS_MAX: u32 = 256;
/// Time between two passes when nothing wakes it.
const PERIOD: Duration = Duration::from_secs(1);
/// How long work that was taken is left alone by other workers; one that dies gives it back by this.
const LEASE: Duration = Duration::from_secs(10);
/// A moment after every time-out: at start everything unsettled is taken over at once.
const ALL: Moment = Moment::from_millis(i64::MAX);
/// How long before its time work is taken over at start where other instances may be at it. They have had
/// the first second after accepting it for themselves.
const TAKE_OVER_AHEAD: Duration = Duration::from_secs(4);

impl Intake {
    /// Settles everything that an earlier process left behind. Called before the first request is
    /// answered, so that readers never see a store in which an acknowledged callback has no effect.
    /// Returns how many were settled.
    pub async fn resume_at_start(&self) -> Result<usize, StoreError> {
        self.bring_forward().await?;
        let due = if self.store.is_shared() {
            self.clock.now().plus(TAKE_OVER_AHEAD)
        } else {
            ALL
        };
        let mut settled = 0;
        loop {
            let (found, done) = self.settle_due(due).await?;
            settled += done;
            // What fails again and again is left to the timer, with pauses.
            if found == 0 || done == 0 {
                return Ok(settled);
            }
        }
    }

    /// Lets every callback be due now that waits for a time so far off that only a clock that was wrong
    /// can have named it. A close-out needs none of this: what it waits for wakes it.
    async fn bring_forward(&self) -> Result<(), StoreError> {
        let (Some(_), _) = self.next().await? else {
            return Ok(());
        };
        let now = self.clock.now();
        let latest = now.plus(RetryPolicy::LONGEST_PAUSE);
        self.store
            .write("bring forward", Lane::ORDERS, move |tx| {
                tx.bring_settling_forward(now, latest)
            })
            .await
    }

    /// Works until the task is dropped.
    pub async fn resume(&self) {
        loop {
            let now = self.clock.now();
            let more = match self.pass(now).await {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(%error, "resume failed; it is tried again");
                    false
                }
            };
            if !more {
                // Both ends are fine: woken early, or the period is over.
                drop(tokio::time::timeout(PERIOD, self.wake.notified()).await);
            }
        }
    }

    /// One bounded pass; `true` where more is due already.
    async fn pass(&self, now: Moment) -> Result<bool, StoreError> {
        let (callbacks, settled) = self.settle_due(now).await?;
        let (close_outs, tried) = self.close_out_due(now).await?;
        let full = PASS_MAX as usize;
        Ok((callbacks == full && settled > 0) || (close_outs == full && tried > 0))
    }

    /// When the next callback and the next close-out are due. Only looked at before anything is taken, so
    /// that the disk is left alone in quiet times.
    async fn next(&self) -> Result<(Option<Moment>, Option<Moment>), StoreError> {
        self.store
            .read_own(|snapshot| Ok((snapshot.next_unsettled()?, snapshot.next_close_out()?)))
            .await
    }

    /// Settles what is due: how many were found, and how many of them are settled now.
    async fn settle_due(&self, due: Moment) -> Result<(usize, usize), StoreError> {
        let (next, _) = self.next().await?;
        if next.is_none_or(|next| next > due) {
            return Ok((0, 0));
        }
        let until = self.clock.now().plus(LEASE);
        let rows = self
            .store
            .write("lease callbacks", Lane::ORDERS, move |tx| {
                tx.lease_unsettled(due, until, PASS_MAX)
            })
            .await?;
        let found = rows.len();
        // All at once, so that they share commits.
        let settled = rows.into_iter().map(|row| self.resettle(row));
        let settled = count_done(futures_util::future::join_all(settled).await);
        Ok((found, settled))
    }

    /// Tries again the close-outs that are due: how many were found, and how many could be tried.
    async fn close_out_due(&self, now: Moment) -> Result<(usize, usize), StoreError> {
        let (_, next) = self.next().await?;
        if next.is_none_or(|next| next > now) {
            return Ok((0, 0));
        }
        let until = now.plus(LEASE);
        let due = self
            .store
            .write("lease close-outs", Lane::ORDERS, move |tx| {
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
            tracing::info!(%refund_id, %error, "a close-out has to wait");
            return false;
        }
        tracing::warn!(%refund_id, %error, "a close-out could not be tried");
        let until = self.clock.now().plus(RetryPolicy::LONGEST_PAUSE);
        let put_off = self
            .store
            .write("put off close-out", Lane::ORDERS, move |tx| {
                tx.defer_close_out(refund_id, until)
            })
            .await;
        if let Err(error) = put_off {
            tracing::warn!(%refund_id, %error, "a close-out could not be put off");
        }
        false
    }

    /// Settles one; where that fails it is put off, longer each time.
    async fn resettle(&self, row: DueCallback) -> bool {
        crash_point!("resume-begun");
        let (id, attempts) = (row.id, row.attempts);
        let result = match Due::try_from(row) {
            Ok(due) => {
                let (lane, work) = (due.lane(), self.work(due));
                self.store
                    .write("resume settle", lane, work)
                    .await
                    .map(drop)
            }
            Err(error) => Err(error),
        };
        let error = match result {
            // Overtaken: somebody else has settled it, which is just as well.
            Ok(()) | Err(StoreError::Overtaken) => {
                crash_point!("resume-settled");
                return true;
            }
            Err(error) if is_in_the_way(&error) => {
                tracing::info!(callback_id = %id, %error, "applying a callback has to wait");
                return false;
            }
            Err(error) => error,
        };
        tracing::warn!(callback_id = %id, %error, attempts, "a callback could not be settled");
        let until = self.clock.now().plus(RetryPolicy::pause(attempts + 1));
        let put_off = self
            .store
            .write("put off settling", Lane::ORDERS, move |tx| {
                tx.defer_settle(id, until)
            })
            .await;
        if let Err(error) = put_off {
            tracing::warn!(callback_id = %id, %error, "settling could not be put off");
        }
        false
    }
}

/// Whether the work itself is not to blame: what is in the way may be gone soon, and the lease ends by itself.
fn is_in_the_way(error: &StoreError) -> bool {
    error.is_contention() || matches!(error, StoreError::Late)
}

fn count_done(done: Vec<bool>) -> usize {
    done.into_iter().filter(|done| *done).count()
}
