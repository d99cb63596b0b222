//! Members of a provider's JSON, brought into our words, and what is noted of those that cannot be used.

use std::borrow::Cow;

use super::json::{Object, Value};
use super::text::printable;
use crate::domain::claim::flaw::{Flaw, Unreadable};
use crate::domain::claim::{Claim, Failure, Outcome, Reason, Status};
use crate::domain::ids::external_id;
use crate::domain::ids::external_id::ExternalId;
use crate::domain::money::decimal::Spelling;
use crate::domain::money::{Amount, Currency};

/// How a member with a number is sent.
#[derive(Clone, Copy, Debug)]
pub(in crate::providers) struct NumberRule {
    /// Longest text.
    pub chars_max: usize,
    /// Whether its absence is a flaw.
    pub is_always_sent: bool,
    /// Whether a JSON number is taken, too: of digits alone, because `1e3` and `1000` are one number to JSON
    /// and two to us.
    pub may_be_digits: bool,
}

impl NumberRule {
    /// A text that is always there, of a length that documents limit.
    pub(in crate::providers) const TEXT: Self = Self {
        chars_max: external_id::CHARS_MAX,
        is_always_sent: true,
        may_be_digits: false,
    };
    /// The same, or digits.
    pub(in crate::providers) const TEXT_OR_DIGITS: Self = Self {
        may_be_digits: true,
        ..Self::TEXT
    };
    /// The same, and it may be missing.
    pub(in crate::providers) const OPTIONAL: Self = Self {
        is_always_sent: false,
        ..Self::TEXT_OR_DIGITS
    };

    /// The same where no document limits the length.
    pub(in crate::providers) const fn of_any_length(self) -> Self {
        Self {
            chars_max: external_id::CHARS_MAX_UNDOCUMENTED,
            ..self
        }
    }
}

/// Reads the members of one object; notes those that cannot be used.
pub(in crate::providers) struct Members<'o, 'a> {
    object: &'o Object<'a>,
    /// Prefix of each name in our notes.
    within: &'static str,
    unreadable: Vec<Unreadable>,
}

impl<'o, 'a> Members<'o, 'a> {
    pub(in crate::providers) fn of(object: &'o Object<'a>, within: &'static str) -> Self {
        Self {
            object,
            within,
            unreadable: Vec::new(),
        }
    }

    /// The value of a member, whatever it is.
    pub(in crate::providers) fn get(&self, name: &str) -> Value<'a> {
        self.object.get(name)
    }

    /// A text that is always sent.
    pub(in crate::providers) fn text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let flaw = match self.get(name) {
            Value::Text(text) => return Some(text),
            Value::Null => Flaw::Missing,
            Value::Bool(_) | Value::Number(_) | Value::Nested(_) => Flaw::NotText,
        };
        self.note(name, flaw);
        None
    }

    /// The same where an empty text says nothing.
    pub(in crate::providers) fn word(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.text(name)?;
        if text.is_empty() {
            self.note(name, Flaw::Missing);
            return None;
        }
        Some(text)
    }

    /// A code of ISO 4217.
    pub(in crate::providers) fn currency(&mut self, name: &str) -> Option<Currency> {
        let read = self.text(name)?.parse();
        let read = read.map_err(|_| Flaw::NotCurrency);
        self.noted(name, read, true)
    }

    /// A number of a refund, an order or a payment.
    pub(in crate::providers) fn number(
        &mut self,
        name: &str,
        rule: NumberRule,
    ) -> Option<ExternalId> {
        let read = match self.get(name) {
            Value::Null => Err(Flaw::Missing),
            Value::Text(text) => ExternalId::read(&text, rule.chars_max),
            Value::Number(digits) if rule.may_be_digits => {
                let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
                let plain = is_plain.then_some(digits).ok_or(Flaw::NotDigits);
                plain.and_then(|digits| ExternalId::read(digits, rule.chars_max))
            }
            _ if rule.may_be_digits => Err(Flaw::NotDigits),
            Value::Number(_) | Value::Bool(_) | Value::Nested(_) => Err(Flaw::NotText),
        };
        self.noted(name, read, rule.is_always_sent)
    }

    /// An amount, as text or as a JSON number; `read` knows its unit. Where it is not needed, nothing at all
    /// is as good as none.
    pub(in crate::providers) fn amount(
        &mut self,
        name: &str,
        is_needed: bool,
        read: impl Fn(&str, Spelling) -> Result<Amount, Flaw>,
    ) -> Option<Amount> {
        let is_zero = |digits: &str| digits.bytes().all(|b| b"0.".contains(&b));
        let read = match self.get(name) {
            Value::Null => Err(Flaw::Missing),
            Value::Text(text) if text.is_empty() => Err(Flaw::Missing),
            Value::Text(text) if !is_needed && is_zero(&text) => Err(Flaw::Missing),
            Value::Number(digits) if !is_needed && is_zero(digits) => Err(Flaw::Missing),
            Value::Text(text) => read(&text, Spelling::Text),
            Value::Number(digits) => read(digits, Spelling::JsonNumber),
            Value::Bool(_) | Value::Nested(_) => Err(Flaw::NotDecimal),
        };
        self.noted(name, read, is_needed)
    }

    /// Notes that a member cannot be used.
    pub(in crate::providers) fn note(&mut self, name: &str, flaw: Flaw) {
        let member = format!("{}{name}", self.within);
        self.unreadable.push(Unreadable::new(member, flaw));
    }

    fn noted<T>(&mut self, name: &str, read: Result<T, Flaw>, is_always_sent: bool) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(Flaw::Missing) if !is_always_sent => None,
            Err(flaw) => {
                self.note(name, flaw);
                None
            }
        }
    }

    /// Whether a member that was read is there and cannot be used.
    pub(in crate::providers) fn has_garbled(&self) -> bool {
        self.unreadable.iter().any(|it| it.flaw != Flaw::Missing)
    }

    /// The claim with all that was noted. Only a success needs its money; no outcome needs any other member
    /// that was read here, so whatever else cannot be used is left out, with a question.
    pub(in crate::providers) fn judged(self, claim: Claim) -> Claim {
        let has_succeeded = claim.outcome == Outcome::Reported(Status::Succeeded);
        let outcome = if has_succeeded && claim.money.is_none() {
            Outcome::Unclear(Reason::InvalidContent)
        } else {
            claim.outcome
        };
        let is_reported = matches!(outcome, Outcome::Reported(_));
        let doubt = (is_reported && !self.unreadable.is_empty()).then_some(Reason::InvalidContent);
        Claim {
            outcome,
            doubt: claim.doubt.filter(|_| is_reported).or(doubt),
            unreadable: self.unreadable,
            ..claim
        }
    }
}

/// Free text, or digits, as it can be stored and shown; `None` where there is nothing to show.
pub(in crate::providers) fn shown(value: &Value<'_>) -> Option<String> {
    value
        .text_or_digits()
        .filter(|text| !text.is_empty())
        .map(printable)
}

/// Why it failed, where the provider says anything about it.
pub(in crate::providers) fn failure(
    code: Option<String>,
    message: Option<String>,
) -> Option<Failure> {
    (code.is_some() || message.is_some()).then_some(Failure { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(token: &str, rule: NumberRule) -> (Option<String>, Vec<Flaw>) {
        let text = format!(r#"{{"n":{token}}}"#);
        let object = Object::parse(text.as_bytes()).unwrap();
        let mut members = Members::of(&object, "data.");
        let number = members.number("n", rule).map(String::from);
        assert!(members.unreadable.iter().all(|it| it.member == "data.n"));
        (
            number,
            members.unreadable.iter().map(|it| it.flaw).collect(),
        )
    }

    #[test]
    fn an_optional_number_may_be_missing_but_not_malformed() {
        let read = |token| number(token, NumberRule::OPTIONAL);
        for nothing in ["null", r#""""#] {
            assert_eq!(read(nothing), (None, vec![]));
        }
        for (token, text) in [(r#""a/b 1""#, "a/b 1"), ("17", "17"), (r#""1e3""#, "1e3")] {
            assert_eq!(read(token), (Some(text.to_owned()), vec![]));
        }
        for (token, flaw) in [
            (r#"" ""#, Flaw::OuterSpace),
            ("true", Flaw::NotDigits),
            ("[]", Flaw::NotDigits),
            ("1e3", Flaw::NotDigits),
            ("-1", Flaw::NotDigits),
            ("1.0", Flaw::NotDigits),
        ] {
            assert_eq!(read(token), (None, vec![flaw]), "{token}");
        }
    }

    #[test]
    fn what_is_always_sent_is_missed() {
        for nothing in ["null", r#""""#] {
            assert_eq!(
                number(nothing, NumberRule::TEXT),
                (None, vec![Flaw::Missing])
            );
        }
        assert_eq!(number("17", NumberRule::TEXT), (None, vec![Flaw::NotText]));
    }
}
