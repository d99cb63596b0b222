//! Transaction 2: the claim takes effect, once, with its events; for `EPay` the order is closed out.

use std::sync::Arc;

use super::accept::{Accepted, read_claim};
use super::{Closeout, InFlight};
use crate::domain::claim::{Account, Claim, Reason, Status};
use crate::domain::clock::{Clock, Moment};
use crate::domain::close_out::{
    CloseOut, CloseOutFacts, Progress, Refusal, RetryPolicy, close_out,
};
use crate::domain::event::EventKind;
use crate::domain::ids::{CallbackId, EventId, Number, RefundId};
use crate::domain::refund::{Attention, Refund, Verdict};
use crate::domain::view::{ApplicationHandledView, OrderClosedView, RefundView};
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
                let work = self.work(Due::from(accepted));
                self.store.write("settle", work).await
            }
            Stored::Before { id } => self.settle_again(id).await,
        }
    }

    /// Settles what is stored under this id, or says what became of it. A repeat may have come with
    /// other bytes than those (a relay's message id decides alone), and only what is stored counts.
    async fn settle_again(&self, id: CallbackId) -> Result<Settled, StoreError> {
        let clock = Arc::clone(&self.clock);
        let policy = self.policy;
        self.store
            .write("settle again", move |tx| {
                if let Some(row) = tx.snapshot().unsettled_callback(id)? {
                    return settle(tx, &Due::try_from(row)?, clock.as_ref(), policy);
                }
                let settled = tx.snapshot().settled_callback(id)?;
                let (refund_id, conflict) = settled.ok_or(StoreError::Overtaken)?;
                let settled = match refund_id {
                    Some(refund_id) => close_out_again(tx, refund_id, clock.as_ref())?,
                    None => Settled::NOTHING,
                };
                Ok(Settled {
                    conflict,
                    ..settled
                })
            })
            .await
    }

    /// Queues the settling of an accepted notification, for a provider that does not wait for it.
    /// What cannot be queued or fails is left to resume.
    pub fn settle_later(&self, accepted: Accepted) {
        if matches!(accepted.stored, Stored::Before { .. }) {
            return;
        }
        let in_flight = InFlight::new(&self.in_flight);
        let mut work = self.work(Due::from(accepted));
        let queued = self.store.write_later("settle", move |tx| {
            // Moved in, so that it counts until the job is committed and dropped.
            let _counts = &in_flight;
            work(tx).map(drop)
        });
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
    if settling.close_out.is_some() {
        settling.close_out()?;
    }
    let refund_id = settling.locked.refund().id;
    let now = settling.now;
    settling
        .tx
        .settle_callback(due.id, Some(refund_id), verdict, now)?;
    let settled = settling.finish(told)?;
    Ok(Settled {
        conflict: verdict == Verdict::Conflict,
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
    let mut settling = Settling::new(tx, clock, locked, close_out);
    // A new refund has not told anybody of its questions yet.
    settling.asked_before.clear();
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
    let mut told = Vec::new();
    let has_effect = match verdict {
        Verdict::Applied => {
            told.push(EventKind::Refund(changed.status));
            true
        }
        // The same contradiction in other bytes is the same question.
        Verdict::Conflict | Verdict::Questioned(_) => !tx.snapshot().claim_judged_before(
            &due.account,
            (claim, claim_json),
            verdict,
            due.id,
        )?,
        Verdict::Repeat | Verdict::Stale => false,
    };
    let mut settling = Settling::new(tx, clock, locked, close_out);
    if has_effect {
        *settling.locked.refund_mut() = changed;
        settling.dirty = true;
    }
    Ok((settling, verdict, told))
}

/// A refund in the middle of transaction 2.
struct Settling<'a, 'd> {
    tx: &'a mut Tx<'d>,
    clock: &'a dyn Clock,
    now: Moment,
    locked: Locked,
    close_out: Option<CloseOut>,
    /// Questions that were open when it began; new ones are told.
    asked_before: Vec<Attention>,
    /// Whether the refund has to be saved.
    dirty: bool,
    order_events: Vec<OrderEvent>,
}

enum OrderEvent {
    Handled(Number),
    Closed(Number),
}

impl<'a, 'd> Settling<'a, 'd> {
    fn new(
        tx: &'a mut Tx<'d>,
        clock: &'a dyn Clock,
        locked: Locked,
        close_out: Option<CloseOut>,
    ) -> Self {
        Self {
            now: clock.now(),
            tx,
            clock,
            asked_before: locked.refund().attention.clone(),
            locked,
            close_out,
            dirty: false,
            order_events: Vec::new(),
        }
    }

    /// Tries the order side, unless it is done.
    fn close_out(&mut self) -> Result<(), StoreError> {
        let Some(mut this) = self.close_out.take() else {
            return Ok(());
        };
        if this.progress != Progress::Done {
            self.try_close_out(&mut this)?;
            self.tx.save_close_out(&this, self.now)?;
            self.locked.refund_mut().updated_at = self.now;
            self.dirty = true;
        }
        self.close_out = Some(this);
        Ok(())
    }

    fn try_close_out(&mut self, this: &mut CloseOut) -> Result<(), StoreError> {
        let found = self.tx.close_out_facts(&this.key, this.refund_id)?;
        let (order_no, facts) = found.unzip();
        let decided = close_out(facts.as_ref(), this.amount);
        let refund = self.locked.refund_mut();
        // A question that stands keeps its "since"; the others are answered by this try.
        let still_asked = decided.err().map(Refusal::reason);
        for reason in [Reason::OrderUnknown, Reason::OrderState, Reason::OverRefund] {
            if still_asked != Some(reason) {
                refund.answer(reason);
            }
        }
        match decided {
            Ok(plan) => {
                let order_no = order_no.clone().ok_or(StoreError::Overtaken)?;
                if plan.amount_differs {
                    refund.raise(Reason::AmountMismatch, this.callback_id, self.now);
                }
                self.write_order(this, &order_no, plan.handle_application, plan.close_order)?;
                this.record(Ok(plan.order_state), self.now);
            }
            Err(refusal) => {
                refund.raise(refusal.reason(), this.callback_id, self.now);
                this.record(Err(refusal), self.now);
                this.order_state = facts.map(|facts: CloseOutFacts| facts.order_state);
            }
        }
        if order_no.is_some() {
            self.locked.refund_mut().order_no.clone_from(&order_no);
        }
        this.order_no = order_no;
        Ok(())
    }

    fn write_order(
        &mut self,
        this: &CloseOut,
        order_no: &Number,
        handle_application: bool,
        close_order: bool,
    ) -> Result<(), StoreError> {
        let (batchno, id) = (&this.key.batchno, this.refund_id);
        if handle_application
            && self
                .tx
                .handle_application(order_no, batchno, id, self.now)?
        {
            self.order_events
                .push(OrderEvent::Handled(order_no.clone()));
        }
        if close_order && self.tx.close_order(order_no, self.now)? {
            self.order_events.push(OrderEvent::Closed(order_no.clone()));
        }
        Ok(())
    }

    /// Saves the refund and tells the feed: what it became, what its order became, what is asked.
    fn finish(mut self, told: Vec<EventKind>) -> Result<Settled, StoreError> {
        if self.dirty {
            self.tx.save_refund(&self.locked)?;
        }
        for kind in told {
            self.tell_of_refund(kind)?;
        }
        for event in std::mem::take(&mut self.order_events) {
            self.tell_of_order(&event)?;
        }
        let asked: Vec<_> = self
            .locked
            .refund()
            .attention
            .iter()
            .filter(|open| !self.was_asked(open))
            .map(|open| match open.reason {
                Reason::Conflict => EventKind::RefundConflict,
                _ => EventKind::RefundAttention,
            })
            .collect();
        for kind in asked {
            self.tell_of_refund(kind)?;
        }
        let refund = self.locked.refund();
        Ok(Settled {
            refund: Some((refund.id, refund.status)),
            conflict: false,
            close_out: self.close_out.as_ref().map(|this| this.progress),
            order_no: self.close_out.and_then(|this| this.order_no),
        })
    }

    /// A question asked again by the same notification (a further try of its close-out) is known.
    fn was_asked(&self, open: &Attention) -> bool {
        self.asked_before
            .iter()
            .any(|known| known.reason == open.reason && known.callback_id == open.callback_id)
    }

    fn tell_of_refund(&mut self, kind: EventKind) -> Result<(), StoreError> {
        let id = EventId::new(self.clock.new_uuid());
        let view = RefundView::new(self.locked.refund(), self.close_out.as_ref());
        self.tx.append_event(id, kind, &view, self.now)
    }

    fn tell_of_order(&mut self, event: &OrderEvent) -> Result<(), StoreError> {
        let id = EventId::new(self.clock.new_uuid());
        let refund_id = self.locked.refund().id.to_string();
        let Some(this) = &self.close_out else {
            return Ok(());
        };
        match event {
            OrderEvent::Handled(order_no) => {
                let data = ApplicationHandledView {
                    order_no: order_no.as_str(),
                    batchno: &this.key.batchno,
                    trandeno: &this.key.trandeno,
                    refund_id,
                };
                self.tx
                    .append_event(id, EventKind::ApplicationHandled, &data, self.now)
            }
            OrderEvent::Closed(order_no) => {
                let data = OrderClosedView {
                    order_no: order_no.as_str(),
                    state: crate::domain::order::OrderState::Closed,
                    refund_id,
                };
                self.tx
                    .append_event(id, EventKind::OrderClosed, &data, self.now)
            }
        }
    }
}
