//! The three members of a report and the rules they must keep, whatever format brought them.
//!
//! Each format hands over what it found as [`Given`] values; here they are collected, so that a
//! second one of the same name is noticed, and checked all together, so that one reply names
//! everything that is wrong.

use std::fmt;

use crate::domain::claim::flaw::Flaw;
use crate::domain::ids::external_id::check_visible;
use crate::domain::money::Amount;
use crate::domain::money::decimal::{Decimal, Spelling};

use super::request::{EndSingle, Problem};

/// Most UTF-16 code units of a `batchno` (`varchar(200)` in the original's tables).
const BATCHNO_UNITS_MAX: usize = 200;
/// Most UTF-16 code units of a `trandeno` (`varchar(100)`).
const TRANDENO_UNITS_MAX: usize = 100;
/// Decimals of a `refundmoney` (`NUMERIC(18,2)`).
const MONEY_DECIMALS_MAX: u8 = 2;

/// A member of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The batch number of the refund application.
    Batchno,
    /// The trade number of the payment.
    Trandeno,
    /// What was refunded, in yuan.
    Refundmoney,
}

impl Member {
    const ALL: [Self; 3] = [Self::Batchno, Self::Trandeno, Self::Refundmoney];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batchno => "batchno",
            Self::Trandeno => "trandeno",
            Self::Refundmoney => "refundmoney",
        }
    }

    /// The member of exactly this name: XML.
    pub(in crate::providers::epay) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|member| member.name() == name)
    }

    /// The member of this name in any case: JSON, forms, BSON.
    pub(in crate::providers::epay) fn named_in_any_case(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|member| member.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a member, worded to follow its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Absent, null, empty or only white space.
    #[error("is missing")]
    Missing,
    /// Given more than once with different values.
    #[error("is given more than once with different values")]
    Ambiguous,
    /// An identifier that is neither text, number nor truth value.
    #[error("is not a text")]
    NotText,
    /// An identifier of too many UTF-16 code units.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// An identifier with a control, direction, invisible or replacement character.
    #[error("contains a character that is not printable")]
    NotPrintable,
    /// An identifier that would look like another one.
    #[error("begins or ends with white space")]
    OuterSpace,
    /// A `batchno` with the character that parts it from the `trandeno` in our refund number.
    #[error("contains a slash")]
    Slash,
    /// Money that is not a decimal number in a spelling of its format.
    #[error("is not a decimal number")]
    NotNumber,
    /// Money of zero or less.
    #[error("is not greater than zero")]
    NotPositive,
    /// Money with a fraction of a fen.
    #[error("has more than two decimals")]
    TooPrecise,
    /// Money beyond `NUMERIC(18,2)`.
    #[error("has more than 16 digits before the decimal point")]
    TooLarge,
}

/// A value as a format brought it, before any rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::providers::epay) enum Given {
    Null,
    Text(String),
    /// A number of a format that tells numbers from texts, as it was spelled.
    Number(String),
    Bool(bool),
    /// A list, an object, a date, text split by markup: nothing a member can be.
    Unusable,
}

/// What was found of each member so far.
#[derive(Debug, Default)]
pub(in crate::providers::epay) struct Members {
    batchno: Slot,
    trandeno: Slot,
    refundmoney: Slot,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Filled(Given),
    Contradicted,
}

impl Members {
    /// Takes a value. A second one of the same member must be the same in kind and spelling.
    pub(in crate::providers::epay) fn add(&mut self, member: Member, given: Given) {
        let slot = match member {
            Member::Batchno => &mut self.batchno,
            Member::Trandeno => &mut self.trandeno,
            Member::Refundmoney => &mut self.refundmoney,
        };
        match slot {
            Slot::Empty => *slot = Slot::Filled(given),
            Slot::Filled(first) if *first == given => {}
            Slot::Filled(_) | Slot::Contradicted => *slot = Slot::Contradicted,
        }
    }

    /// Checks everything; `spelling` is how this format writes numbers in its texts.
    pub(in crate::providers::epay) fn check(
        self,
        spelling: Spelling,
    ) -> Result<EndSingle, Vec<Problem>> {
        let batchno = self
            .batchno
            .value()
            .and_then(|given| identifier(given, BATCHNO_UNITS_MAX))
            .and_then(without_slash);
        let trandeno = self
            .trandeno
            .value()
            .and_then(|given| identifier(given, TRANDENO_UNITS_MAX));
        let refundmoney = self
            .refundmoney
            .value()
            .and_then(|given| money(&given, spelling));
        match (batchno, trandeno, refundmoney) {
            (Ok(batchno), Ok(trandeno), Ok(refundmoney)) => Ok(EndSingle {
                batchno,
                trandeno,
                refundmoney,
            }),
            (batchno, trandeno, refundmoney) => Err([
                (Member::Batchno, batchno.err()),
                (Member::Trandeno, trandeno.err()),
                (Member::Refundmoney, refundmoney.err()),
            ]
            .into_iter()
            .filter_map(|(member, fault)| Some(Problem::Member(member, fault?)))
            .collect()),
        }
    }
}

impl Slot {
    fn value(self) -> Result<Given, Fault> {
        match self {
            Self::Empty | Self::Filled(Given::Null) => Err(Fault::Missing),
            Self::Filled(Given::Text(text)) if text.trim().is_empty() => Err(Fault::Missing),
            Self::Filled(given) => Ok(given),
            Self::Contradicted => Err(Fault::Ambiguous),
        }
    }
}

/// An identifier; numbers and truth values become text the way .NET writes them. A number with an
/// exponent is a long identifier that went through floating point, so its last digits are lost.
fn identifier(given: Given, units_max: usize) -> Result<String, Fault> {
    let text = match given {
        Given::Text(text) => text,
        Given::Number(text) if text.contains(|c: char| c.is_ascii_alphabetic()) => {
            return Err(Fault::NotText);
        }
        Given::Number(text) => Decimal::parse(&text, Spelling::JsonNumber)
            .ok_or(Fault::NotText)?
            .to_string(),
        Given::Bool(true) => "True".to_owned(),
        Given::Bool(false) => "False".to_owned(),
        Given::Null | Given::Unusable => return Err(Fault::NotText),
    };
    if text.encode_utf16().count() > units_max {
        return Err(Fault::TooLong(units_max));
    }
    check_visible(&text).map_err(|flaw| match flaw {
        Flaw::OuterSpace => Fault::OuterSpace,
        _ => Fault::NotPrintable,
    })?;
    Ok(text)
}

/// `batchno/trandeno` is our refund number, so that the first slash must be the one between them.
fn without_slash(text: String) -> Result<String, Fault> {
    if text.contains('/') {
        return Err(Fault::Slash);
    }
    Ok(text)
}

fn money(given: &Given, spelling: Spelling) -> Result<Amount, Fault> {
    let amount = match given {
        Given::Text(text) => Amount::read(text, spelling, MONEY_DECIMALS_MAX),
        Given::Number(text) => Amount::read(text, Spelling::JsonNumber, MONEY_DECIMALS_MAX),
        Given::Null | Given::Bool(_) | Given::Unusable => return Err(Fault::NotNumber),
    };
    amount.map_err(|flaw| match flaw {
        Flaw::NotPositive => Fault::NotPositive,
        Flaw::TooPrecise(_) => Fault::TooPrecise,
        Flaw::TooLarge => Fault::TooLarge,
        _ => Fault::NotNumber,
    })
}
