//! Decisions: a person's answers to the open questions of a refund. Which question takes which answer, and what is
//! kept of it. What an answer does to a refund is `refund/decide.rs`.

use serde::{Deserialize, Serialize};

use super::claim::{Reason, Status};
use super::ids::{CallbackId, DecisionId, RefundId};
use super::money::{Amount, Currency, Money};
use super::time::Timestamp;

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// What is recorded stays.
    Keep,
    /// What the callback says takes effect, even over a final status.
    Accept,
    /// The person knows that the money moved.
    Succeeded,
    /// The person knows that the provider could not refund.
    Failed,
    /// The person knows that it was withdrawn.
    Canceled,
    /// The question is of no matter.
    Dismiss,
}

impl Decision {
    /// In the order of the contract.
    pub const ALL: [Self; 6] = [
        Self::Keep,
        Self::Accept,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Dismiss,
    ];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Accept => "accept",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Dismiss => "dismiss",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// The outcome that a person states.
    pub const fn stated(self) -> Option<Status> {
        match self {
            Self::Succeeded => Some(Status::Succeeded),
            Self::Failed => Some(Status::Failed),
            Self::Canceled => Some(Status::Canceled),
            Self::Keep | Self::Accept | Self::Dismiss => None,
        }
    }

    /// Whether it answers the question and changes nothing else.
    pub const fn leaves_all(self) -> bool {
        matches!(self, Self::Keep | Self::Dismiss)
    }

    /// Whether the question takes this answer.
    pub const fn answers(self, question: Reason) -> bool {
        match self {
            Self::Keep | Self::Dismiss => true,
            Self::Accept => matches!(
                question,
                Reason::Conflict | Reason::AmountMismatch | Reason::CurrencyMismatch
            ),
            Self::Succeeded | Self::Failed | Self::Canceled => matches!(
                question,
                Reason::StatusUnknown
                    | Reason::OutcomeUnknown
                    | Reason::InvalidContent
                    | Reason::OutcomeOverdue
                    | Reason::CannotSend
                    | Reason::NotTaken
                    | Reason::ReplyMismatch
                    | Reason::ReplyUnproven
                    | Reason::ProviderLostIt
                    | Reason::SettlementStatus
            ),
        }
    }

    /// The answers that a question takes.
    pub fn of_question(question: Reason) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |decision| decision.answers(question))
    }
}

/// The answer to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub question: Reason,
    /// The callback that raised the question; `None`: our request did.
    pub callback_id: Option<CallbackId>,
    pub decision: Decision,
}

/// A second person, who agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub by: String,
    pub reason: String,
}

/// A decision that took effect. Never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Its `refund.decided` event has the same UUID.
    pub id: DecisionId,
    pub refund_id: RefundId,
    pub ruling: Ruling,
    pub reason: String,
    /// The reader.
    pub by: String,
    /// When it took effect.
    pub at: Timestamp,
    pub status_before: Status,
    pub status_after: Status,
    /// Where a second person was needed.
    pub agreed: Option<Agreed>,
}

impl DecisionRecord {
    /// Everything that was recorded, as the text whose digest is stored with it.
    pub fn sealed_text(&self) -> String {
        let callback_id = self.ruling.callback_id.map(|id| id.to_string());
        let agreed = self.agreed.as_ref();
        let parts = [
            Some(self.id.to_string()),
            Some(self.refund_id.to_string()),
            Some(self.ruling.question.as_str().to_owned()),
            callback_id,
            Some(self.ruling.decision.as_str().to_owned()),
            Some(self.reason.clone()),
            Some(self.by.clone()),
            Some(self.at.as_millis().to_string()),
            Some(self.status_before.as_str().to_owned()),
            Some(self.status_after.as_str().to_owned()),
            agreed.map(|agreed| agreed.by.clone()),
            agreed.map(|agreed| agreed.reason.clone()),
        ];
        // Texts can always be written.
        serde_json::to_string(&parts).unwrap_or_default()
    }

    pub fn moved(&self) -> bool {
        self.status_before != self.status_after
    }
}

/// How a proposal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A second person agreed: there is a decision with the same id.
    Approved,
    /// A second person did not agree.
    Rejected,
    /// Its question was answered by other means before a second person looked at it.
    Obsolete,
}

impl Ending {
    pub const ALL: [Self; 3] = [Self::Approved, Self::Rejected, Self::Obsolete];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Obsolete => "obsolete",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// The end of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub at: Timestamp,
    /// The reader.
    pub by: String,
    pub how: Ending,
    pub reason: String,
}

/// A decision that waits for a second person, or waited for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub id: DecisionId,
    pub refund_id: RefundId,
    pub ruling: Ruling,
    pub reason: String,
    /// The reader.
    pub by: String,
    pub at: Timestamp,
    /// `None`: it waits.
    pub ended: Option<Ended>,
}

/// From which amount on a decision needs a second person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecondPerson {
    /// Never.
    #[default]
    Off,
    /// Above this amount of any currency.
    Above(Amount),
    /// Above the amount of its currency; always in a currency that is not named.
    AboveOf(Vec<(Currency, Amount)>),
}

impl SecondPerson {
    /// Whether a decision about these sums needs a second person. A refund of an unknown sum does.
    pub fn is_needed(&self, sums: &[Option<Money>]) -> bool {
        let limit = |money: &Money| match self {
            Self::Off => None,
            Self::Above(limit) => Some(*limit),
            Self::AboveOf(limits) => limits
                .iter()
                .find(|(currency, _)| *currency == money.currency)
                .map(|(_, limit)| *limit),
        };
        let is_above = |money: &Money| limit(money).is_none_or(|limit| money.amount > limit);
        let mut known = sums.iter().flatten().peekable();
        match self {
            Self::Off => false,
            _ => known.peek().is_none() || known.any(is_above),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money {
            amount: Amount::parse(amount).unwrap(),
            currency: currency.parse().unwrap(),
        }
    }

    #[test]
    fn a_second_person_is_needed_above_the_limit_and_not_at_it() {
        let above = SecondPerson::Above(Amount::parse("1000.00").unwrap());
        assert!(!SecondPerson::Off.is_needed(&[None]));
        for (sums, expected) in [
            (vec![Some(money("1000", "USD"))], false),
            (vec![Some(money("1000.0001", "USD"))], true),
            (
                vec![Some(money("999.99", "USD")), Some(money("1000.01", "USD"))],
                true,
            ),
            (vec![Some(money("9", "USD")), None], false),
            (vec![None, None], true),
        ] {
            assert_eq!(above.is_needed(&sums), expected, "{sums:?}");
        }
    }

    #[test]
    fn a_currency_that_is_not_named_always_needs_one() {
        let of = |amount, code: &str| (code.parse().unwrap(), Amount::parse(amount).unwrap());
        let table = SecondPerson::AboveOf(vec![of("1000", "USD"), of("15000000", "IDR")]);
        for (sum, expected) in [
            (money("15000000", "IDR"), false),
            (money("15000000.01", "IDR"), true),
            (money("1000.01", "USD"), true),
            (money("0.01", "MYR"), true),
        ] {
            assert_eq!(table.is_needed(&[Some(sum)]), expected, "{sum:?}");
        }
    }

    #[test]
    fn every_question_can_be_answered() {
        for question in Reason::ALL {
            assert!(Decision::of_question(question).count() >= 2, "{question:?}");
        }
    }
}
