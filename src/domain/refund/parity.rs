//! What a settlement file says of a refund, held against the refund. A file is no proof: it moves nothing, and
//! what differs is a question for a person.

use super::{Attention, Refund};
use crate::domain::claim::{Reason, Status};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

/// What a file says of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A row with this status and amount.
    Row { status: Status, money: Money },
    /// A further row of a refund that has one.
    Again,
    /// Nothing, though it is for the day on which the refund became final.
    Nothing,
}

/// Whether file and refund agree; the first that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    Match,
    StatusDiffers,
    AmountDiffers,
    CurrencyDiffers,
    Missing,
    Duplicate,
}

/// What the questions of a file ask.
pub const QUESTIONS: [Reason; 5] = [
    Reason::SettlementStatus,
    Reason::SettlementAmount,
    Reason::SettlementCurrency,
    Reason::SettlementMissing,
    Reason::SettlementDuplicate,
];

impl Parity {
    pub fn of(refund: &Refund, said: Said) -> Self {
        let (status, money) = match said {
            Said::Again => return Self::Duplicate,
            Said::Nothing => return Self::Missing,
            Said::Row { status, money } => (status, money),
        };
        match refund.money {
            _ if refund.status != status => Self::StatusDiffers,
            None => Self::AmountDiffers,
            Some(ours) if ours.amount != money.amount => Self::AmountDiffers,
            Some(ours) if ours.currency != money.currency => Self::CurrencyDiffers,
            Some(_) => Self::Match,
        }
    }

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::StatusDiffers => "status_differs",
            Self::AmountDiffers => "amount_differs",
            Self::CurrencyDiffers => "currency_differs",
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
        }
    }

    pub const fn question(self) -> Option<Reason> {
        match self {
            Self::Match => None,
            Self::StatusDiffers => Some(Reason::SettlementStatus),
            Self::AmountDiffers => Some(Reason::SettlementAmount),
            Self::CurrencyDiffers => Some(Reason::SettlementCurrency),
            Self::Missing => Some(Reason::SettlementMissing),
            Self::Duplicate => Some(Reason::SettlementDuplicate),
        }
    }
}

impl Refund {
    /// Whether a file has left a question.
    pub fn has_settlement_question(&self) -> bool {
        self.attention
            .iter()
            .any(|open| QUESTIONS.contains(&open.reason))
    }

    /// Takes the questions over that a file leaves.
    pub fn note_parity(&mut self, parity: Parity, now: Timestamp) {
        match parity.question() {
            Some(reason) => self.raise(reason, None, now),
            None => self.attention.retain(|open| !is_answered_by_match(open)),
        }
    }

    /// The questions that a row that says what is known answers.
    pub fn answered_by_match(&self) -> Vec<Reason> {
        let open = self.attention.iter();
        let answered = open.filter(|open| is_answered_by_match(open));
        answered.map(|open| open.reason).collect()
    }
}

/// Those of earlier files: not that the provider has two rows, whatever one of them says, and not one whose decision
/// waits for a second person.
fn is_answered_by_match(open: &Attention) -> bool {
    QUESTIONS.contains(&open.reason)
        && open.reason != Reason::SettlementDuplicate
        && open.approval.is_none()
}
