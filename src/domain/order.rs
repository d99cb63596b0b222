//! Pre-orders, their payments and their refund applications, as the merchant registers them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::ExternalId;
use super::money::Amount;

/// Where a pre-order (`T_SP_YD`) stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Every state.
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

/// Where a refund application (`T_SP_YD_SXF`) stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Every state.
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
    /// The payment's trade number, unique among all orders.
    pub trandeno: String,
    /// What was paid, in yuan.
    pub amount: Amount,
}

/// A refund application of an order (`T_SP_YD_SXF`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The refund batch, unique within the order.
    pub batchno: String,
    /// What was applied for, in yuan.
    pub amount: Amount,
    /// Where it stands.
    pub state: ApplicationState,
}

/// What a registration says of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationSaid {
    /// The refund batch, unique within the order.
    pub batchno: String,
    /// What was applied for, in yuan.
    pub amount: Amount,
    /// Where it stands; `None` leaves it as it is.
    pub state: Option<ApplicationState>,
}

/// A pre-order with its payments and refund applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The merchant's number.
    pub order_no: ExternalId,
    /// Where it stands.
    pub state: OrderState,
    /// Whether a close-out closed it, rather than the merchant's own registration.
    pub closed_by_close_out: bool,
    /// Its payments.
    pub payments: Vec<Payment>,
    /// Its refund applications.
    pub applications: Vec<Application>,
}

/// What a registration (`PUT /v1/orders`) may change of a state: a close-out is never undone.
pub fn registered_state(known: Option<(OrderState, bool)>, said: OrderState) -> OrderState {
    match known {
        Some((OrderState::Closed, _)) => OrderState::Closed,
        Some(_) | None => said,
    }
}

/// What a registration makes of a payment's amount. What was taken back was paid before, so an amount
/// below it is a late repeat or a mistake, and the known one stays.
pub fn registered_amount(known: Option<Amount>, said: Amount, taken_back: Amount) -> Amount {
    match known {
        Some(known) if said < taken_back => known,
        Some(_) | None => said,
    }
}
