//! Transaction 2: the claim takes effect, once, with its events; for `EPay` the order is closed out.

use std::sync::Arc;

use super::accept::{Accepted, read_claim};
use super::settling::Settling;
use super::{Closeout, InFlight};
use crate::domain::claim::{Account, Claim, Reason, Status};
use crate::domain::clock::{Clock, Moment};
use crate::domain::close_out::{CloseOut, Progress, RetryPolicy};
use crate::domain::event::EventKind;
use crate::domain::ids::{CallbackId, Number, RefundId};
use crate::domain::refund::{Refund, Verdict};
use crate::store::{DueCallback, Locked, StoreError, Stored, Tx};

/// What became of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The refund, unless the bytes say nothing at all.
    pub refund: Option<(RefundId, Status)>,
    /// Whether it contradicts what was known.
    pub conflict: bool,
    /// How far the order side is (`EPay`).
    pub close_out: Option<Progress>,
    /// The order, once known (`EPay`).
    pub order_no: Option<Number>,
}

impl Settled {
    /// The bytes say nothing that could take effect.
    const NOTHING: Self = Self {
        refund: None,
        conflict: false,
        close_out: None,
        order_no: None,
    };
}

impl Closeout {
    /// Lets an accepted notification take effect and waits until that is on disk. A repeat has no
    /// effect of its own, but tries an unfinished close-out again at once.
    pub async fn settle(&self, accepted: Accepted) -> Result<Settled, StoreError> {
        match accepted.stored {
            Stored::New => {
                let id = accepted.id;
                let work = self.work(Due::from(accepted));
                match self.store.write("settle", work).await {
                    // A repeat that came at the same moment, or resume, was faster.
                    Err(StoreError::Overtaken) => self.settle_again(id).await,
                    settled => settled,
                }
            }
            Stored::Before { id } => self.settle_again(id).await,
        }
    }

    /// Settles what is stored under this id, or says what became of it. A repeat may have come on
    /// another path (a relay's message is known by its id and bytes), and only what is stored counts.
    async fn settle_again(&self, id: CallbackId) -> Result<Settled, StoreError> {
        let (clock, policy) = (Arc::clone(&self.clock), self.policy);
        self.store
            .write("settle again", move |tx| {
                settle_again(tx, id, clock.as_ref(), policy)
            })
            .await
    }

    /// Queues the settling of an accepted notification, for a provider that does not wait for it.
    /// What cannot be queued or fails is left to resume.
    pub fn settle_later(&self, accepted: Accepted) {
        // Moved into the job, so that it counts until that is committed and dropped.
        let in_flight = InFlight::new(&self.in_flight);
        let queued = match accepted.stored {
            Stored::New => {
                let mut work = self.work(Due::from(accepted));
                self.store.write_later("settle", move |tx| {
                    let _counts = &in_flight;
                    work(tx).map(drop)
                })
            }
            // The process or connection that brought it first may have ended before it could queue
            // the settling.
            Stored::Before { id } => {
                let (clock, policy) = (Arc::clone(&self.clock), self.policy);
                self.store.write_later("settle again", move |tx| {
                    let _counts = &in_flight;
                    match tx.snapshot().unsettled_callback(id)? {
                        Some(row) => settle(tx, &Due::try_from(row)?, clock.as_ref(), policy),
                        None => Ok(Settled::NOTHING),
                    }
                    .map(drop)
                })
            }
        };
        if let Err(error) = queued {
            tracing::warn!(%error, "settling is left to resume");
        }
    }

    /// Tries the close-out of a refund again, whatever its next time is.
    pub(super) async fn close_out_again(&self, refund_id: RefundId) -> Result<Settled, StoreError> {
        let clock = Arc::clone(&self.clock);
        self.store
            .write("close out again", move |tx| {
                close_out_again(tx, refund_id, clock.as_ref())
            })
            .await
    }

    /// Transaction 2 for one notification, as a job that can be run again.
    pub(super) fn work(
        &self,
        due: Due,
    ) -> impl FnMut(&mut Tx<'_>) -> Result<Settled, StoreError> + Send + use<> {
        let clock = Arc::clone(&self.clock);
        let policy = self.policy;
        move |tx| settle(tx, &due, clock.as_ref(), policy)
    }
}

/// A notification that is on disk and not settled.
#[derive(Debug)]
pub(super) struct Due {
    id: CallbackId,
    account: Account,
    claim: Option<(Claim, String)>,
    received_at: Moment,
}

impl From<Accepted> for Due {
    fn from(accepted: Accepted) -> Self {
        Self {
            id: accepted.id,
            account: accepted.account,
            claim: accepted.claim.zip(accepted.claim_json),
            received_at: accepted.received_at,
        }
    }
}

impl TryFrom<DueCallback> for Due {
    type Error = StoreError;
    fn try_from(row: DueCallback) -> Result<Self, StoreError> {
        let claim = row
            .claim
            .map(|json| read_claim(&json).map(|claim| (claim, json)));
        Ok(Self {
            id: row.id,
            account: row.account,
            claim: claim.transpose()?,
            received_at: row.received_at,
        })
    }
}

fn settle(
    tx: &mut Tx<'_>,
    due: &Due,
    clock: &dyn Clock,
    policy: RetryPolicy,
) -> Result<Settled, StoreError> {
    let Some((claim, claim_json)) = &due.claim else {
        let verdict = Verdict::Questioned(Reason::InvalidContent);
        tx.settle_callback(due.id, None, verdict, clock.now())?;
        return Ok(Settled::NOTHING);
    };
    let known = match &claim.refund_no {
        Some(refund_no) => tx.lock_refund(&due.account, refund_no)?,
        None => None,
    };
    let (mut settling, verdict, told) = match known {
        Some(locked) => apply(tx, due, claim, claim_json, clock, locked)?,
        None => first(tx, due, claim, clock, policy)?,
    };
    settling.close_out()?;
    settling.settle_callback(due.id, verdict)?;
    let settled = settling.finish(told)?;
    Ok(Settled {
        conflict: verdict == Verdict::Conflict,
        ..settled
    })
}

fn settle_again(
    tx: &mut Tx<'_>,
    id: CallbackId,
    clock: &dyn Clock,
    policy: RetryPolicy,
) -> Result<Settled, StoreError> {
    if let Some(row) = tx.snapshot().unsettled_callback(id)? {
        return settle(tx, &Due::try_from(row)?, clock, policy);
    }
    let known = tx.snapshot().settled_callback(id)?;
    let (refund_id, conflict) =
        known.ok_or_else(|| StoreError::Unreadable("a callback is gone".to_owned()))?;
    let settled = match refund_id {
        Some(refund_id) => close_out_again(tx, refund_id, clock)?,
        None => Settled::NOTHING,
    };
    Ok(Settled {
        conflict,
        ..settled
    })
}

fn close_out_again(
    tx: &mut Tx<'_>,
    refund_id: RefundId,
    clock: &dyn Clock,
) -> Result<Settled, StoreError> {
    let locked = tx
        .lock_refund_by_id(refund_id)?
        .ok_or_else(|| StoreError::Unreadable("a refund is gone".to_owned()))?;
    let close_out = tx.snapshot().close_out(refund_id)?;
    let mut settling = Settling::new(tx, clock, locked, close_out);
    settling.close_out()?;
    settling.finish(Vec::new())
}

type Step<'a, 'd> = (Settling<'a, 'd>, Verdict, Vec<EventKind>);

/// The first notification of a refund makes it.
fn first<'a, 'd>(
    tx: &'a mut Tx<'d>,
    due: &Due,
    claim: &Claim,
    clock: &'a dyn Clock,
    policy: RetryPolicy,
) -> Result<Step<'a, 'd>, StoreError> {
    let id = RefundId::new(clock.new_uuid());
    let (refund, verdict) = Refund::first(id, due.account.clone(), claim, due.id, due.received_at);
    let status = refund.status;
    let locked = tx.insert_refund(refund)?.ok_or(StoreError::Overtaken)?;
    let close_out = match (&claim.close_out, claim.money) {
        (Some(key), Some(money)) => {
            let park_at = due.received_at.plus(policy.retry_for);
            let times = (due.received_at, park_at);
            let new = CloseOut::new(id, due.id, key.clone(), money.amount, times);
            tx.insert_close_out(&new, due.received_at)?;
            Some(new)
        }
        _ => None,
    };
    // A new refund has not told anybody of its questions yet.
    let settling = Settling::new(tx, clock, locked, close_out).having_told(&[]);
    Ok((settling, verdict, vec![EventKind::Refund(status)]))
}

/// A further notification is applied as the state machine says.
fn apply<'a, 'd>(
    tx: &'a mut Tx<'d>,
    due: &Due,
    claim: &Claim,
    claim_json: &str,
    clock: &'a dyn Clock,
    locked: Locked,
) -> Result<Step<'a, 'd>, StoreError> {
    let close_out = match claim.close_out {
        Some(_) => tx.snapshot().close_out(locked.refund().id)?,
        None => None,
    };
    let mut changed = locked.refund().clone();
    let verdict = changed.apply(claim, due.id, clock.now());
    // The same contradiction in other bytes is the same question.
    let is_new_question = |tx: &mut Tx<'_>| -> Result<bool, StoreError> {
        let said = (claim, claim_json);
        let before = tx
            .snapshot()
            .claim_judged_before(&due.account, said, verdict, due.id)?;
        Ok(!before)
    };
    let told = match verdict {
        Verdict::Applied => Some(EventKind::Refund(changed.status)),
        Verdict::Conflict if is_new_question(tx)? => Some(EventKind::RefundConflict),
        Verdict::Questioned(_) if is_new_question(tx)? => Some(EventKind::RefundAttention),
        Verdict::Conflict | Verdict::Questioned(_) | Verdict::Repeat | Verdict::Stale => None,
    };
    let mut settling = Settling::new(tx, clock, locked, close_out);
    if told.is_some() {
        if verdict != Verdict::Applied {
            // Told by the event above, even where the list of open questions is full.
            settling = settling.having_told(&changed.attention);
        }
        settling.change(changed);
    }
    Ok((settling, verdict, told.into_iter().collect()))
}
