//! The close-out of an `EPay` refund: which orders it may change, and how.
//!
//! Source: document 003 (`EndSingle/Success`): a delivered order stays as it is, an order with an applied
//! third-party refund is closed; any other state is refused.

use std::time::Duration;

use crate::domain::claim::{CloseOutKey, Reason};
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::money::Amount;
use crate::domain::order::{ApplicationState, OrderState};
use crate::domain::time::Timestamp;

/// The order as transaction 2 needs it, read under the order's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseOutFacts {
    pub order_state: OrderState,
    /// `false` where the merchant's registration closed it.
    pub closed_by_close_out: bool,
    /// Amount of the payment.
    pub paid: Amount,
    /// Number of payments of the order.
    pub payments: usize,
    /// Refunded from this payment by other done close-outs.
    pub refunded_of_payment: Amount,
    /// Refunded under this application by other done close-outs.
    pub refunded_of_application: Amount,
    /// The application of this batch: its amount and state.
    pub application: Option<(Amount, ApplicationState)>,
}

/// The changes that transaction 2 writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseOutPlan {
    /// `false` if another trade of the batch has handled the application already.
    pub handle_application: bool,
    pub close_order: bool,
    /// The state after the close-out.
    pub order_state: OrderState,
    /// The amount differs from the application: done, with a question.
    pub amount_differs: bool,
}

/// Why the close-out cannot be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No payment with this trade number (errcode 2); retried.
    PaymentUnknown,
    /// The payment's order has no application of this batch (errcode 3); retried.
    ApplicationUnknown,
    /// The order's state does not allow it (errcode 4); retried.
    OrderState,
    /// More than was paid (errcode 6); waits for a person or a new registration.
    MoreThanPaid,
}

impl Refusal {
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

    /// Whether a retry can succeed: the order may be registered, or change its state, later.
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
    // With several payments an application is refunded in parts, so only excess is a difference.
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

/// Progress of the close-out of one refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The application is handled and the order has its final state.
    Done,
    /// Refused so far; retried until [`CloseOut::park_at`].
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

/// The state of one refund's close-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseOut {
    pub refund_id: RefundId,
    /// The callback that reported it.
    pub callback_id: CallbackId,
    /// The payment and the application.
    pub key: CloseOutKey,
    /// In yuan; the first amount reported.
    pub amount: Amount,
    pub progress: Progress,
    /// Known once the payment is.
    pub order_no: Option<ExternalId>,
    pub order_state: Option<OrderState>,
    pub attempts: u32,
    /// Next retry; `None` unless pending.
    pub next_at: Option<Timestamp>,
    /// When retries end.
    pub park_at: Timestamp,
}

/// Backoff of a refused close-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long it is retried before it is parked.
    pub retry_for: Duration,
}

/// First pause; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest pause, so that an order registered late is closed out within minutes.
const RETRY_LONGEST: Duration = Duration::from_secs(300);

impl RetryPolicy {
    pub const LONGEST_PAUSE: Duration = RETRY_LONGEST;

    /// The pause after this many attempts.
    pub fn pause(attempts: u32) -> Duration {
        RETRY_FIRST
            .saturating_mul(1 << attempts.saturating_sub(1).min(16))
            .min(RETRY_LONGEST)
    }
}

impl CloseOut {
    /// Never tried, due at once.
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

    /// Records the result of an attempt, and when the next one is due.
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
