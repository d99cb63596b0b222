//! Content-Type and charset of requests, and the texts of a 415.

use super::{DecodeError, fixture, outcome, report};
use crate::providers::epay::decode;

const NO_TYPE: &str = "The request contains an entity body but no Content-Type header. The \
                       inferred media type 'application/octet-stream' is not supported for this \
                       resource.";

#[test]
fn every_documented_media_type_is_read() {
    let table = [
        ("application/json", "request.json"),
        ("text/json", "request.json"),
        ("application/xml", "request.xml"),
        ("text/xml", "request.xml"),
        ("application/x-www-form-urlencoded", "request.form"),
        ("application/bson", "request-double-3.5.bson"),
        // Case and parameters do not matter, an unknown charset is read as UTF-8.
        ("Application/JSON", "request.json"),
        ("text/XML; charset=UTF-8", "request.xml"),
        (
            "application/json; charset=\"utf-8\"; odata=verbose",
            "request.json",
        ),
        ("application/json;charset=gb2312", "request.json"),
        (
            "application/x-www-form-urlencoded; charset=utf-16",
            "request.form",
        ),
        (
            "application/bson; charset=utf-16",
            "request-double-3.5.bson",
        ),
        // A range is read by the first reader in it.
        ("application/*", "request.json"),
    ];
    for (content_type, name) in table {
        let decoded = decode(Some(content_type), &fixture(name));
        assert_eq!(decoded, Ok(report("3.5")), "{content_type}");
    }
}

#[test]
fn an_unknown_media_type_is_a_415_that_names_it_without_parameters() {
    let table = [
        ("text/plain", "text/plain"),
        ("Text/Plain; charset=utf-8", "Text/Plain"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        (
            "multipart/form-data; boundary=\"a;b\"",
            "multipart/form-data",
        ),
        ("image/*", "image/*"),
    ];
    for (content_type, named) in table {
        let message = format!(
            "The request entity's media type '{named}' is not supported for this resource."
        );
        let expected = Err(DecodeError::UnsupportedMedia { message });
        assert_eq!(
            decode(Some(content_type), b"{}"),
            expected,
            "{content_type}"
        );
    }
}

#[test]
fn a_body_without_a_readable_content_type_is_a_415() {
    let expected = Err(DecodeError::UnsupportedMedia {
        message: NO_TYPE.to_owned(),
    });
    assert_eq!(decode(None, b"{}"), expected);
    for content_type in [
        "",
        "json",
        "a/b/c",
        "application/json; a=\"",
        "app lication/json",
        "/",
    ] {
        assert_eq!(
            decode(Some(content_type), b"{}"),
            expected,
            "{content_type}"
        );
    }
}

#[test]
fn without_a_body_every_member_is_missing_whatever_the_type() {
    let all_missing = "batchno is missing; trandeno is missing; refundmoney is missing";
    assert!(
        matches!(decode(None, b""), Err(DecodeError::Invalid(p)) if p.to_string() == all_missing)
    );
    for content_type in [
        "text/plain",
        "application/json",
        "application/xml",
        "nonsense",
    ] {
        assert_eq!(outcome(content_type, ""), all_missing, "{content_type}");
    }
}

#[test]
fn utf_16_is_read_with_and_without_a_byte_order_mark() {
    let expected = Ok(report("3.5"));
    let json = String::from_utf8(fixture("request.json")).unwrap();
    let little: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf16 = Some("application/json; charset=utf-16");
    let unnamed = Some("application/json");
    assert_eq!(decode(utf16, &fixture("request-utf16.json")), expected);
    assert_eq!(decode(utf16, &little), expected);
    assert_eq!(
        decode(utf16, &[b"\xff\xfe", little.as_slice()].concat()),
        expected
    );
    // A byte order mark wins over the header.
    assert_eq!(
        decode(unnamed, &[b"\xff\xfe", little.as_slice()].concat()),
        expected
    );
    assert_eq!(
        decode(unnamed, &[b"\xfe\xff", big.as_slice()].concat()),
        expected
    );
    assert_eq!(
        decode(utf16, &[b"\xef\xbb\xbf", json.as_bytes()].concat()),
        expected
    );
}

#[test]
fn bytes_that_mean_nothing_in_the_charset_are_refused() {
    let fault = "the request body is not text in its charset";
    assert_eq!(
        outcome("application/json", b"{\"batchno\":\"\xff\"}"),
        fault
    );
    assert_eq!(outcome("text/xml", b"<a>\xc3\x28</a>"), fault);
    assert_eq!(
        outcome("application/json; charset=utf-16", b"{}\x00"),
        fault
    );
    assert_eq!(
        outcome("application/json; charset=utf-16", b"\x00\xd8"),
        fault
    );
}
