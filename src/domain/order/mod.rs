//! Pre-orders, their payments and their refund applications, as the merchant registers them.

pub mod close_out;

use serde::{Deserialize, Serialize};

use super::ids::ExternalId;
use super::money::Amount;

/// State of a pre-order (`T_SP_YD`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// 已支付
    Paid,
    /// 第三方支付退款申请中
    RefundApplied,
    /// 已交割
    Delivered,
    /// 订单关闭
    Closed,
}

impl OrderState {
    pub const ALL: [Self; 4] = [
        Self::Paid,
        Self::RefundApplied,
        Self::Delivered,
        Self::Closed,
    ];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::RefundApplied => "refund_applied",
            Self::Delivered => "delivered",
            Self::Closed => "closed",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// State of a refund application (`T_SP_YD_SXF`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationState {
    /// 申请
    Applied,
    /// 办理中
    InProgress,
    /// 已办理
    Handled,
}

impl ApplicationState {
    pub const ALL: [Self; 3] = [Self::Applied, Self::InProgress, Self::Handled];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::InProgress => "in_progress",
            Self::Handled => "handled",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A third-party payment of an order (`T_SP_YD_DSFZF`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Trade number, unique among all orders.
    pub trandeno: String,
    /// Paid, in yuan.
    pub amount: Amount,
}

/// A refund application of an order (`T_SP_YD_SXF`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The refund batch, unique within the order.
    pub batchno: String,
    /// What was applied for, in yuan.
    pub amount: Amount,
    pub state: ApplicationState,
}

/// An application in a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredApplication {
    /// The refund batch, unique within the order.
    pub batchno: String,
    /// What was applied for, in yuan.
    pub amount: Amount,
    /// `None` leaves it as it is.
    pub state: Option<ApplicationState>,
}

/// A pre-order with its payments and refund applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub order_no: ExternalId,
    pub state: OrderState,
    /// Closed by a close-out, not by the merchant's registration.
    pub closed_by_close_out: bool,
    pub payments: Vec<Payment>,
    pub applications: Vec<Application>,
}

/// The state after a registration (`PUT /v1/orders`), which never undoes a close-out.
pub fn registered_state(known: Option<(OrderState, bool)>, said: OrderState) -> OrderState {
    match known {
        Some((OrderState::Closed, _)) => OrderState::Closed,
        Some(_) | None => said,
    }
}

/// The amount of a payment after a registration. An amount below what was refunded is a late repeat or a
/// mistake: the known one stays.
pub fn registered_amount(known: Option<Amount>, said: Amount, taken_back: Amount) -> Amount {
    match known {
        Some(known) if said < taken_back => known,
        Some(_) | None => said,
    }
}
