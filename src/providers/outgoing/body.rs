//! Bodies and queries of our own calls, written literally: members in the order of the provider's samples, and
//! amounts as the digits of a decimal.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A compact JSON object. Names are plain and given once.
pub(in crate::providers) struct JsonText(String);

impl JsonText {
    pub(in crate::providers) fn new() -> Self {
        Self("{".to_owned())
    }

    /// A string, escaped.
    #[must_use]
    pub(in crate::providers) fn text(self, name: &str, value: &str) -> Self {
        let escaped = serde_json::Value::from(value).to_string();
        self.literal(name, &escaped)
    }

    /// The same where there is one.
    #[must_use]
    pub(in crate::providers) fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// A value that is JSON already: a number, or an object.
    #[must_use]
    pub(in crate::providers) fn literal(mut self, name: &str, json: &str) -> Self {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        for part in ["\"", name, "\":", json] {
            self.0.push_str(part);
        }
        self
    }

    pub(in crate::providers) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// All but the unreserved characters of RFC 3986.
const NOT_IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A value of a query, percent-encoded.
pub(in crate::providers) fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, NOT_IN_QUERY).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_compact_and_escaped() {
        let inner = JsonText::new().literal("n", "10.50").end();
        let text = JsonText::new()
            .text("a", "\"x\\\n退/")
            .optional("b", None)
            .optional("c", Some(""))
            .literal("d", &inner)
            .end();
        assert_eq!(text, r#"{"a":"\"x\\\n退/","c":"","d":{"n":10.50}}"#);
        assert_eq!(JsonText::new().end(), "{}");
    }

    #[test]
    fn base64_in_a_query_keeps_its_meaning() {
        assert_eq!(percent_encoded("aB9-._~"), "aB9-._~");
        assert_eq!(percent_encoded("+/= &退"), "%2B%2F%3D%20%26%E9%80%80");
    }
}
