//! Members of a provider's JSON, brought into our words where several providers need the same.

use super::json::Value;
use super::text::printable;
use crate::domain::claim::Failure;
use crate::domain::ids::{NotANumber, Number};

/// A number that the claim needs: text or plain digits. `None` where absent or malformed: `1e3` and
/// `1000` are one number to JSON and two to us, so neither sign, point nor exponent is taken.
pub(super) fn number(value: &Value<'_>) -> Option<Number> {
    match value {
        Value::Text(text) => text.parse().ok(),
        Value::Number(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Nested(_) => None,
    }
}

/// A number that the claim can do without: absent, `null` and empty are no error.
pub(super) fn optional_number(value: &Value<'_>) -> Result<Option<Number>, NotANumber> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        other => number(other).map(Some).ok_or(NotANumber),
    }
}

/// Free text, or digits, as it can be stored and shown; `None` where there is nothing to show.
pub(super) fn shown(value: &Value<'_>) -> Option<String> {
    value
        .text_or_digits()
        .filter(|text| !text.is_empty())
        .map(printable)
}

/// Why it failed, where the provider says anything about it.
pub(super) fn failure(code: Option<String>, message: Option<String>) -> Option<Failure> {
    (code.is_some() || message.is_some()).then_some(Failure { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_number_may_be_missing_but_not_malformed() {
        let text = |text: &'static str| Value::Text(text.into());
        assert_eq!(optional_number(&Value::Null), Ok(None));
        assert_eq!(optional_number(&text("")), Ok(None));
        assert_eq!(optional_number(&text("R-1")), Ok("R-1".parse().ok()));
        assert_eq!(optional_number(&Value::Number("17")), Ok("17".parse().ok()));
        for bad in [
            text(" "),
            text("a/b"),
            Value::Bool(true),
            Value::Nested("[]"),
            Value::Number("1e3"),
            Value::Number("-1"),
            Value::Number("1.0"),
        ] {
            assert_eq!(optional_number(&bad), Err(NotANumber), "{bad:?}");
        }
    }
}
