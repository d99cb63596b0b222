//! Requests of accounts that have no client any more: their `[accounts.api]` section is gone, or the account is.
//! Nothing sends them and nothing asks about them, so a person is asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Requests;
use super::worker::end_abandoned;
use crate::domain::claim::{Account, Reason};
use crate::domain::ids::RefundId;
use crate::domain::request::{Request, State};
use crate::domain::time::{Clock, Timestamp};
use crate::intake::Applying;
use crate::store::{Lane, LogLimit, StoreError, Tx};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(30);
/// How long a request is due before it counts as not served: another instance may have the account already.
const DUE_FOR: Duration = Duration::from_secs(10 * 60);
/// When it is looked at again: the account may be back by then, and takes it.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// Requests of one account that are looked at in one go.
const BATCH: u32 = 100;

static LOOK_FAILED: LogLimit = LogLimit::new();
static UNSERVED: LogLimit = LogLimit::new();

impl Requests {
    /// Looks until [`Self::drain`] is called; next to the sending, which it does not hold up.
    pub(super) async fn watch_unserved(&self) {
        while !self.is_draining.load(Ordering::Acquire) {
            if let Err(error) = self.look_at_unserved().await
                && let Some(kept_back) = LOOK_FAILED.may_say()
            {
                tracing::warn!(%error, kept_back, "requests of accounts without a client could not be read; retrying");
            }
            drop(tokio::time::timeout(EVERY, self.drained.notified()).await);
        }
    }

    async fn look_at_unserved(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let last = after.take();
            let next = self
                .store
                .read_own(move |snapshot| snapshot.next_account_with_requests(last.as_ref()));
            let Some(account) = next.await? else {
                return Ok(());
            };
            if self.api(&account).is_none() {
                self.ask_for(&account).await?;
            }
            after = Some(account);
        }
    }

    /// Asks a person about the requests of an account that are long due.
    async fn ask_for(&self, account: &Account) -> Result<(), StoreError> {
        let (of, now) = (account.clone(), self.clock.now());
        let leased = self
            .store
            .write("unserved requests", Lane::SHARED, move |tx| {
                let due = now.minus(DUE_FOR);
                tx.lease_requests(&of, (due, now.plus(AGAIN)), BATCH, false)
            });
        let leased = leased.await?;
        if leased.is_empty() {
            return Ok(());
        }
        if let Some(kept_back) = UNSERVED.may_say() {
            let (provider, account, requests) = (&account.provider, &account.name, leased.len());
            tracing::error!(
                provider,
                account,
                requests,
                kept_back,
                "open refunds belong to an account that has no [accounts.api]: nothing sends them or asks about them; \
                 configure it again, or decide them"
            );
        }
        for request in leased {
            let clock = Arc::clone(&self.clock);
            let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
            let (id, fence) = (request.refund_id, request.fence);
            self.store
                .write("unserved request", lane, move |tx| {
                    ask_a_person(tx, clock.as_ref(), (id, fence), now)
                })
                .await?;
        }
        Ok(())
    }
}

fn ask_a_person(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    (id, fence): (RefundId, i64),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(mut applying) = Applying::of_leased(tx, clock, id, fence)? else {
        return Ok(());
    };
    end_abandoned(&mut applying, now)?;
    let Some((refund, request)) = applying.request_mut() else {
        return Ok(());
    };
    if let Some(question) = question(request) {
        refund.raise(question, None, now);
        refund.updated_at = now;
        request.next_at = Some(now.plus(AGAIN));
    }
    applying.finish(Vec::new()).map(drop)
}

/// What is to be asked of a request that is not served.
fn question(request: &Request) -> Option<Reason> {
    match request.machine.state {
        State::Queued => Some(Reason::CannotSend),
        State::Sending | State::Unknown | State::Accepted => Some(Reason::OutcomeOverdue),
        State::Refused | State::Done | State::Failed | State::Canceled => None,
    }
}
