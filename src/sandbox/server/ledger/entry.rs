//! Payments, refunds and callbacks as they are kept.

use serde::{Deserialize, Serialize};

use crate::domain::claim::Status;
use crate::domain::money::Amount;
use crate::sandbox::server::outcome::{Outcome, Way};

/// Where a refund is, for the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    Succeeded,
    Failed,
    Canceled,
    /// Told by a word that no document lists.
    Odd,
}

impl State {
    /// In the words of a callback; `None`: a status that no document lists.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Pending => Some(Status::Pending),
            Self::Succeeded => Some(Status::Succeeded),
            Self::Failed => Some(Status::Failed),
            Self::Canceled => Some(Status::Canceled),
            Self::Odd => None,
        }
    }

    /// Whether its money is given back, or never went.
    pub(super) const fn frees_money(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled)
    }
}

/// Provider and number, as the provider tells them apart.
pub type Key = (String, String);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payment {
    pub provider: String,
    pub payment: String,
    pub amount: Amount,
    pub currency: String,
    pub paid_at: i64,
}

/// One attempt to post a callback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Try {
    pub at: i64,
    /// `None`: no answer.
    pub status: Option<u16>,
    /// The answer, or why there was none.
    pub answer: String,
    pub fault: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callback {
    pub state: State,
    /// When it is sent next.
    pub due: i64,
    pub tries: Vec<Try>,
    /// Nothing more is sent.
    pub is_over: bool,
    /// The exact answer came.
    pub is_acknowledged: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    pub provider: String,
    pub account: String,
    /// The form of its callbacks.
    pub form: String,
    pub number: String,
    pub payment: String,
    pub order_no: String,
    pub amount: Amount,
    pub currency: String,
    /// What the provider says was refunded; differs for `AMT` and `CUR`.
    pub told_amount: Amount,
    pub told_currency: String,
    pub outcome: Outcome,
    pub state: State,
    /// How often money left for this number.
    pub moved: u32,
    /// Requests that named it.
    pub requests: u32,
    /// Requests that named it with another payment, amount or currency.
    pub other_content: u32,
    pub accepted_at: i64,
    pub finished_at: Option<i64>,
    /// States to come.
    pub plan: Vec<(i64, State)>,
    pub callback_url: Option<String>,
    pub callbacks: Vec<Callback>,
    /// A number of the provider's own.
    pub serial: u64,
}

/// A refund that passed its provider's rules.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub provider: &'static str,
    pub account: &'static str,
    pub form: &'static str,
    /// As the provider compares it.
    pub key: String,
    pub number: String,
    pub payment: String,
    pub order_no: String,
    pub amount: Amount,
    pub currency: String,
    pub outcome: Outcome,
    pub way: Way,
    pub can_cancel: bool,
    pub callback_url: Option<String>,
}
