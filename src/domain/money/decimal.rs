//! The parser of decimal numbers in all spellings. It moves characters, without binary floating point.

use std::fmt;

/// Without superfluous zeros; money needs 20.
const DIGITS_MAX: usize = 64;
/// Either sign.
const EXPONENT_MAX: i32 = 64;

/// The syntax of a number in one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// A provider's text, or our own: `3`, `3.50`, `0003.5000000`; no sign, no exponent, no separator.
    Text,
    /// A bare number in JSON: `3`, `1e2`, `1.0E7`; and what .NET accepts beyond that: `3.`, `.5`, `0x1F`. A
    /// leading zero is rejected: the original of `EPay` reads `010` as octal, and the sender meant ten.
    JsonNumber,
    /// A string in JSON or BSON: `" 3.5 "`, `"+3"`, `"1,234.50"`. The commas must part groups of
    /// three digits: the original ignores them anywhere and makes 350 of `3,50`.
    Grouped,
    /// A form value: `+3.5`, `1e2`, no commas.
    Float,
    /// `xs:decimal`: neither commas nor an exponent.
    XmlDecimal,
}

/// A decimal number of any size and sign, without superfluous zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    integer: String,
    fraction: String,
}

impl Decimal {
    /// `None` if the text is no number in this spelling, or exceeds the limits.
    pub fn parse(text: &str, spelling: Spelling) -> Option<Self> {
        let text = match spelling {
            Spelling::Text | Spelling::JsonNumber => text,
            Spelling::Grouped | Spelling::Float | Spelling::XmlDecimal => {
                text.trim_matches([' ', '\t', '\r', '\n'])
            }
        };
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None if matches!(spelling, Spelling::Text | Spelling::JsonNumber) => (false, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if spelling == Spelling::JsonNumber && !negative && is_hexadecimal(unsigned) {
            let value = i64::from_str_radix(&unsigned[2..], 16).ok()?;
            return Some(Self::normal(false, &value.to_string(), ""));
        }
        let (mantissa, exponent) = match spelling {
            Spelling::JsonNumber | Spelling::Float => split_exponent(unsigned)?,
            Spelling::Text | Spelling::Grouped | Spelling::XmlDecimal => (unsigned, 0),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_open = integer.is_empty() || (fraction.is_empty() && mantissa.ends_with('.'));
        if spelling == Spelling::Text && is_open {
            return None;
        }
        let integer = match spelling {
            Spelling::Grouped => join_groups(integer)?,
            Spelling::JsonNumber if integer.len() > 1 && integer.starts_with('0') => return None,
            Spelling::Text | Spelling::JsonNumber | Spelling::Float | Spelling::XmlDecimal => {
                integer.to_owned()
            }
        };
        let is_empty = integer.is_empty() && fraction.is_empty();
        if is_empty || !all_digits(&integer) || !all_digits(fraction) {
            return None;
        }
        let plain = Self::normal(negative, &integer, fraction);
        if plain.integer.len() + plain.fraction.len() > DIGITS_MAX {
            return None;
        }
        Some(plain.shifted(exponent))
    }

    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    /// Digits before the decimal point, at least one.
    pub const fn integer_digits(&self) -> usize {
        self.integer.len()
    }

    /// Digits after the decimal point, the last of them not zero.
    pub const fn fraction_digits(&self) -> usize {
        self.fraction.len()
    }

    /// All digits as ASCII; those after the decimal point are padded with zeros to `decimals`.
    pub fn digits(&self, decimals: usize) -> impl Iterator<Item = u8> {
        let zeros = decimals.saturating_sub(self.fraction.len());
        let digits = self.integer.bytes().chain(self.fraction.bytes());
        digits.chain(std::iter::repeat_n(b'0', zeros))
    }

    /// Moves the decimal point to the right, or to the left if negative, by `EXPONENT_MAX` places at most.
    #[must_use]
    pub fn shifted(self, places: i32) -> Self {
        let zeros = "0".repeat(places.clamp(-EXPONENT_MAX, EXPONENT_MAX).unsigned_abs() as usize);
        if places < 0 {
            let padded = format!("{zeros}{}", self.integer);
            let (kept, moved) = padded.split_at(self.integer.len());
            return Self::normal(self.negative, kept, &format!("{moved}{}", self.fraction));
        }
        let padded = format!("{}{zeros}", self.fraction);
        let (moved, kept) = padded.split_at(zeros.len());
        Self::normal(self.negative, &format!("{}{moved}", self.integer), kept)
    }

    fn normal(negative: bool, integer: &str, fraction: &str) -> Self {
        let integer = match integer.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        let fraction = fraction.trim_end_matches('0');
        Self {
            negative: negative && (integer != "0" || !fraction.is_empty()),
            integer: integer.to_owned(),
            fraction: fraction.to_owned(),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let point = if self.fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{}", self.integer, self.fraction)
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Splits `1.5e-3` into `1.5` and -3; without an exponent it is 0.
fn split_exponent(text: &str) -> Option<(&str, i32)> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Some((text, 0));
    };
    let exponent: i32 = exponent.parse().ok()?;
    (-EXPONENT_MAX..=EXPONENT_MAX)
        .contains(&exponent)
        .then_some((mantissa, exponent))
}

/// Takes the commas out of `1,234,567`; a text without commas stays as it is.
fn join_groups(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next().unwrap_or("");
    let mut joined = first.to_owned();
    for group in groups {
        if group.len() != 3 || !(1..=3).contains(&first.len()) {
            return None;
        }
        joined.push_str(group);
    }
    Some(joined)
}
