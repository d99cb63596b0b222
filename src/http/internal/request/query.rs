//! Parameters of a query string: each known, each once, each valid. Anything else is rejected, because a misspelt
//! filter would silently return other data.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use crate::http::internal::problem::ApiError;

/// Max `wait`.
const WAIT_SECONDS_MAX: u64 = 60;

pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Parses the query string; only the names in `known` may occur.
    pub fn parse(text: &'a str, known: &[&str]) -> Result<Self, ApiError> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_ref()) {
                let name = crate::providers::wire::text::printable(name);
                let known = known.join(", ");
                let detail =
                    format!("{name:?} is no parameter of this call; its parameters are: {known}");
                return Err(ApiError::InvalidParameter(detail));
            }
            // No stored text has one, and PostgreSQL takes no NUL.
            if value.contains(char::is_control) {
                let detail = format!("{name} holds a control character");
                return Err(ApiError::InvalidParameter(detail));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                let detail = format!("{name} is given twice");
                return Err(ApiError::InvalidParameter(detail));
            }
        }
        Ok(Self { pairs })
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_ref())
    }

    /// A whole number, in digits only.
    pub fn number<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
        self.parsed(name, expected, |text| digits(text)?.parse().ok())
    }

    /// A parameter parsed by `read`; `expected` says which values are valid.
    pub fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        self.text(name)
            .map(|text| {
                read(text).ok_or_else(|| {
                    let detail = format!("{name} must be {expected}{}", hint(text));
                    ApiError::InvalidParameter(detail)
                })
            })
            .transpose()
    }

    /// `limit`, from 1 to `max`.
    pub fn limit(&self, default: u32, max: u32) -> Result<u32, ApiError> {
        let expected = format!("a whole number from 1 to {max}");
        let limit = self.parsed("limit", &expected, |text| {
            let limit = digits(text)?.parse().ok();
            limit.filter(|limit| (1..=max).contains(limit))
        })?;
        Ok(limit.unwrap_or(default))
    }

    /// `wait`, such as `30s`.
    pub fn wait(&self) -> Result<Option<Duration>, ApiError> {
        let bare = self.text("wait").filter(|text| digits(text).is_some());
        let instead = bare.map_or_else(String::new, |digits| format!("; write {digits}s"));
        let expected = format!("a whole number of seconds from 0s to {WAIT_SECONDS_MAX}s{instead}");
        self.parsed("wait", &expected, |text| {
            let seconds = digits(text.strip_suffix('s')?)?.parse().ok()?;
            (seconds <= WAIT_SECONDS_MAX).then(|| Duration::from_secs(seconds))
        })
    }
}

/// The likely mistake in a value that cannot be parsed.
fn hint(text: &str) -> &'static str {
    if text.contains(' ') {
        "; in a query a + means a space, so write it as %2B"
    } else {
        ""
    }
}

/// Digits without a sign or a leading zero, so that a number has one spelling.
pub(in crate::http) fn digits(text: &str) -> Option<&str> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit());
    (is_plain && (text.len() == 1 || !text.starts_with('0'))).then_some(text)
}
