//! The input of the rules: one refund or one order with everything that belongs to it, read in one snapshot,
//! so that a running service cannot change half of it.

use super::feed::{Feed, History};
use crate::domain::claim::{Claim, RefundNo};
use crate::domain::decision::DecisionRecord;
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::order::close_out::{CloseOut, Progress};
use crate::domain::order::{OrderState, Payment};
use crate::domain::refund::Refund;
use crate::domain::request::Request;
use crate::store::{CallbackClaim, HandledApplication, RefundRow, Snapshot, StoreError};

/// A stored callback, as far as it can be read.
pub struct Said {
    pub id: CallbackId,
    /// The refund that it created or changed.
    pub refund_id: Option<RefundId>,
    /// Dedup key: equal keys are one delivery.
    pub delivery_key: Vec<u8>,
    /// `None` where it cannot be read.
    pub claim: Option<Claim>,
    pub verdict: Option<String>,
}

impl Said {
    /// The claim, if it was applied.
    pub fn applied(&self) -> Option<&Claim> {
        let claim = self.claim.as_ref()?;
        (self.verdict.as_deref() == Some("applied")).then_some(claim)
    }
}

impl From<CallbackClaim> for Said {
    fn from(stored: CallbackClaim) -> Self {
        let claim = stored.claim.as_deref();
        Self {
            id: stored.id,
            refund_id: stored.refund_id,
            delivery_key: stored.delivery_key,
            claim: claim.and_then(|claim| serde_json::from_str(claim).ok()),
            verdict: stored.verdict,
        }
    }
}

/// A refund and everything it follows from.
pub struct RefundFacts {
    pub refund: Refund,
    pub close_out: Option<CloseOut>,
    pub request: Option<Request>,
    /// The fences of its attempts that have no end.
    pub open_attempts: Vec<i64>,
    /// What persons decided about it, oldest first.
    pub decisions: Vec<DecisionRecord>,
    /// All callbacks under its number; empty where it has none.
    pub said: Vec<Said>,
    /// Its events in the feed.
    pub history: History,
    /// The order of its payment, if registered.
    pub order_no: Option<String>,
}

impl RefundFacts {
    pub fn gather(
        snapshot: &mut Snapshot<'_>,
        feed: &mut Feed,
        row: RefundRow,
    ) -> Result<Self, StoreError> {
        let RefundRow {
            refund,
            close_out,
            request,
        } = row;
        let number = refund.refund_no.as_ref().map(RefundNo::as_str);
        let said = match number {
            Some(number) => snapshot.claims_under_number(&refund.account, number)?,
            None => Vec::new(),
        };
        let order_no = match &close_out {
            Some(this) => snapshot.order_of_payment(&this.key.trandeno)?,
            None => None,
        };
        let open_attempts = match &request {
            Some(_) => snapshot.open_attempts(refund.id)?,
            None => Vec::new(),
        };
        let history = feed.of_refund(refund.id);
        // Each has an event; that there is none without one is seen where all of them are walked through.
        let decisions = match history.decided {
            0 => Vec::new(),
            told => {
                let limit = u32::from(told).saturating_mul(2);
                match snapshot.decisions_of_refund(refund.id, limit) {
                    // Reported where all of them are walked through.
                    Err(StoreError::Unreadable(_)) => Vec::new(),
                    decisions => decisions?,
                }
            }
        };
        Ok(Self {
            history,
            decisions: decisions.into_iter().map(|row| row.record).collect(),
            open_attempts,
            said: said.into_iter().map(Said::from).collect(),
            refund,
            close_out,
            request,
            order_no,
        })
    }
}

/// An order and everything done to it.
pub struct OrderFacts {
    pub order_no: String,
    pub state: OrderState,
    /// `false` where the merchant's registration closed it.
    pub closed_by_close_out: bool,
    /// Each payment with all its close-outs.
    pub payments: Vec<(Payment, Vec<CloseOut>)>,
    pub handled: Vec<HandledApplication>,
    /// Its `order.closed` events.
    pub told_closed: u16,
    /// Its `refund_application.handled` events, by application.
    pub told_handled: Vec<(String, u16)>,
}

impl OrderFacts {
    pub fn gather(
        snapshot: &mut Snapshot<'_>,
        feed: &Feed,
        (order_no, state, closed_by_close_out): (String, OrderState, bool),
    ) -> Result<Self, StoreError> {
        let number: ExternalId = order_no
            .parse()
            .map_err(|error| StoreError::Unreadable(format!("order {order_no:?} {error}")))?;
        let mut payments = Vec::new();
        for payment in snapshot.payments(&number)? {
            let close_outs = snapshot.close_outs_of_payment(&payment.trandeno)?;
            payments.push((payment, close_outs));
        }
        let told_handled = feed.handled(&order_no);
        Ok(Self {
            handled: snapshot.handled_applications(&order_no)?,
            told_closed: feed.closed(&order_no),
            told_handled: told_handled.map(|(b, n)| (b.to_owned(), n)).collect(),
            order_no,
            state,
            closed_by_close_out,
            payments,
        })
    }

    pub fn done(&self) -> impl Iterator<Item = &CloseOut> {
        let all = self.payments.iter().flat_map(|(_, close_outs)| close_outs);
        all.filter(|close_out| close_out.progress == Progress::Done)
    }
}
