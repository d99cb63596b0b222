//! Money without floating point: digits in, an integer of 1/10 000 major unit, digits out.
//!
//! Providers write amounts in many ways (JSON number, JSON string, minor-unit integer, with or without an
//! exponent, separators or superfluous zeros). [`decimal`] parses all of them; this module has the limits.

pub mod decimal;

use std::fmt;
use std::str::FromStr;

use iso_currency::Currency as Iso4217;
use serde::{Deserialize, Serialize};

use super::claim::flaw::Flaw;
use decimal::{Decimal, Spelling};

/// The finest unit that a provider documents (PayerMax `refundAmount`: 20 digits, 4 decimals).
pub const DECIMALS_MAX: u8 = 4;
/// One major unit, in 1/10 000.
const MAJOR_UNIT: i128 = 10_000;
/// `NUMERIC(18,2)` of the EPay tables leaves sixteen.
const INTEGER_DIGITS_MAX: usize = 16;

/// A non-negative quantity of some currency, in 1/10 000 of its major unit.
///
/// 128 bits, because sixteen integer digits and four decimals do not fit in 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Amount(i128);

impl Amount {
    pub const ZERO: Self = Self(0);

    /// Parses plain digits in major units, as stored; zero is allowed.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let decimal = Decimal::parse(text, Spelling::Text).ok_or(Flaw::NotDecimal)?;
        Self::within(&decimal, DECIMALS_MAX)
    }

    /// Parses a refunded or paid amount in major units: above zero, with at most `decimals_max` decimals.
    pub fn read(text: &str, spelling: Spelling, decimals_max: u8) -> Result<Self, Flaw> {
        let decimal = Decimal::parse(text, spelling).ok_or(Flaw::NotDecimal)?;
        Self::within(&decimal, decimals_max)?.not_zero()
    }

    /// The same in minor units of `digits` decimals: `("10000", 2)` is 100.00.
    pub fn read_minor(text: &str, spelling: Spelling, digits: u8) -> Result<Self, Flaw> {
        let decimal = Decimal::parse(text, spelling).ok_or(Flaw::NotDecimal)?;
        if decimal.fraction_digits() > 0 {
            return Err(Flaw::NotWhole);
        }
        Self::within(&decimal.shifted(-i32::from(digits)), DECIMALS_MAX)?.not_zero()
    }

    /// The limits of every amount.
    fn within(decimal: &Decimal, decimals_max: u8) -> Result<Self, Flaw> {
        if decimal.is_negative() {
            return Err(Flaw::NotPositive);
        }
        let decimals_max = decimals_max.min(DECIMALS_MAX);
        if decimal.fraction_digits() > usize::from(decimals_max) {
            return Err(Flaw::TooPrecise(decimals_max));
        }
        if decimal.integer_digits() > INTEGER_DIGITS_MAX {
            return Err(Flaw::TooLarge);
        }
        let units = decimal.digits(usize::from(DECIMALS_MAX));
        Ok(Self(
            units.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')),
        ))
    }

    fn not_zero(self) -> Result<Self, Flaw> {
        if self.is_zero() {
            return Err(Flaw::NotPositive);
        }
        Ok(self)
    }

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

    /// `None` only beyond 128 bits, which stored amounts cannot reach.
    /// `None` where it would be below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0
            .checked_sub(other.0)
            .filter(|rest| *rest >= 0)
            .map(Self)
    }

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
    type Error = Flaw;
    fn try_from(text: String) -> Result<Self, Flaw> {
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
    /// In major units.
    pub amount: Amount,
    pub currency: Currency,
}

impl Money {
    /// As readers see it: with at least the ISO 4217 decimals of the currency.
    pub fn amount_text(self) -> String {
        self.amount.to_text(self.currency.minor_digits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_exact_decimals_within_their_limits() {
        for (text, shown) in [
            ("0", "0"),
            ("10000", "10000"),
            ("0.1", "0.1"),
            ("1.50", "1.5"),
            ("10000.000000000", "10000"),
            ("007.10", "7.1"),
            ("9999999999999999.9999", "9999999999999999.9999"),
        ] {
            let amount = Amount::parse(text).map(|amount| amount.to_string());
            assert_eq!(amount, Ok(shown.to_owned()), "{text}");
        }
        for text in [
            "", "+1", "1e3", "1_000", "1,000", "1.", ".5", " 1", "0x10", "１２", "1.0.0", "NaN",
        ] {
            assert_eq!(Amount::parse(text), Err(Flaw::NotDecimal), "{text}");
        }
        for (text, flaw) in [
            ("-1", Flaw::NotPositive),
            ("12345678901234567", Flaw::TooLarge),
            ("1.00001", Flaw::TooPrecise(4)),
        ] {
            assert_eq!(Amount::parse(text), Err(flaw), "{text}");
        }
    }

    #[test]
    fn an_exponent_of_a_json_number_is_an_exact_decimal() {
        let read = |text| Amount::read(text, Spelling::JsonNumber, 4).map(|it| it.to_string());
        for (text, shown) in [
            ("1.0E7", "10000000"),
            ("1e3", "1000"),
            ("12550e-2", "125.5"),
            ("1.2345678E+7", "12345678"),
            ("9007199254740993.1e0", "9007199254740993.1"),
            ("0.00001E2", "0.001"),
        ] {
            assert_eq!(read(text), Ok(shown.to_owned()), "{text}");
        }
        assert_eq!(read("1e16"), Err(Flaw::TooLarge));
        assert_eq!(read("1e-5"), Err(Flaw::TooPrecise(4)));
        assert_eq!(read("1e400"), Err(Flaw::NotDecimal));
        for nothing in ["0", "-0", "0e0", "0.00", "-1E2"] {
            assert_eq!(read(nothing), Err(Flaw::NotPositive), "{nothing}");
        }
        assert_eq!(
            Amount::read("0.001", Spelling::Text, 2),
            Err(Flaw::TooPrecise(2))
        );
    }

    #[test]
    fn minor_units_shift_by_the_given_digits() {
        for (text, digits, shown) in [
            ("10000", 2, "100.00"),
            ("1", 2, "0.01"),
            ("10000", 0, "10000.00"),
            ("1234", 3, "1.234"),
            ("1.0E6", 2, "10000.00"),
            ("10000.00", 2, "100.00"),
        ] {
            let amount = Amount::read_minor(text, Spelling::JsonNumber, digits);
            let shown_as = amount.map(|amount| amount.to_text(2));
            assert_eq!(shown_as, Ok(shown.to_owned()), "{text} {digits}");
        }
        for (text, flaw) in [
            ("", Flaw::NotDecimal),
            ("1.5", Flaw::NotWhole),
            ("15e-1", Flaw::NotWhole),
            ("-1", Flaw::NotPositive),
            ("0", Flaw::NotPositive),
            ("1e18", Flaw::TooLarge),
        ] {
            let read = Amount::read_minor(text, Spelling::JsonNumber, 2);
            assert_eq!(read, Err(flaw), "{text}");
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
