//! Money without floating point: digits in, an integer of 1/10 000 major unit, digits out.
//!
//! Providers write amounts in four ways (JSON number, JSON string, minor-unit integer, decimal
//! string); each adapter brings its own spelling to the one strict grammar of [`Amount::parse`].

use std::fmt;
use std::str::FromStr;

use iso_currency::Currency as Iso4217;
use serde::{Deserialize, Serialize};

/// Decimals kept; the finest unit a provider documents (PayerMax `refundAmount`: 20 digits, 4 decimals).
const SCALE_DIGITS: usize = 4;
/// One major unit, in 1/10 000.
const MAJOR_UNIT: i128 = 10_000;
/// Most integer digits accepted: `NUMERIC(18,2)` of the EPay tables leaves sixteen.
const INTEGER_DIGITS_MAX: usize = 16;

/// A non-negative quantity of some currency, in 1/10 000 of its major unit.
///
/// 128 bits, because sixteen integer digits and four decimals do not fit in 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Amount(i128);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not `digits` or `digits.digits`; signs, exponents, separators and leading zeros are refused.
    #[error("not a plain decimal number")]
    Syntax,
    /// More integer digits or decimals than any currency here needs.
    #[error("too many digits")]
    Range,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads `(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?`, in major units.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let (integer, fraction) = match text.split_once('.') {
            Some((integer, fraction)) => (integer, Some(fraction)),
            None => (text, None),
        };
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(integer) || (integer.len() > 1 && integer.starts_with('0')) {
            return Err(AmountError::Syntax);
        }
        let fraction = match fraction {
            Some(digits) if !all_digits(digits) => return Err(AmountError::Syntax),
            Some(digits) if digits.len() > SCALE_DIGITS => return Err(AmountError::Range),
            Some(digits) => digits,
            None => "",
        };
        if integer.len() > INTEGER_DIGITS_MAX {
            return Err(AmountError::Range);
        }
        let digits = integer
            .bytes()
            .chain(fraction.bytes())
            .chain(std::iter::repeat_n(b'0', SCALE_DIGITS - fraction.len()));
        Ok(Self(
            digits.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')),
        ))
    }

    /// Reads an integer count of minor units (`[0-9]+`, no leading zero), `digits` of which make a
    /// decimal: `("10000", 2)` is 100.00.
    pub fn parse_minor(text: &str, digits: u8) -> Result<Self, AmountError> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !plain || (text.len() > 1 && text.starts_with('0')) {
            return Err(AmountError::Syntax);
        }
        let digits = usize::from(digits);
        if digits > SCALE_DIGITS {
            return Err(AmountError::Range);
        }
        if digits == 0 {
            return Self::parse(text);
        }
        let padded = format!("{text:0>width$}", width = digits + 1);
        let (integer, fraction) = padded.split_at(padded.len() - digits);
        Self::parse(&format!("{integer}.{fraction}"))
    }

    /// Whether it is nothing at all; no provider refunds zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Decimals needed to write it exactly, 0 to 4.
    pub const fn decimals(self) -> u8 {
        let mut rest = self.0 % MAJOR_UNIT;
        let mut decimals = 4;
        while decimals > 0 && rest % 10 == 0 {
            rest /= 10;
            decimals -= 1;
        }
        decimals
    }

    /// Sum; `None` only beyond 128 bits, which stored amounts cannot reach.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The amount in major units with at least `decimals_min` decimals: `("30", 2)` is `30.00`.
    pub fn to_text(self, decimals_min: u8) -> String {
        let decimals = usize::from(self.decimals().max(decimals_min.min(4)));
        let integer = self.0 / MAJOR_UNIT;
        if decimals == 0 {
            return integer.to_string();
        }
        let fraction = format!("{:04}", self.0 % MAJOR_UNIT);
        format!("{integer}.{}", &fraction[..decimals])
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(0))
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_text(0)
    }
}

impl TryFrom<String> for Amount {
    type Error = AmountError;
    fn try_from(text: String) -> Result<Self, AmountError> {
        Self::parse(&text)
    }
}

/// An ISO 4217 currency, upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency(Iso4217);

/// A text that is no ISO 4217 code in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency code in upper case")]
pub struct UnknownCurrency;

impl Currency {
    /// Chinese yuan, the currency of EPay and of CCB.
    pub const CNY: Self = Self(Iso4217::CNY);

    /// Decimals of the minor unit by ISO 4217; 0 where the standard has none.
    pub fn minor_digits(self) -> u8 {
        self.0
            .exponent()
            .and_then(|digits| u8::try_from(digits).ok())
            .unwrap_or(0)
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Iso4217::from_code(code).map(Self).ok_or(UnknownCurrency)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        code.parse()
    }
}

/// An amount and its currency; two are equal only if both are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// How much, in major units.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// The amount as readers see it: at least the decimals that ISO 4217 gives the currency.
    pub fn amount_text(self) -> String {
        self.amount.to_text(self.currency.minor_digits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_decimals_are_amounts() {
        for (text, shown) in [
            ("0", "0"),
            ("10000", "10000"),
            ("0.1", "0.1"),
            ("1.50", "1.5"),
            ("9999999999999999.9999", "9999999999999999.9999"),
        ] {
            assert_eq!(
                Amount::parse(text).map(|a| a.to_string()),
                Ok(shown.to_owned()),
                "{text}"
            );
        }
        for text in [
            "", "-1", "+1", "1e3", "1_000", "1,000", "01", "1.", ".5", " 1", "0x10", "１２",
            "1.0.0", "NaN",
        ] {
            assert_eq!(Amount::parse(text), Err(AmountError::Syntax), "{text}");
        }
        for text in ["12345678901234567", "1.00001"] {
            assert_eq!(Amount::parse(text), Err(AmountError::Range), "{text}");
        }
    }

    #[test]
    fn minor_units_shift_by_the_given_digits() {
        for (text, digits, shown) in [
            ("10000", 2, "100.00"),
            ("1", 2, "0.01"),
            ("0", 2, "0.00"),
            ("10000", 0, "10000.00"),
            ("1234", 3, "1.234"),
        ] {
            let amount = Amount::parse_minor(text, digits).map(|a| a.to_text(2));
            assert_eq!(amount, Ok(shown.to_owned()), "{text} {digits}");
        }
        for text in ["", "1.0", "-1", "007"] {
            assert_eq!(
                Amount::parse_minor(text, 2),
                Err(AmountError::Syntax),
                "{text}"
            );
        }
    }

    #[test]
    fn amounts_show_at_least_the_digits_of_their_currency() {
        for (code, amount, shown) in [
            ("IDR", "10000", "10000.00"),
            ("JPY", "1000", "1000"),
            ("KWD", "1.5", "1.500"),
            ("CNY", "0.0001", "0.0001"),
        ] {
            let money = Money {
                amount: Amount::parse(amount).expect("valid in the table"),
                currency: code.parse().expect("valid in the table"),
            };
            assert_eq!(money.amount_text(), shown);
        }
        assert!("idr".parse::<Currency>().is_err());
        assert!("XQX".parse::<Currency>().is_err());
    }

    proptest! {
        #[test]
        fn every_amount_survives_being_written_and_read(units in 0..10_i128.pow(20)) {
            let amount = Amount(units);
            prop_assert_eq!(Amount::parse(&amount.to_string()), Ok(amount));
            prop_assert_eq!(Amount::parse(&amount.to_text(2)), Ok(amount));
        }
    }
}
