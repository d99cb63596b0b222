//! The rules of the state machine, each with its reason in one sentence. The machine itself uses them, so an
//! explanation cannot differ from what happened.

use super::Verdict;
use crate::domain::claim::Reason;

/// The first rule that fits, in this order, decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The refund is new.
    First,
    /// The provider does not know how a refund ended that has ended here.
    LostTrack,
    /// It has no status that we understand.
    Unclear(Reason),
    /// It names another order or another number of the provider.
    OtherNumbers,
    /// Another currency, while the refund is not final.
    OtherCurrency,
    /// Another amount, while the refund is not final.
    OtherAmount,
    /// The provider retries a failed refund under the same number.
    Retried,
    /// Pending again.
    StillPending,
    /// A pending refund ends.
    Ends,
    /// Pending after a final status.
    Late,
    /// The same final status again.
    SameEnd,
    /// Another final status, or the same one with another amount.
    OtherEnd,
}

impl Rule {
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::First | Self::Retried | Self::Ends => Verdict::Applied,
            Self::StillPending | Self::SameEnd => Verdict::Repeat,
            Self::LostTrack | Self::Late => Verdict::Stale,
            Self::OtherNumbers | Self::OtherEnd => Verdict::Conflict,
            Self::Unclear(reason) => Verdict::Questioned(reason),
            Self::OtherCurrency => Verdict::Questioned(Reason::CurrencyMismatch),
            Self::OtherAmount => Verdict::Questioned(Reason::AmountMismatch),
        }
    }

    /// The word that readers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::LostTrack => "lost_track",
            Self::Unclear(_) => "unclear",
            Self::OtherNumbers => "other_numbers",
            Self::OtherCurrency => "other_currency",
            Self::OtherAmount => "other_amount",
            Self::Retried => "retried",
            Self::StillPending => "still_pending",
            Self::Ends => "ends",
            Self::Late => "late",
            Self::SameEnd => "same_end",
            Self::OtherEnd => "other_end",
        }
    }

    /// Why, in one sentence.
    pub const fn why(self) -> &'static str {
        match self {
            Self::First => "the refund was new, so the callback created its record",
            Self::LostTrack => {
                "the provider does not know how it ended, but we do; a refund that ended is not put in doubt"
            }
            Self::Unclear(Reason::StatusUnknown) => {
                "its status word is in no document of the provider, so the status did not move"
            }
            Self::Unclear(Reason::OutcomeUnknown) => {
                "the provider itself does not know how the refund ended, so the status did not move"
            }
            Self::Unclear(_) => {
                "a member that its outcome needs cannot be used, so the status did not move"
            }
            Self::OtherNumbers => "it names another order or provider's refund number than known",
            Self::OtherCurrency => {
                "it names another currency than known, so it did not end the refund"
            }
            Self::OtherAmount => "it names another amount than known, so it did not end the refund",
            Self::Retried => {
                "this provider reuses the number of a failed refund for another try, so the refund moved again"
            }
            Self::StillPending => "the refund was pending, and it said so again",
            Self::Ends => "the refund was pending, and it said how it ended",
            Self::Late => "it said pending after the refund had ended; it came too late",
            Self::SameEnd => "it said what was known already",
            Self::OtherEnd => {
                "the first final status counts; another one, or another amount, is a question for a person"
            }
        }
    }
}
