//! Extra headers of an endpoint, such as the key of a gateway in front of it. Their values are secrets.
//! Headers that describe the message or the connection are reserved.

use std::fmt;

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

const HEADERS_MAX: usize = 16;
const VALUE_CHARS_MAX: usize = 4_096;
/// Headers of the connection (RFC 9110 §7.6.1), which the client sets.
const OF_CONNECTION: [&str; 13] = [
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Prefixes of headers that describe or sign the body.
const OF_MESSAGE: [&str; 2] = ["content-", "webhook-"];

/// Why a header is rejected. Worded to follow the name of the config key; shows no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("is no name of a header")]
    Name,
    /// It would change how the request is sent or read.
    #[error(
        "is a header of the message or the connection, which this program sets itself; remove it"
    )]
    Reserved,
    /// Header names are case-insensitive.
    #[error("is given twice; header names are case-insensitive")]
    Twice,
    #[error("is one too many; an endpoint has {HEADERS_MAX} at most")]
    TooMany,
    #[error("must be printable ASCII of at most {VALUE_CHARS_MAX} characters")]
    Value,
}

/// The headers; `Debug` shows names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

impl Headers {
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
        let is_of_message = OF_MESSAGE
            .iter()
            .any(|begin| name.as_str().starts_with(begin));
        if is_of_message || OF_CONNECTION.contains(&name.as_str()) {
            return Err(HeaderError::Reserved);
        }
        if self.0.contains_key(&name) {
            return Err(HeaderError::Twice);
        }
        if self.0.len() >= HEADERS_MAX {
            return Err(HeaderError::TooMany);
        }
        let is_plain = value.len() <= VALUE_CHARS_MAX
            && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        let mut value = HeaderValue::from_str(value).map_err(|_| HeaderError::Value)?;
        if !is_plain {
            return Err(HeaderError::Value);
        }
        value.set_sensitive(true);
        self.0.insert(name, value);
        Ok(())
    }

    pub(super) fn map(&self) -> &HeaderMap {
        &self.0
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_carries_the_message_is_no_header_of_an_endpoint() {
        let added = |name: &str| Headers::default().add(name, "v");
        for good in [
            "X-Api-Key",
            "Authorization",
            "Ocp-Apim-Subscription-Key",
            "Cookie",
            "User-Agent",
        ] {
            assert_eq!(added(good), Ok(()), "{good}");
        }
        for reserved in [
            "Host",
            "CONTENT-TYPE",
            "content-length",
            "Webhook-Id",
            "TE",
            "Connection",
        ] {
            assert_eq!(added(reserved), Err(HeaderError::Reserved), "{reserved}");
        }
        for bad in ["", "a b", "a:b", "ä"] {
            assert_eq!(added(bad), Err(HeaderError::Name), "{bad}");
        }
        let mut headers = Headers::default();
        assert_eq!(headers.add("X-Key", "SECRET"), Ok(()));
        assert_eq!(headers.add("x-key", "SECRET"), Err(HeaderError::Twice));
        assert_eq!(headers.add("X-Other", "a\r\nb"), Err(HeaderError::Value));
        assert!(!format!("{headers:?}").contains("SECRET"));
    }
}
