//! Transaction 2: applies the claim once, with its events; for `EPay` it also closes out the order.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Intake;
use super::accept::AcceptedCallback;
use super::decided;
use super::due::DueCallback;
use super::outcome::Applying;
use super::outcome_source::OutcomeSources;
use super::request_claim::{apply_claim, is_of_earlier_send, source};
use crate::domain::claim::{Claim, Reason, Status};
use crate::domain::event::EventKind;
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::order::close_out::{CloseOut, Progress, RetryPolicy};
use crate::domain::refund::{Refund, Verdict};
use crate::domain::time::Clock;
use crate::failpoints::crash_point;
use crate::store::{Lane, Locked, LogLimit, Receipt, StoreError, Tx, Urgency};

/// Deadline for an answer that waits for transaction 2, from the start of accepting. Later than this the
/// caller has given up, and resume applies the callback.
const ANSWER_MAX: Duration = Duration::from_millis(4_500);
/// Max attempts when a concurrent worker applies the same callback first.
const ATTEMPTS_MAX: u32 = 3;
static LEFT: LogLimit = LogLimit::new();

/// The effect of a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The refund; `None` where the bytes make no claim.
    pub refund: Option<(RefundId, Status)>,
    /// Whether it contradicts the recorded refund.
    pub conflict: bool,
    /// Progress of the close-out (`EPay`).
    pub close_out: Option<Progress>,
    /// The order, once known (`EPay`).
    pub order_no: Option<ExternalId>,
}

impl Applied {
    /// The bytes hold no claim to apply.
    const NOTHING: Self = Self {
        refund: None,
        conflict: false,
        close_out: None,
        order_no: None,
    };
}

impl Intake {
    /// Applies an accepted callback and waits for the commit. Idempotent: a repeat changes nothing, but
    /// retries an unfinished close-out at once.
    pub async fn apply(&self, accepted: AcceptedCallback) -> Result<Applied, StoreError> {
        let due_by = (Urgency::Now, accepted.began + ANSWER_MAX);
        match accepted.stored {
            Receipt::New => {
                let (id, due) = (accepted.id, DueCallback::from(accepted));
                let (lane, work) = (due.lane(), self.work(due));
                match self.store.write_until("apply", lane, due_by, work).await {
                    Ok(Some(applied)) => Ok(applied),
                    // A concurrent repeat, or resume, applied it first.
                    Ok(None) | Err(StoreError::Superseded) => {
                        self.apply_again(id, lane, due_by).await
                    }
                    Err(error) => Err(error),
                }
            }
            Receipt::Repeat { id, .. } => {
                let lane = DueCallback::from(accepted).lane();
                self.apply_again(id, lane, due_by).await
            }
        }
    }

    /// Applies a reply to an attempt of ours, which is stored already.
    pub async fn apply_reply(&self, id: CallbackId, lane: Lane) -> Result<Applied, StoreError> {
        let due_by = (self.store.soon(), Instant::now() + ANSWER_MAX);
        self.apply_again(id, lane, due_by).await
    }

    /// Applies the callback that is stored under this id, or reads its effect. A repeat may arrive on another
    /// path (a relay's message is known by its id and bytes), so only the stored row counts.
    async fn apply_again(
        &self,
        id: CallbackId,
        lane: Lane,
        due_by: (Urgency, Instant),
    ) -> Result<Applied, StoreError> {
        let mut tried = 1;
        loop {
            let (clock, context) = (Arc::clone(&self.clock), self.context());
            let applied = self
                .store
                .write_until("apply again", lane, due_by, move |tx| {
                    apply_again(tx, id, clock.as_ref(), &context)
                });
            match applied.await {
                // Another instance applied it after our read; read again.
                Err(StoreError::Superseded) if tried < ATTEMPTS_MAX => tried += 1,
                applied => return applied,
            }
        }
    }

    /// Queues transaction 2 for a provider that does not wait for it. Where it cannot be queued or fails,
    /// resume applies the callback.
    pub fn apply_later(&self, accepted: AcceptedCallback) {
        crash_point!("accepted-not-queued");
        if matches!(
            accepted.stored,
            Receipt::Repeat {
                is_applied: true,
                ..
            }
        ) {
            return;
        }
        // Moved into the job: it counts as in flight until the job is committed and dropped.
        let refund_no = accepted
            .claim
            .as_ref()
            .and_then(|claim| claim.refund_no.as_ref());
        let under_way = self.in_flight.begin(&accepted.account, refund_no);
        let stored = accepted.stored;
        // The job holds the claim twice: parsed, and as stored.
        let bytes = 2 * accepted.claim_json.as_ref().map_or(0, String::len);
        let due = DueCallback::from(accepted);
        let lane = due.lane();
        let queued = match stored {
            Receipt::New => {
                let mut work = self.work(due);
                self.store.write_later("apply", lane, bytes, move |tx| {
                    let _counts = &under_way;
                    work(tx).map(drop)
                })
            }
            // The process or connection of the first delivery may have ended before it queued transaction 2.
            Receipt::Repeat { id, .. } => {
                let (clock, context) = (Arc::clone(&self.clock), self.context());
                self.store
                    .write_later("apply again", lane, bytes, move |tx| {
                        let _counts = &under_way;
                        apply_stored(tx, id, clock.as_ref(), &context).map(drop)
                    })
            }
        };
        if let Err(error) = queued
            && let Some(kept_back) = LEFT.may_say()
        {
            tracing::warn!(%error, kept_back, "could not queue applying a callback; resume will apply it");
        }
    }

    /// Retries the close-out of a refund now, even if its backoff has not ended.
    pub(super) async fn close_out_again(&self, refund_id: RefundId) -> Result<Applied, StoreError> {
        let clock = Arc::clone(&self.clock);
        self.store
            .write("close out again", Lane::SHARED, move |tx| {
                close_out_again(tx, refund_id, clock.as_ref())
            })
            .await
    }

    /// Transaction 2 for one callback, as a job that can be retried.
    pub(super) fn work(
        &self,
        due: DueCallback,
    ) -> impl FnMut(&mut Tx<'_>) -> Result<Option<Applied>, StoreError> + Send + use<> {
        let clock = Arc::clone(&self.clock);
        let context = self.context();
        move |tx| {
            let applied = apply(tx, &due, clock.as_ref(), &context)?;
            if applied.is_some() {
                let delay = clock.now().as_millis() - due.received_at.as_millis();
                let delay = u64::try_from(delay).unwrap_or(0);
                tx.note_apply_delay(Duration::from_millis(delay));
            }
            Ok(applied)
        }
    }
}

/// What applying needs besides the store.
#[derive(Clone)]
pub(super) struct Context {
    pub policy: RetryPolicy,
    pub outcomes: Arc<OutcomeSources>,
}

/// Transaction 2. `None` where the callback is applied already. That is checked only if the refund exists:
/// applying a callback creates its refund.
fn apply(
    tx: &mut Tx<'_>,
    due: &DueCallback,
    clock: &dyn Clock,
    context: &Context,
) -> Result<Option<Applied>, StoreError> {
    crash_point!("apply-begun");
    let Some((claim, claim_json)) = &due.claim else {
        let verdict = Verdict::Questioned(Reason::InvalidContent);
        tx.apply_callback(due.id, None, verdict, clock.now())?;
        return Ok(Some(Applied::NOTHING));
    };
    // Most callbacks are the first of their refund, so an insert is tried first.
    let (mut applying, verdict, told) = match insert_first(tx, due, claim, clock)? {
        Some(made) => first(tx, due, claim, clock, context, made)?,
        None if tx.snapshot().unapplied_callback(due.id)?.is_none() => return Ok(None),
        None => further(tx, due, (claim, claim_json), clock, context)?,
    };
    applying.close_out()?;
    applying.apply_callback(due.id, verdict)?;
    let applied = applying.finish(told)?;
    Ok(Some(Applied {
        conflict: verdict == Verdict::Conflict,
        ..applied
    }))
}

/// Transaction 2 for the callback that is stored under this id. `None` where it is applied already.
fn apply_stored(
    tx: &mut Tx<'_>,
    id: CallbackId,
    clock: &dyn Clock,
    context: &Context,
) -> Result<Option<Applied>, StoreError> {
    match tx.snapshot().unapplied_callback(id)? {
        Some(row) => apply(tx, &DueCallback::try_from(row)?, clock, context),
        None => Ok(None),
    }
}

fn apply_again(
    tx: &mut Tx<'_>,
    id: CallbackId,
    clock: &dyn Clock,
    context: &Context,
) -> Result<Applied, StoreError> {
    if let Some(applied) = apply_stored(tx, id, clock, context)? {
        return Ok(applied);
    }
    let known = tx.snapshot().applied_callback(id)?;
    let (refund_id, conflict) =
        known.ok_or_else(|| StoreError::Unreadable("a callback is gone".to_owned()))?;
    let applied = match refund_id {
        Some(refund_id) => close_out_again(tx, refund_id, clock)?,
        None => Applied::NOTHING,
    };
    Ok(Applied {
        conflict,
        ..applied
    })
}

fn close_out_again(
    tx: &mut Tx<'_>,
    refund_id: RefundId,
    clock: &dyn Clock,
) -> Result<Applied, StoreError> {
    let locked = tx
        .lock_refund_by_id(refund_id)?
        .ok_or_else(|| StoreError::Unreadable("a refund is gone".to_owned()))?;
    let close_out = tx.snapshot().close_out(refund_id)?;
    let mut applying = Applying::new(tx, clock, locked, close_out);
    applying.close_out()?;
    applying.finish(Vec::new())
}

type Step<'a, 'd> = (Applying<'a, 'd>, Verdict, Vec<EventKind>);

/// Inserts the refund, unless one with this number exists.
fn insert_first(
    tx: &mut Tx<'_>,
    due: &DueCallback,
    claim: &Claim,
    clock: &dyn Clock,
) -> Result<Option<(Locked, Verdict)>, StoreError> {
    let id = RefundId::new(clock.new_uuid());
    let (refund, verdict) = Refund::first(id, due.account.clone(), claim, due.id, due.received_at);
    Ok(tx.insert_refund(refund)?.map(|locked| (locked, verdict)))
}

/// The first callback created the refund; starts its close-out.
fn first<'a, 'd>(
    tx: &'a mut Tx<'d>,
    due: &DueCallback,
    claim: &Claim,
    clock: &'a dyn Clock,
    context: &Context,
    (locked, verdict): (Locked, Verdict),
) -> Result<Step<'a, 'd>, StoreError> {
    let (id, status) = (locked.refund().id, locked.refund().status);
    let close_out = match (&claim.close_out, claim.money) {
        (Some(key), Some(money)) => {
            let park_at = due.received_at.plus(context.policy.retry_for);
            let times = (due.received_at, park_at);
            let new = CloseOut::new(id, due.id, key.clone(), money.amount, times);
            tx.insert_close_out(&new, due.received_at)?;
            Some(new)
        }
        _ => None,
    };
    // No event has reported the questions of a new refund yet.
    let applying = Applying::new(tx, clock, locked, close_out).having_told(&[]);
    Ok((applying, verdict, vec![EventKind::Refund(status)]))
}

/// Applies a further callback by the state machine.
fn further<'a, 'd>(
    tx: &'a mut Tx<'d>,
    due: &DueCallback,
    (claim, claim_json): (&Claim, &str),
    clock: &'a dyn Clock,
    context: &Context,
) -> Result<Step<'a, 'd>, StoreError> {
    // Only a refund number can conflict, and refunds are never deleted.
    let refund_no = claim.refund_no.as_ref().ok_or(StoreError::Superseded)?;
    let locked = tx.lock_refund(&due.account, refund_no)?;
    let locked = locked.ok_or(StoreError::Superseded)?;
    let close_out = match claim.close_out {
        Some(_) => tx.snapshot().close_out(locked.refund().id)?,
        None => None,
    };
    // Read after the lock: one that a concurrent transaction made is seen.
    let mut request = tx.lock_request(locked.refund().id)?;
    let mut changed = locked.refund().clone();
    let claim = decided::bound(tx, &changed, request.as_ref(), claim)?;
    let (verdict, moved) = if is_of_earlier_send(tx, request.as_ref(), &claim, due.id)? {
        (Verdict::Stale, false)
    } else {
        apply_claim(&mut changed, request.as_mut(), &claim, due.id, clock.now())
    };
    if moved
        && let Some(request) = &request
        && request.machine.state.is_final()
    {
        let source = source(tx, due.id)?;
        context.outcomes.count(&due.account.provider, source);
    }
    // The same contradiction in other bytes is a duplicate.
    let refund_id = locked.refund().id;
    let is_new_question =
        |tx: &mut Tx<'_>| decided::is_new_question(tx, refund_id, (claim_json, verdict), due.id);
    let told = match verdict {
        Verdict::Applied => Some(EventKind::Refund(changed.status)),
        Verdict::Conflict if is_new_question(tx)? => Some(EventKind::RefundConflict),
        Verdict::Questioned(_) if is_new_question(tx)? => Some(EventKind::RefundAttention),
        // The provider has taken our request.
        Verdict::Repeat if moved => Some(EventKind::Refund(changed.status)),
        Verdict::Conflict | Verdict::Questioned(_) | Verdict::Repeat | Verdict::Stale => None,
    };
    let mut applying = Applying::new(tx, clock, locked, close_out).with_request(request);
    let is_filled_in = verdict == Verdict::Repeat && changed != *applying.refund();
    if told.is_some() || is_filled_in {
        if matches!(verdict, Verdict::Conflict | Verdict::Questioned(_)) {
            // The event above reports it, even where the list of open questions is full.
            applying = applying.having_told(&changed.attention);
        }
        applying.change(changed);
    }
    Ok((applying, verdict, told.into_iter().collect()))
}
