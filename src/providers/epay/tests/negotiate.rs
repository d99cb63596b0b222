//! Which format the reply gets.

use crate::providers::epay::negotiate;
use crate::providers::epay::{Charset, MediaType, NegotiationHeaders};

const JSON: &str = "application/json";
const XML: &str = "application/xml";
const BSON: &str = "application/bson";
const FORM: &str = "application/x-www-form-urlencoded";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn chosen(sent: Option<&str>, accept: Option<&str>) -> &'static str {
    let headers = NegotiationHeaders {
        accept,
        content_type: sent,
        ..NegotiationHeaders::default()
    };
    negotiate(&headers).media().name()
}

#[test]
fn the_reply_type_follows_accept_then_the_request_then_json() {
    let table: [(&str, Option<&str>, &str); 22] = [
        (JSON, None, JSON),
        ("text/json", None, "text/json"),
        ("text/xml", None, "text/xml"),
        (XML, None, XML),
        (BSON, None, BSON),
        (FORM, None, JSON),
        (XML, Some("*/*"), JSON),
        (BSON, Some("*/*"), JSON),
        (JSON, Some("text/*"), "text/json"),
        ("text/xml", Some("text/*"), "text/json"),
        (JSON, Some("application/*"), JSON),
        (JSON, Some("application/xml, application/json"), JSON),
        (
            JSON,
            Some("application/json;q=0.5, application/xml;q=0.8"),
            XML,
        ),
        (JSON, Some("*/*, application/xml"), XML),
        (JSON, Some("application/xml;q=0.5, */*;q=0.8"), JSON),
        (JSON, Some(BROWSER), XML),
        (JSON, Some("application/json;q=0"), JSON),
        (JSON, Some("image/png"), JSON),
        (XML, Some("image/png"), XML),
        (JSON, Some("foo"), JSON),
        (JSON, Some("application/json;odata=verbose"), JSON),
        (FORM, Some(FORM), JSON),
    ];
    for (sent, accept, expected) in table {
        assert_eq!(chosen(Some(sent), accept), expected, "{sent}, {accept:?}");
    }
}

#[test]
fn details_of_the_algorithm_hold() {
    let table: [(Option<&str>, Option<&str>, &str); 13] = [
        (None, None, JSON),
        (Some("text/plain"), None, JSON),
        (Some("application/*"), None, JSON),
        (Some("TEXT/XML; charset=utf-8"), None, "text/xml"),
        (Some(XML), Some(""), XML),
        // One invalid value silences the whole header.
        (Some(XML), Some("application/json, foo"), XML),
        (
            Some(JSON),
            Some("text/xml;q=0.8, application/xml;q=0.8"),
            "text/xml",
        ),
        (Some(JSON), Some("application/bson"), BSON),
        (Some(JSON), Some("APPLICATION/BSON;Q=0.001, */*;q=0"), BSON),
        // A rejected type may still be the only one that fits the request.
        (
            Some(XML),
            Some("application/xml;q=0, application/json;q=0"),
            XML,
        ),
        (
            Some(JSON),
            Some("application/*;q=0.7, text/xml;q=0.7"),
            "text/xml",
        ),
        (
            Some(JSON),
            Some("application/json;q=0.85, application/xml;q=0.9"),
            XML,
        ),
        (
            Some(JSON),
            Some("image/png;a=\"x,y;z\", text/xml"),
            "text/xml",
        ),
    ];
    for (sent, accept, expected) in table {
        assert_eq!(chosen(sent, accept), expected, "{sent:?}, {accept:?}");
    }
}

#[test]
fn a_script_without_a_wish_gets_json() {
    let table = [
        (Some("*/*"), JSON),
        (None, JSON),
        (Some("foo"), JSON),
        (Some("text/xml"), "text/xml"),
        (Some("*/*, text/xml"), "text/xml"),
    ];
    for (accept, expected) in table {
        let headers = NegotiationHeaders {
            accept,
            content_type: Some(XML),
            x_requested_with: Some("xmlhttprequest"),
            ..NegotiationHeaders::default()
        };
        assert_eq!(negotiate(&headers).media().name(), expected, "{accept:?}");
    }
    let headers = NegotiationHeaders {
        content_type: Some(XML),
        x_requested_with: Some("com.example.app"),
        ..NegotiationHeaders::default()
    };
    assert_eq!(negotiate(&headers).media(), MediaType::ApplicationXml);
}

#[test]
fn the_charset_follows_accept_charset_then_the_request_then_utf_8() {
    let utf16_request = "application/json; charset=UTF-16";
    let table: [(&str, Option<&str>, Charset); 12] = [
        (JSON, None, Charset::Utf8),
        (JSON, Some("utf-16"), Charset::Utf16),
        (JSON, Some("UTF-16"), Charset::Utf16),
        (JSON, Some("iso-8859-1"), Charset::Utf8),
        (JSON, Some("iso-8859-1, utf-16;q=0.1"), Charset::Utf16),
        (JSON, Some("utf-16;q=0.5, utf-8;q=0.9"), Charset::Utf8),
        (JSON, Some("*, utf-16"), Charset::Utf16),
        (JSON, Some("utf-16;q=0"), Charset::Utf8),
        (utf16_request, None, Charset::Utf16),
        (utf16_request, Some("*"), Charset::Utf8),
        (utf16_request, Some("gb2312"), Charset::Utf16),
        ("application/json; charset=gb2312", None, Charset::Utf8),
    ];
    for (sent, accept_charset, expected) in table {
        let headers = NegotiationHeaders {
            content_type: Some(sent),
            accept_charset,
            ..NegotiationHeaders::default()
        };
        let row = format!("{sent}, {accept_charset:?}");
        assert_eq!(negotiate(&headers).charset(), expected, "{row}");
    }
}

#[test]
fn the_content_type_always_names_the_charset_after_one_space() {
    let headers = NegotiationHeaders {
        accept: Some(BSON),
        ..NegotiationHeaders::default()
    };
    assert_eq!(
        negotiate(&headers).content_type(),
        "application/bson; charset=utf-8"
    );
}
