//! The close-out of an `EPay` refund: which orders it may touch and what it does to them.
//!
//! Source: document 003 (`EndSingle/Success`): a delivered order stays as it is, an order whose
//! third-party refund was applied for is closed; any other state is refused.

use std::time::Duration;

use super::claim::{CloseOutKey, Reason};
use super::ids::{CallbackId, ExternalId, RefundId};
use super::money::Amount;
use super::order::{ApplicationState, OrderState};
use super::time::Timestamp;

/// What transaction 2 needs to know of the order, read under the order's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseOutFacts {
    /// Where the order stands.
    pub order_state: OrderState,
    /// Whether a close-out closed it.
    pub closed_by_close_out: bool,
    /// What the payment brought.
    pub paid: Amount,
    /// How many payments the order has.
    pub payments: usize,
    /// What other finished close-outs took back from this payment.
    pub refunded_of_payment: Amount,
    /// What other finished close-outs took back under this application.
    pub refunded_of_application: Amount,
    /// The application of this batch, if the order has one: its amount and state.
    pub application: Option<(Amount, ApplicationState)>,
}

/// What transaction 2 shall write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseOutPlan {
    /// The application becomes handled now (it may be handled already by another trade of the batch).
    pub handle_application: bool,
    /// The order becomes closed now.
    pub close_order: bool,
    /// The order's state afterwards.
    pub order_state: OrderState,
    /// The amount differs from what was applied for: done, with a question.
    pub amount_differs: bool,
}

/// Why the close-out may not be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No payment with this trade number (errcode 2); tried again.
    PaymentUnknown,
    /// The payment's order has no application of this batch (errcode 3); tried again.
    ApplicationUnknown,
    /// The order's state does not allow it (errcode 4); tried again.
    OrderState,
    /// More than was paid (errcode 6); waits for a person or a new registration.
    MoreThanPaid,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 4] = [
        Self::PaymentUnknown,
        Self::ApplicationUnknown,
        Self::OrderState,
        Self::MoreThanPaid,
    ];

    /// The number that the caller is told (contract §4).
    pub const fn errcode(self) -> u8 {
        match self {
            Self::PaymentUnknown => 2,
            Self::ApplicationUnknown => 3,
            Self::OrderState => 4,
            Self::MoreThanPaid => 6,
        }
    }

    /// Whether time alone can cure it: the order may be registered, or move, later.
    pub const fn is_tried_again(self) -> bool {
        match self {
            Self::PaymentUnknown | Self::ApplicationUnknown | Self::OrderState => true,
            Self::MoreThanPaid => false,
        }
    }

    /// The question that it raises.
    pub const fn reason(self) -> Reason {
        match self {
            Self::PaymentUnknown | Self::ApplicationUnknown => Reason::OrderUnknown,
            Self::OrderState => Reason::OrderState,
            Self::MoreThanPaid => Reason::OverRefund,
        }
    }
}

/// Decides a close-out of `refunded` yuan; `facts` is `None` where the payment is unknown.
pub fn close_out(facts: Option<&CloseOutFacts>, refunded: Amount) -> Result<CloseOutPlan, Refusal> {
    let facts = facts.ok_or(Refusal::PaymentUnknown)?;
    let (applied, application) = facts.application.ok_or(Refusal::ApplicationUnknown)?;
    let close_order = match facts.order_state {
        OrderState::Delivered => false,
        OrderState::RefundApplied => true,
        OrderState::Closed if facts.closed_by_close_out => false,
        OrderState::Paid | OrderState::Closed => return Err(Refusal::OrderState),
    };
    let total = |before: Amount| before.checked_add(refunded).ok_or(Refusal::MoreThanPaid);
    if total(facts.refunded_of_payment)? > facts.paid {
        return Err(Refusal::MoreThanPaid);
    }
    // With several payments an application is taken back in parts, so only excess is odd.
    let of_application = total(facts.refunded_of_application)?;
    let amount_differs =
        of_application > applied || (facts.payments == 1 && of_application != applied);
    Ok(CloseOutPlan {
        handle_application: application != ApplicationState::Handled,
        close_order,
        order_state: if close_order {
            OrderState::Closed
        } else {
            facts.order_state
        },
        amount_differs,
    })
}

/// How far the close-out of one refund has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The application is handled and the order is where it belongs.
    Done,
    /// Refused so far; tried again until [`CloseOut::park_at`].
    Pending(Refusal),
    /// Refused; waits for an operator, a new registration or a further call.
    Parked(Refusal),
}

impl Progress {
    /// The word that readers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Pending(_) => "pending",
            Self::Parked(_) => "parked",
        }
    }

    /// The number that the caller is told (contract §4).
    pub const fn errcode(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Pending(refusal) | Self::Parked(refusal) => refusal.errcode(),
        }
    }

    /// Reads the stored pair back.
    pub fn from_stored(state: &str, errcode: i64) -> Option<Self> {
        let refusal = || {
            Refusal::ALL
                .into_iter()
                .find(|refusal| i64::from(refusal.errcode()) == errcode)
        };
        match state {
            "done" if errcode == 0 => Some(Self::Done),
            "pending" => refusal().map(Self::Pending),
            "parked" => refusal().map(Self::Parked),
            _ => None,
        }
    }
}

/// Transaction 2's own state for one refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseOut {
    /// The refund whose order side this is.
    pub refund_id: RefundId,
    /// The notification that reported it.
    pub callback_id: CallbackId,
    /// Which payment and which application.
    pub key: CloseOutKey,
    /// What was refunded, in yuan; the first amount reported.
    pub amount: Amount,
    /// How far it has come.
    pub progress: Progress,
    /// The order, once the payment is known.
    pub order_no: Option<ExternalId>,
    /// The order's state as the close-out left it.
    pub order_state: Option<OrderState>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again; `None` unless pending.
    pub next_at: Option<Timestamp>,
    /// When trying ends.
    pub park_at: Timestamp,
}

/// When a refused close-out is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long it is tried before it is parked.
    pub retry_for: Duration,
}

/// First pause between two tries; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest pause, so that an order registered late is closed out within minutes.
const RETRY_LONGEST: Duration = Duration::from_secs(300);

impl RetryPolicy {
    /// Longest pause between two tries.
    pub const LONGEST_PAUSE: Duration = RETRY_LONGEST;

    /// The pause after the given number of tries.
    pub fn pause(attempts: u32) -> Duration {
        RETRY_FIRST
            .saturating_mul(1 << attempts.saturating_sub(1).min(16))
            .min(RETRY_LONGEST)
    }
}

impl CloseOut {
    /// A close-out that was never tried and is due at once.
    pub fn new(
        refund_id: RefundId,
        callback_id: CallbackId,
        key: CloseOutKey,
        amount: Amount,
        (now, park_at): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            refund_id,
            callback_id,
            key,
            amount,
            progress: Progress::Pending(Refusal::PaymentUnknown),
            order_no: None,
            order_state: None,
            attempts: 0,
            next_at: Some(now),
            park_at,
        }
    }

    /// Notes how a try ended, and when the next one is due.
    pub fn record(&mut self, result: Result<OrderState, Refusal>, now: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.next_at = None;
        self.progress = match result {
            Ok(state) => {
                self.order_state = Some(state);
                Progress::Done
            }
            Err(refusal) if refusal.is_tried_again() && now < self.park_at => {
                self.next_at = Some(now.plus(RetryPolicy::pause(self.attempts)));
                Progress::Pending(refusal)
            }
            Err(refusal) => Progress::Parked(refusal),
        };
    }
}

#[cfg(test)]
#[path = "table_test.rs"]
pub(crate) mod table;
