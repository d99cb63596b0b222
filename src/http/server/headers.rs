//! Headers of a request: one value or none, what they say of the body, and how they are stored and shown.
//! A header that does not change the bytes is no reason to reject them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};

use crate::providers::wire::text::printable;

/// Max characters of a header value that is stored; a signature has 344, one of 8192 bits 1368.
const KEPT_CHARS_MAX: usize = 1_400;
/// Max lines of one header that are stored as evidence.
const KEPT_LINES_MAX: usize = 4;
/// Max characters of a value in a response or a log line.
const SHOWN_CHARS_MAX: usize = 100;

/// Why the value of a header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Several lines, and whether all have the same value.
    Repeated { times: usize, alike: bool },
    /// Not printable ASCII.
    NotText,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated { times, alike } => {
                match times {
                    2 => f.write_str("is given twice")?,
                    _ => write!(f, "is given {times} times")?,
                }
                f.write_str(if *alike {
                    ", with the same value"
                } else {
                    ", with different values"
                })
            }
            Self::NotText => f.write_str("is not plain ASCII"),
        }
    }
}

/// The only value of a header as text; `None` if the header is absent.
pub fn only(request: &HttpRequest, name: impl header::AsHeaderName) -> Result<Option<&str>, Odd> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let mut others = values.peekable();
    if others.peek().is_some() {
        let (times, alike) = others.fold((1, true), |(times, alike), other| {
            (times + 1, alike && other == value)
        });
        return Err(Odd::Repeated { times, alike });
    }
    value.to_str().map(Some).map_err(|_| Odd::NotText)
}

/// The same; `None` also if the value cannot be used.
pub fn single_header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    only(request, name).ok().flatten()
}

/// Repeated lines of one header mean the same as one line with commas.
pub fn joined(request: &HttpRequest, name: &str) -> Option<String> {
    let values: Vec<_> = request
        .headers()
        .get_all(name)
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Looks up headers for an adapter. One that cannot be used is missing for the adapter; what is wrong with it is
/// remembered for the log.
pub struct Lookup<'a> {
    request: &'a HttpRequest,
    odd: RefCell<Option<String>>,
}

impl<'a> Lookup<'a> {
    pub fn new(request: &'a HttpRequest) -> Self {
        Self {
            request,
            odd: RefCell::new(None),
        }
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        let found = only(self.request, name);
        let what = match &found {
            Ok(Some("")) => Some("is empty".to_owned()),
            Ok(_) => None,
            Err(odd) => Some(odd.to_string()),
        };
        if let Some(what) = what {
            self.odd
                .borrow_mut()
                .get_or_insert_with(|| format!("the {name} header {what}"));
        }
        found.ok().flatten()
    }

    /// What is wrong with the first header that cannot be used.
    pub fn odd(&self) -> Option<String> {
        self.odd.borrow().clone()
    }
}

/// `Content-Type` as sent, or what is wrong with it.
pub fn content_type_as_sent(request: &HttpRequest) -> String {
    let values = shown_values(request, &header::CONTENT_TYPE);
    match only(request, header::CONTENT_TYPE) {
        Ok(None) => "Content-Type is missing".to_owned(),
        Ok(Some(_)) => format!("Content-Type is {values}"),
        Err(odd) => format!("Content-Type {odd}: {values}"),
    }
}

/// Why `Content-Type` does not mean JSON in UTF-8; `None` if it does.
pub fn not_json(request: &HttpRequest) -> Option<String> {
    let is_json =
        matches!(only(request, header::CONTENT_TYPE), Ok(Some(value)) if means_json(value));
    (!is_json).then(|| {
        format!(
            "{}; send Content-Type: application/json",
            content_type_as_sent(request)
        )
    })
}

fn means_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
                is_utf8(charset.trim())
            }
            _ => true,
        })
}

/// The spellings in use, and ASCII, which is a subset.
fn is_utf8(charset: &str) -> bool {
    let name: String = charset
        .trim_matches(['"', '\''])
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .collect();
    ["utf8", "usascii", "ascii"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The `Content-Encoding`, if it changes the bytes: `identity` does not.
pub fn changing_encoding(request: &HttpRequest) -> Option<String> {
    let mut values = request.headers().get_all(header::CONTENT_ENCODING);
    let changes = values.any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
    });
    changes.then(|| shown_values(request, &header::CONTENT_ENCODING))
}

/// The values of a header, quoted and truncated. Not for headers that hold a secret.
fn shown_values(request: &HttpRequest, name: &header::HeaderName) -> String {
    let values: Vec<_> = request
        .headers()
        .get_all(name)
        .take(KEPT_LINES_MAX)
        .map(|value| {
            let text = printable(&String::from_utf8_lossy(value.as_bytes()));
            let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            format!("{shown:?}")
        })
        .collect();
    values.join(", ")
}

/// A header as it is stored: truncated, so that a sender cannot fill the store.
pub fn kept_header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let value = single_header(request, name)?;
    // Text of a header is ASCII, so a byte is a character.
    Some(value.get(..KEPT_CHARS_MAX).unwrap_or(value))
}

/// The named headers as the JSON object that is stored.
///
/// # Panics
/// Never: text to text always is JSON.
pub fn kept_headers(request: &HttpRequest, names: &[&str]) -> String {
    let kept: BTreeMap<_, _> = names
        .iter()
        .filter_map(|name| Some((*name, kept_header(request, name)?)))
        .collect();
    serde_json::to_string(&kept).expect("a map from text to text is JSON")
}

/// All lines of a header as one list (RFC 9110 §5.3): evidence shows also values that cannot be used.
pub fn evident_header(request: &HttpRequest, name: &str) -> Option<String> {
    let line = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let plain = text.chars().take(KEPT_CHARS_MAX);
        plain.filter(|c| !c.is_control()).collect::<String>()
    };
    let values = request.headers().get_all(name).take(KEPT_LINES_MAX);
    let lines: Vec<_> = values.map(line).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_json_in_utf_8_is_taken() {
        for value in [
            "application/json",
            "Application/JSON;charset=\"UTF-8\"",
            "application/json; charset=utf8",
            "application/json; charset='utf-8'",
            "application/json; charset=UTF_8;",
            "application/json; charset=us-ascii",
            "application/json; version=1",
        ] {
            assert!(means_json(value), "{value}");
        }
        for value in [
            "",
            "text/json",
            "application/json, application/json",
            "application/json; charset=utf-16",
            "application/json; charset=",
            "application/jsonp",
        ] {
            assert!(!means_json(value), "{value}");
        }
    }
}
