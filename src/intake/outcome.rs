//! A refund inside transaction 2: its close-out and the events to append.

use super::apply::Applied;
use crate::api::feed::event::{ApplicationHandledView, OrderClosedView};
use crate::api::refund::RefundView;
use crate::domain::claim::Reason;
use crate::domain::event::EventKind;
use crate::domain::ids::{CallbackId, DecisionId, EventId, ExternalId, RefundId};
use crate::domain::money::Amount;
use crate::domain::order::OrderState;
use crate::domain::order::close_out::{CloseOut, CloseOutFacts, Progress, Refusal, close_out};
use crate::domain::refund::{Attention, Refund, Verdict};
use crate::domain::request::Request;
use crate::domain::time::{Clock, Timestamp};
use crate::failpoints::crash_point;
use crate::store::{Locked, RefundRow, StoreError, Tx};

/// A refund inside a transaction, with its close-out and request; its events are appended at the end.
pub struct Applying<'a, 'd> {
    tx: &'a mut Tx<'d>,
    clock: &'a dyn Clock,
    now: Timestamp,
    locked: Locked,
    close_out: Option<CloseOut>,
    /// Our request, where the refund has one; locked after the refund.
    request: Option<Request>,
    /// Questions that were open at the start; only new ones get an event.
    asked_before: Vec<Attention>,
    /// Whether the refund has to be saved.
    dirty: bool,
    /// The decision that is being made; its event has the same UUID.
    decision: Option<DecisionId>,
    order_events: Vec<OrderEvent>,
}

enum OrderEvent {
    Handled(ExternalId),
    Closed(ExternalId),
}

impl<'a, 'd> Applying<'a, 'd> {
    pub fn new(
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
            request: None,
            dirty: false,
            decision: None,
            order_events: Vec::new(),
        }
    }

    /// Locks a refund and its request; `None` where the refund has none.
    pub fn of_request(
        tx: &'a mut Tx<'d>,
        clock: &'a dyn Clock,
        id: RefundId,
    ) -> Result<Option<Self>, StoreError> {
        let Some(locked) = tx.lock_refund_by_id(id)? else {
            return Ok(None);
        };
        let request = tx.lock_request(id)?;
        let applying = Self::new(tx, clock, locked, None).with_request(request);
        Ok(applying.request.is_some().then_some(applying))
    }

    /// Locks a refund, and its request if it has one; with its close-out.
    pub fn of_refund(
        tx: &'a mut Tx<'d>,
        clock: &'a dyn Clock,
        id: RefundId,
    ) -> Result<Option<Self>, StoreError> {
        let Some(locked) = tx.lock_refund_by_id(id)? else {
            return Ok(None);
        };
        let request = tx.lock_request(id)?;
        let close_out = tx.snapshot().close_out(id)?;
        let applying = Self::new(tx, clock, locked, close_out);
        Ok(Some(applying.with_request(request)))
    }

    /// The same for the worker that has leased the request; `None` where another one has it by now.
    pub fn of_leased(
        tx: &'a mut Tx<'d>,
        clock: &'a dyn Clock,
        id: RefundId,
        fence: i64,
    ) -> Result<Option<Self>, StoreError> {
        let applying = Self::of_request(tx, clock, id)?;
        let is_ours = |request: &Request| request.fence == fence;
        Ok(applying.filter(|applying| applying.request().is_some_and(is_ours)))
    }

    /// With the request that belongs to the refund.
    #[must_use]
    pub fn with_request(mut self, request: Option<Request>) -> Self {
        self.request = request;
        self
    }

    /// The refund and its request, to be changed; both are saved at the end.
    pub fn request_mut(&mut self) -> Option<(&mut Refund, &mut Request)> {
        self.dirty = true;
        Some((self.locked.refund_mut(), self.request.as_mut()?))
    }

    /// The same where the refund may have no request.
    pub fn refund_mut(&mut self) -> (&mut Refund, Option<&mut Request>) {
        self.dirty = true;
        (self.locked.refund_mut(), self.request.as_mut())
    }

    /// The time of everything that is written.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Names the decision whose event comes with the commit.
    pub fn deciding(&mut self, id: DecisionId) {
        self.decision = Some(id);
    }

    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    pub fn refund(&self) -> &Refund {
        self.locked.refund()
    }

    /// The transaction, for what belongs to the same commit.
    pub fn tx(&mut self) -> &mut Tx<'d> {
        self.tx
    }

    /// Marks these questions as reported: by an earlier event, or by the caller.
    pub(super) fn having_told(mut self, questions: &[Attention]) -> Self {
        self.asked_before = questions.to_vec();
        self
    }

    /// Takes the refund over as the state machine left it.
    pub(super) fn change(&mut self, refund: Refund) {
        *self.locked.refund_mut() = refund;
        self.dirty = true;
    }

    /// Marks the callback applied with this verdict.
    pub(super) fn apply_callback(
        &mut self,
        id: CallbackId,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let refund_id = self.locked.refund().id;
        self.tx
            .apply_callback(id, Some(refund_id), verdict, self.now)
    }

    /// Tries the close-out, unless it is done.
    pub fn close_out(&mut self) -> Result<(), StoreError> {
        let Some(mut this) = self.close_out.take() else {
            return Ok(());
        };
        if this.progress != Progress::Done {
            let before = (this.clone(), self.locked.refund().attention.clone());
            self.try_close_out(&mut this)?;
            self.tx.save_close_out(&this, self.now)?;
            // A retry that changes nothing a reader sees is no change of the refund.
            let seen = |c: &CloseOut| (c.progress, c.order_no.clone(), c.order_state);
            if seen(&before.0) != seen(&this) || before.1 != self.locked.refund().attention {
                self.locked.refund_mut().updated_at = self.now;
                self.dirty = true;
            }
        }
        self.close_out = Some(this);
        Ok(())
    }

    /// The close-out as it is.
    pub fn present_close_out(&self) -> Option<&CloseOut> {
        self.close_out.as_ref()
    }

    /// Ends the tries of a close-out that is not done, until its order is registered or it is asked for again.
    pub fn park_close_out(&mut self) -> Result<(), StoreError> {
        if let Some(this) = &mut self.close_out
            && let Progress::Pending(refusal) = this.progress
        {
            (this.progress, this.next_at) = (Progress::Parked(refusal), None);
            self.tx.save_close_out(this, self.now)?;
        }
        Ok(())
    }

    /// Gives the close-out another amount, and tries it where it is not done. `false`: it is done, and more than was
    /// paid would have been taken back; nothing has changed.
    pub fn restate_close_out(&mut self, amount: Amount) -> Result<bool, StoreError> {
        let Some(this) = &mut self.close_out else {
            return Ok(true);
        };
        if this.amount == amount {
            return Ok(true);
        }
        if this.progress == Progress::Done {
            let found = self.tx.close_out_facts(&this.key, this.refund_id)?;
            let (_, facts) = found.unzip();
            if close_out(facts.as_ref(), amount).is_err() {
                return Ok(false);
            }
        }
        this.amount = amount;
        self.tx
            .restate_close_out(this.refund_id, amount, self.now)?;
        self.close_out()?;
        Ok(true)
    }

    fn try_close_out(&mut self, this: &mut CloseOut) -> Result<(), StoreError> {
        let found = self.tx.close_out_facts(&this.key, this.refund_id)?;
        let (order_no, facts) = found.unzip();
        let decided = close_out(facts.as_ref(), this.amount);
        let refund = self.locked.refund_mut();
        // A question that is still open keeps its `since`; this try answers the others.
        let still_asked = decided.err().map(Refusal::reason);
        for reason in [Reason::OrderUnknown, Reason::OrderState, Reason::OverRefund] {
            if still_asked != Some(reason) {
                refund.answer(reason);
            }
        }
        match decided {
            Ok(plan) => {
                let order_no = order_no.clone().ok_or(StoreError::Superseded)?;
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
        order_no: &ExternalId,
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

    /// Saves the refund and appends its events: status, order, open questions.
    pub fn finish(mut self, told: Vec<EventKind>) -> Result<Applied, StoreError> {
        self.write(told)?;
        let refund = self.locked.refund();
        Ok(Applied {
            refund: Some((refund.id, refund.status)),
            conflict: false,
            close_out: self.close_out.as_ref().map(|this| this.progress),
            order_no: self.close_out.and_then(|this| this.order_no),
        })
    }

    /// The same, and gives the refund as it is now.
    pub fn finish_with_row(mut self, told: Vec<EventKind>) -> Result<Box<RefundRow>, StoreError> {
        self.write(told)?;
        let id = self.locked.refund().id;
        self.tx.snapshot().known_refund(id)
    }

    fn write(&mut self, told: Vec<EventKind>) -> Result<(), StoreError> {
        if self.dirty {
            self.tx.save_refund(&self.locked)?;
            if let Some(request) = &self.request {
                self.tx.save_request(request)?;
                // Another request of the payment may be next. One that is put off must not wake itself.
                if let (true, Some(payment)) =
                    (request.machine.state.is_final(), &request.payment_key)
                {
                    self.tx.wake_payment(&request.account, payment, self.now)?;
                }
            }
        }
        crash_point!("apply-refund-saved");
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
        Ok(())
    }

    /// Whether the same callback raised this question before (a retry of its close-out).
    fn was_asked(&self, open: &Attention) -> bool {
        self.asked_before
            .iter()
            .any(|known| known.reason == open.reason && known.callback_id == open.callback_id)
    }

    fn tell_of_refund(&mut self, kind: EventKind) -> Result<(), StoreError> {
        let id = match (kind, self.decision) {
            (EventKind::RefundDecided, Some(decision)) => EventId::new(decision.uuid()),
            _ => EventId::new(self.clock.new_uuid()),
        };
        let refund = self.locked.refund();
        let view = RefundView::new(refund, self.close_out.as_ref(), self.request.as_ref());
        self.tx.append_event(id, kind, refund.id, &view, self.now)
    }

    fn tell_of_order(&mut self, event: &OrderEvent) -> Result<(), StoreError> {
        let id = EventId::new(self.clock.new_uuid());
        let refund = self.locked.refund().id;
        let refund_id = refund.to_string();
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
                    .append_event(id, EventKind::ApplicationHandled, refund, &data, self.now)
            }
            OrderEvent::Closed(order_no) => {
                let data = OrderClosedView {
                    order_no: order_no.as_str(),
                    state: OrderState::Closed,
                    refund_id,
                };
                self.tx
                    .append_event(id, EventKind::OrderClosed, refund, &data, self.now)
            }
        }
    }
}
