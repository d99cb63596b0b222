//! Flaws of a member of an authentic callback.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a member cannot be used, worded to follow its name. Never shows its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Absent, null or empty where it is always sent.
    #[error("is missing")]
    Missing,
    /// Of another type than a text.
    #[error("is not a text")]
    NotText,
    /// Of another type than a text, and no number of digits alone.
    #[error("is neither a text nor digits alone")]
    NotDigits,
    /// A text of more characters.
    #[error("has more than {0} characters")]
    TooLong(u8),
    /// A text with a control, format or direction character.
    #[error("holds a character that cannot be seen")]
    Hidden,
    /// A text that would look like another one.
    #[error("begins or ends with white space")]
    OuterSpace,
    /// A text with a look-alike character.
    #[error("holds a character that looks like another one")]
    LookAlike,
    /// Money that is no decimal number.
    #[error("is not a decimal number")]
    NotDecimal,
    /// Money in the smallest unit, with a fraction of it.
    #[error("is not a whole number")]
    NotWhole,
    /// Money of zero or less.
    #[error("is not greater than zero")]
    NotPositive,
    /// Money of a finer unit.
    #[error("has more than {0} decimals")]
    TooPrecise(u8),
    #[error("has more than 16 digits before the decimal point")]
    TooLarge,
    #[error("is not an ISO 4217 currency code in upper case")]
    NotCurrency,
    /// Another refund number than the path's.
    #[error("is not the refund number of the path")]
    OtherRefund,
    /// Neither an object nor absent.
    #[error("is not a JSON object")]
    NotObject,
    /// Part of an ambiguous signed text.
    #[error("could be read as several members of the signed text")]
    Ambiguous,
}

impl Flaw {
    pub fn too_long(chars_max: usize) -> Self {
        Self::TooLong(u8::try_from(chars_max).unwrap_or(u8::MAX))
    }
}

/// A member that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Its path: the names of the enclosing objects and its own.
    pub member: String,
    pub flaw: Flaw,
}

impl Unreadable {
    pub fn new(member: impl Into<String>, flaw: Flaw) -> Self {
        Self {
            member: member.into(),
            flaw,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.member, self.flaw)
    }
}
