//! Transaction 2: the claim takes effect, once, with its events; for `EPay` the order is closed out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Intake;
use super::accept::Accepted;
use super::outcome::Settling;
use crate::crypto::sha256;
use crate::domain::claim::{Account, Claim, Reason, Status};
use crate::domain::close_out::{CloseOut, Progress, RetryPolicy};
use crate::domain::event::EventKind;
use crate::domain::ids::{CallbackId, Number, RefundId};
use crate::domain::refund::{Refund, Verdict};
use crate::domain::time::{Clock, Moment};
use crate::failpoints::crash_point;
use crate::store::{DueCallback, Hush, Lane, Locked, StoreError, Stored, Tx, read_claim};

/// Longest time from the beginning of accepting until a caller hears what became of its notification. One
/// who waits longer has gone, and resume does what is left.
const ANSWER_MAX: Duration = Duration::from_millis(4_500);
/// How often it is looked at what another worker was faster with, before the caller hears of it.
const ATTEMPTS_MAX: u32 = 3;
/// Lines about applying that could not be queued.
static LEFT: Hush = Hush::new();

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

impl Intake {
    /// Lets an accepted notification take effect and waits until that is on disk. A repeat has no
    /// effect of its own, but tries an unfinished close-out again at once.
    pub async fn settle(&self, accepted: Accepted) -> Result<Settled, StoreError> {
        let until = accepted.began + ANSWER_MAX;
        match accepted.stored {
            Stored::New => {
                let (id, due) = (accepted.id, Due::from(accepted));
                let (lane, work) = (due.lane(), self.work(due));
                match self.store.write_until("settle", lane, until, work).await {
                    Ok(Some(settled)) => Ok(settled),
                    // A repeat that came at the same moment, or resume, was faster.
                    Ok(None) | Err(StoreError::Overtaken) => {
                        self.settle_again(id, lane, until).await
                    }
                    Err(error) => Err(error),
                }
            }
            Stored::Before { id, .. } => {
                let lane = Due::from(accepted).lane();
                self.settle_again(id, lane, until).await
            }
        }
    }

    /// Settles what is stored under this id, or says what became of it. A repeat may have come on
    /// another path (a relay's message is known by its id and bytes), and only what is stored counts.
    async fn settle_again(
        &self,
        id: CallbackId,
        lane: Lane,
        until: Instant,
    ) -> Result<Settled, StoreError> {
        let mut tried = 1;
        loop {
            let (clock, policy) = (Arc::clone(&self.clock), self.policy());
            let settled = self
                .store
                .write_until("settle again", lane, until, move |tx| {
                    settle_again(tx, id, clock.as_ref(), policy)
                });
            match settled.await {
                // Another instance was faster, after this one had looked; now there is something to see.
                Err(StoreError::Overtaken) if tried < ATTEMPTS_MAX => tried += 1,
                settled => return settled,
            }
        }
    }

    /// Queues the settling of an accepted notification, for a provider that does not wait for it.
    /// What cannot be queued or fails is left to resume.
    pub fn settle_later(&self, accepted: Accepted) {
        crash_point!("accepted-not-queued");
        if matches!(
            accepted.stored,
            Stored::Before {
                is_settled: true,
                ..
            }
        ) {
            return;
        }
        // Moved into the job, so that it counts until that is committed and dropped.
        let refund_no = accepted
            .claim
            .as_ref()
            .and_then(|claim| claim.refund_no.as_ref());
        let under_way = self.in_flight.begin(&accepted.account, refund_no);
        let stored = accepted.stored;
        // The claim is held twice, as it was read and as it is stored.
        let bytes = 2 * accepted.claim_json.as_ref().map_or(0, String::len);
        let due = Due::from(accepted);
        let lane = due.lane();
        let queued = match stored {
            Stored::New => {
                let mut work = self.work(due);
                self.store.write_later("settle", lane, bytes, move |tx| {
                    let _counts = &under_way;
                    work(tx).map(drop)
                })
            }
            // The process or connection that brought it first may have ended before it could queue
            // the settling.
            Stored::Before { id, .. } => {
                let (clock, policy) = (Arc::clone(&self.clock), self.policy());
                self.store
                    .write_later("settle again", lane, bytes, move |tx| {
                        let _counts = &under_way;
                        settle_stored(tx, id, clock.as_ref(), policy).map(drop)
                    })
            }
        };
        if let Err(error) = queued
            && let Some(kept_back) = LEFT.may_say()
        {
            tracing::warn!(%error, kept_back, "settling is left to resume");
        }
    }

    /// Tries the close-out of a refund again, whatever its next time is.
    pub(super) async fn close_out_again(&self, refund_id: RefundId) -> Result<Settled, StoreError> {
        let clock = Arc::clone(&self.clock);
        self.store
            .write("close out again", Lane::ORDERS, move |tx| {
                close_out_again(tx, refund_id, clock.as_ref())
            })
            .await
    }

    /// Transaction 2 for one notification, as a job that can be run again.
    pub(super) fn work(
        &self,
        due: Due,
    ) -> impl FnMut(&mut Tx<'_>) -> Result<Option<Settled>, StoreError> + Send + use<> {
        let clock = Arc::clone(&self.clock);
        let policy = self.policy();
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

impl Due {
    /// Where transaction 2 belongs: an order may have several refunds, and all of them lock it.
    pub(super) fn lane(&self) -> Lane {
        match &self.claim {
            Some((claim, _)) if claim.close_out.is_some() => Lane::ORDERS,
            Some((claim, _)) => Lane::of_refund(&self.account, claim.refund_no.as_ref()),
            None => Lane::of_refund(&self.account, None),
        }
    }
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

/// Transaction 2. `None` where somebody else has settled it before, which is looked at only where that
/// could be, because whoever settles a notification makes its refund.
fn settle(
    tx: &mut Tx<'_>,
    due: &Due,
    clock: &dyn Clock,
    policy: RetryPolicy,
) -> Result<Option<Settled>, StoreError> {
    crash_point!("settle-begun");
    let Some((claim, claim_json)) = &due.claim else {
        let verdict = Verdict::Questioned(Reason::InvalidContent);
        tx.settle_callback(due.id, None, verdict, clock.now())?;
        return Ok(Some(Settled::NOTHING));
    };
    // Most notifications are the first of their refund, so that is tried first.
    let (mut settling, verdict, told) = match insert_first(tx, due, claim, clock)? {
        Some(made) => first(tx, due, claim, clock, policy, made)?,
        None if tx.snapshot().unsettled_callback(due.id)?.is_none() => return Ok(None),
        None => further(tx, due, (claim, claim_json), clock)?,
    };
    settling.close_out()?;
    settling.settle_callback(due.id, verdict)?;
    let settled = settling.finish(told)?;
    Ok(Some(Settled {
        conflict: verdict == Verdict::Conflict,
        ..settled
    }))
}

/// Transaction 2 for what is stored under this id. `None` where it is settled.
fn settle_stored(
    tx: &mut Tx<'_>,
    id: CallbackId,
    clock: &dyn Clock,
    policy: RetryPolicy,
) -> Result<Option<Settled>, StoreError> {
    match tx.snapshot().unsettled_callback(id)? {
        Some(row) => settle(tx, &Due::try_from(row)?, clock, policy),
        None => Ok(None),
    }
}

fn settle_again(
    tx: &mut Tx<'_>,
    id: CallbackId,
    clock: &dyn Clock,
    policy: RetryPolicy,
) -> Result<Settled, StoreError> {
    if let Some(settled) = settle_stored(tx, id, clock, policy)? {
        return Ok(settled);
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

/// Makes the refund, unless there is one with this number.
fn insert_first(
    tx: &mut Tx<'_>,
    due: &Due,
    claim: &Claim,
    clock: &dyn Clock,
) -> Result<Option<(Locked, Verdict)>, StoreError> {
    let id = RefundId::new(clock.new_uuid());
    let (refund, verdict) = Refund::first(id, due.account.clone(), claim, due.id, due.received_at);
    Ok(tx.insert_refund(refund)?.map(|locked| (locked, verdict)))
}

/// The first notification of a refund made it; its order side begins.
fn first<'a, 'd>(
    tx: &'a mut Tx<'d>,
    due: &Due,
    claim: &Claim,
    clock: &'a dyn Clock,
    policy: RetryPolicy,
    (locked, verdict): (Locked, Verdict),
) -> Result<Step<'a, 'd>, StoreError> {
    let (id, status) = (locked.refund().id, locked.refund().status);
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
fn further<'a, 'd>(
    tx: &'a mut Tx<'d>,
    due: &Due,
    (claim, claim_json): (&Claim, &str),
    clock: &'a dyn Clock,
) -> Result<Step<'a, 'd>, StoreError> {
    // Only a number can have met another refund, and refunds are never deleted.
    let refund_no = claim.refund_no.as_ref().ok_or(StoreError::Overtaken)?;
    let locked = tx.lock_refund(&due.account, refund_no)?;
    let locked = locked.ok_or(StoreError::Overtaken)?;
    let close_out = match claim.close_out {
        Some(_) => tx.snapshot().close_out(locked.refund().id)?,
        None => None,
    };
    let mut changed = locked.refund().clone();
    let verdict = changed.apply(claim, due.id, clock.now());
    // The same contradiction in other bytes is the same question.
    let refund_id = locked.refund().id;
    let is_new_question = |tx: &mut Tx<'_>| -> Result<bool, StoreError> {
        let key = sha256(format!("{}\n{claim_json}", verdict.as_str()).as_bytes());
        tx.ask(refund_id, &key, (claim_json, verdict), due.id)
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
