//! Numbers that providers and merchants give to refunds, orders and payments: one rule for all of them.
//!
//! Numbers are text. Shops number their orders as they like (`INV/2025/00001`, `订单 7`, `#1001@web`), so every
//! visible character is accepted, and numbers are compared exactly, character by character. Three kinds are
//! rejected, because they allow two numbers that look the same:
//!
//! * invisible characters: control, format and direction characters, white space at the ends, and all spaces
//!   except the plain and the ideographic one;
//! * look-alikes of ASCII letters and digits: full-width and styled letters, digits of other scripts, and words
//!   of Greek or Cyrillic letters that could be Latin ones, or are mixed with them;
//! * combining marks, where one precomposed character exists.
//!
//! `EPay`'s numbers are checked for the first kind only ([`check_visible`]): they are keys of another system,
//! and a rejection would lose the report of a refund that was paid.

use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::text::is_deceptive;
use crate::domain::claim::flaw::Flaw;

/// Max characters where a provider's document sets a limit; none sets a higher one.
pub const CHARS_MAX: usize = 64;
/// Max characters where no document sets a limit.
pub const CHARS_MAX_UNDOCUMENTED: usize = 128;

/// What is percent-encoded in a part of a path: all but letters, digits and these.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b':')
    .remove(b'-')
    .remove(b'~');

/// The number of a refund, an order or a payment, exactly as sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ExternalId(String);

impl ExternalId {
    /// Checks a text of at most `chars_max` characters.
    pub fn read(text: &str, chars_max: usize) -> Result<Self, Flaw> {
        if text.is_empty() {
            return Err(Flaw::Missing);
        }
        if text.chars().count() > chars_max {
            return Err(Flaw::too_long(chars_max));
        }
        // Nearly every number is plain ASCII, of which each character is visible and looks like itself alone.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            check_visible(text)?;
            if has_look_alike(text) {
                return Err(Flaw::LookAlike);
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Parses a part of a path, percent-decoded exactly once.
    pub fn from_path_part(part: &str, chars_max: usize) -> Result<Self, PathFlaw> {
        let text = String::from_utf8(decoded(part)?).map_err(|_| PathFlaw::NotUtf8)?;
        Self::read(&text, chars_max).map_err(PathFlaw::Number)
    }

    /// Percent-encoded as a part of a path.
    pub fn to_path_part(&self) -> String {
        utf8_percent_encode(&self.0, NOT_IN_PATH).to_string()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Worded to follow the name of the part of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFlaw {
    #[error("has a % without two hexadecimal digits behind it")]
    Encoding,
    #[error("is not UTF-8 once its percent-encoding is undone")]
    NotUtf8,
    #[error(transparent)]
    Number(Flaw),
}

fn decoded(part: &str) -> Result<Vec<u8>, PathFlaw> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2).ok_or(PathFlaw::Encoding)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(PathFlaw::Encoding);
        let value = digit(digits[0])? * 16 + digit(digits[1])?;
        bytes.push(u8::try_from(value).map_err(|_| PathFlaw::Encoding)?);
        rest = behind;
    }
    Ok(bytes)
}

impl FromStr for ExternalId {
    type Err = Flaw;
    fn from_str(text: &str) -> Result<Self, Flaw> {
        Self::read(text, CHARS_MAX_UNDOCUMENTED)
    }
}

impl TryFrom<String> for ExternalId {
    type Error = Flaw;
    fn try_from(text: String) -> Result<Self, Flaw> {
        text.parse()
    }
}

impl From<ExternalId> for String {
    fn from(number: ExternalId) -> Self {
        number.0
    }
}

/// Whether releases up to schema 2 accepted this number. They stored other callbacks without a number.
pub fn is_plain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Rejects invisible characters.
pub fn check_visible(text: &str) -> Result<(), Flaw> {
    if text.chars().any(is_deceptive) {
        return Err(Flaw::Hidden);
    }
    if text.trim() != text {
        return Err(Flaw::OuterSpace);
    }
    Ok(())
}

/// Whether another number could look the same.
fn has_look_alike(text: &str) -> bool {
    text.chars().any(is_double)
        || text
            .split(|c: char| !c.is_alphabetic())
            .any(|word| word.chars().any(is_near_latin) && could_be_latin(word))
}

/// A character that always has a look-alike.
fn is_double(c: char) -> bool {
    let is_space = c.is_whitespace() && c != ' ' && c != '\u{3000}';
    let is_digit = c.is_numeric() && is_foreign_digit(c);
    is_space || is_digit || is_styled(c) || is_joining(c) || is_private(c)
}

/// Styled Latin letters: letter-like signs, Roman numerals, circled, full-width and mathematical letters.
fn is_styled(c: char) -> bool {
    matches!(
        c,
        '\u{2100}'..='\u{214f}'
            | '\u{2160}'..='\u{2188}'
            | '\u{2460}'..='\u{24ff}'
            | '\u{ff10}'..='\u{ff19}'
            | '\u{ff21}'..='\u{ff3a}'
            | '\u{ff41}'..='\u{ff5a}'
            | '\u{1d400}'..='\u{1d7ff}'
            | '\u{1f100}'..='\u{1f1ff}'
    )
}

/// Digits of other scripts; not numerals that are words, such as 一.
fn is_foreign_digit(c: char) -> bool {
    matches!(
        c,
        '\u{b2}'..='\u{b3}'
            | '\u{b9}'
            | '\u{660}'..='\u{669}'
            | '\u{6f0}'..='\u{6f9}'
            | '\u{7c0}'..='\u{7c9}'
            | '\u{966}'..='\u{d6f}'
            | '\u{e50}'..='\u{e59}'
            | '\u{ed0}'..='\u{f33}'
            | '\u{1040}'..='\u{1099}'
            | '\u{17e0}'..='\u{19d9}'
            | '\u{1a80}'..='\u{1c59}'
            | '\u{2070}'..='\u{2089}'
            | '\u{a620}'..='\u{abf9}'
            | '\u{104a0}'..='\u{1e95f}'
            | '\u{1fbf0}'..='\u{1fbf9}'
    )
}

/// Combining marks and parts that have a precomposed form.
fn is_joining(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{3099}'..='\u{309a}'
            | '\u{a960}'..='\u{a97f}'
            | '\u{d7b0}'..='\u{d7ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Private-use characters: each system draws them its own way.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..='\u{10ffff}')
}

/// Scripts that share shapes with Latin: Greek, Cyrillic, Armenian, Cherokee, Coptic, Lisu.
fn is_near_latin(c: char) -> bool {
    matches!(
        c,
        '\u{370}'..='\u{58f}'
            | '\u{13a0}'..='\u{13ff}'
            | '\u{1c80}'..='\u{1c8f}'
            | '\u{1f00}'..='\u{1fff}'
            | '\u{2c80}'..='\u{2cff}'
            | '\u{2de0}'..='\u{2dff}'
            | '\u{a4d0}'..='\u{a4ff}'
            | '\u{a640}'..='\u{a69f}'
            | '\u{ab30}'..='\u{abbf}'
    )
}

/// Greek and Cyrillic letters that look like Latin ones.
const DOUBLES: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺαγικνορτυχϲϳАВЕЅІЈКМНОРСТУХҮЬаеѕіјкорсухһԁԛԜԝӀӏҺ";

/// Whether a word could be taken for a Latin one: it mixes scripts, or each of its letters has a look-alike.
fn could_be_latin(word: &str) -> bool {
    let is_mixed = word.chars().any(|c| c.is_ascii_alphabetic());
    is_mixed || word.chars().all(|c| DOUBLES.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExternalId, Flaw> {
        ExternalId::read(text, CHARS_MAX)
    }

    #[test]
    fn numbers_are_text_exactly_as_sent() {
        for good in [
            "R1642411016202",
            "a-b_c.d:e",
            "INV/2025/00001",
            "../../etc/passwd",
            "#1001@web, 2nd (new)",
            "'; DROP TABLE refunds;--",
            "a&b=c?d%2Fe+f",
            "订单 7",
            "订单（测试）－7",
            "注文\u{3000}7",
            "Größe-1",
            "заказ-5",
            "INV-Заказ-1",
            "παραγγελία 3",
            "一二三",
            "😀",
            &"9".repeat(64),
            &"退".repeat(64),
        ] {
            assert_eq!(read(good).as_ref().map(ExternalId::as_str), Ok(good));
        }
        for other in ["INV/1", "inv/1", "INV/01", "INV / 1"] {
            assert_ne!(read("INV/1 "), read(other));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_no_part_of_a_number() {
        for bad in [
            "a\0b",
            "a\r\nb",
            "a\tb",
            "a\u{1b}[31m",
            "a\u{7f}",
            "a\u{85}",
            "a\u{ad}b",
            "a\u{200b}",
            "\u{202e}a",
            "\u{2066}a",
            "\u{feff}a",
            "a\u{2028}",
            "\u{61c}1",
            "a\u{3164}",
            "a\u{fe0f}",
            "a\u{e0041}",
            "a\u{180e}b",
            "a\u{fffd}",
        ] {
            assert_eq!(read(bad), Err(Flaw::Hidden), "{bad:?}");
        }
        for bad in [" a", "a ", "\u{3000}a", "a\u{a0}", " "] {
            assert_eq!(read(bad), Err(Flaw::OuterSpace), "{bad:?}");
        }
    }

    #[test]
    fn look_alikes_are_no_part_of_a_number() {
        for bad in [
            "Р-1",              // Cyrillic
            "INV-Р1",           // Cyrillic
            "РO-1",             // the first is Cyrillic
            "Ο",                // Greek
            "Ｒ１",             // full width
            "𝒷1",               // mathematics
            "R①",               // in a circle
            "Ⅳ",                // one character
            "R١٢",              // Arabic digits
            "Re\u{301}",        // é in two
            "\u{1100}\u{1161}", // 가 in two
            "a\u{a0}b",
            "a\u{2009}b",
            "a\u{e000}",
        ] {
            assert_eq!(read(bad), Err(Flaw::LookAlike), "{bad:?}");
        }
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        let long = "退".repeat(128);
        assert_eq!(read(&long), Err(Flaw::TooLong(64)));
        assert!(ExternalId::read(&long, CHARS_MAX_UNDOCUMENTED).is_ok());
        assert!(long.parse::<ExternalId>().is_ok(), "as it is stored");
        assert_eq!((long + "1").parse::<ExternalId>(), Err(Flaw::TooLong(128)));
        assert_eq!(read(""), Err(Flaw::Missing));
    }

    #[test]
    fn a_part_of_a_path_is_decoded_once() {
        let read = |part| ExternalId::from_path_part(part, CHARS_MAX);
        for (part, number) in [
            ("R-1", "R-1"),
            ("INV%2F2025%2f1", "INV/2025/1"),
            ("a%252Fb", "a%2Fb"),
            ("a+b", "a+b"),
            ("%E8%AE%A2%E5%8D%95%207", "订单 7"),
            ("%23%3F%26%40", "#?&@"),
        ] {
            let read = read(part).unwrap();
            assert_eq!(read.as_str(), number, "{part}");
            let again = ExternalId::from_path_part(&read.to_path_part(), CHARS_MAX);
            assert_eq!(again, Ok(read));
        }
        for (part, flaw) in [
            ("a%", PathFlaw::Encoding),
            ("a%4", PathFlaw::Encoding),
            ("a%zz", PathFlaw::Encoding),
            ("a%+1", PathFlaw::Encoding),
            ("a%ff", PathFlaw::NotUtf8),
            ("%c0%af", PathFlaw::NotUtf8),
            ("a%00", PathFlaw::Number(Flaw::Hidden)),
            ("a%20", PathFlaw::Number(Flaw::OuterSpace)),
        ] {
            assert_eq!(read(part), Err(flaw), "{part}");
        }
    }

    #[test]
    fn what_was_a_number_is_one() {
        let plain: String = ('\0'..='\u{7f}')
            .filter(|c| is_plain(&c.to_string()))
            .collect();
        for start in 0..2 {
            let text: String = plain.chars().skip(start * 32).take(64).collect();
            assert!(is_plain(&text) && read(&text).is_ok(), "{text}");
        }
        assert!(!is_plain("INV/1") && !is_plain("") && !is_plain(&"9".repeat(65)));
    }
}
