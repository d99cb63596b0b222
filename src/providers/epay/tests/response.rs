//! The bytes of replies.

use super::{DecodeError, fixture};
use crate::providers::epay::negotiate;
use crate::providers::epay::{
    CommonOperationResult, ErrCode, ErrorMessage, NegotiationHeaders, ResponseFormat, decode,
};

/// Line break, tab, control character, quotes, markup and another script.
const MIXED: &str = "退款<失败>&\"'\r\n\t\u{1}";

fn format(accept: &str, accept_charset: &str) -> ResponseFormat {
    negotiate(&NegotiationHeaders {
        accept: Some(accept),
        accept_charset: Some(accept_charset),
        ..NegotiationHeaders::default()
    })
}

fn result(errcode: i32, errmsg: &str, tag: Option<&str>) -> CommonOperationResult {
    CommonOperationResult {
        errcode,
        errmsg: errmsg.to_owned(),
        tag: tag.map(str::to_owned),
    }
}

fn text(result: &CommonOperationResult, accept: &str) -> String {
    String::from_utf8(result.encode(format(accept, "utf-8")).1).unwrap()
}

#[test]
fn success_has_the_known_bytes_in_every_format() {
    let table = [
        ("application/json", "utf-8", "response-ok.json"),
        ("text/json", "utf-8", "response-ok.json"),
        ("application/xml", "utf-8", "response-ok.xml"),
        ("text/xml", "utf-8", "response-ok.xml"),
        ("application/bson", "utf-8", "response-ok.bson"),
        ("application/bson", "utf-16", "response-ok.bson"),
        ("application/json", "utf-16", "response-ok-utf16.json"),
    ];
    for (accept, charset, name) in table {
        let (content_type, body) =
            CommonOperationResult::from(ErrCode::Done).encode(format(accept, charset));
        assert_eq!(content_type, format!("{accept}; charset={charset}"));
        assert_eq!(body, fixture(name), "{accept} {charset}");
    }
}

#[test]
fn bson_has_the_other_known_bytes() {
    let bson = format("application/bson", "utf-8");
    assert_eq!(
        result(0, "", None).encode(bson).1,
        fixture("response-empty-errmsg.bson")
    );
    let mixed = result(-1, MIXED, Some("x"));
    assert_eq!(mixed.encode(bson).1, fixture("response-mixed-text.bson"));
}

#[test]
fn json_escapes_quotes_and_control_characters_only() {
    let escaped = r#"{"errcode":-1,"errmsg":"退款<失败>&\"'\r\n\t\u0001","tag":"x"}"#;
    assert_eq!(text(&result(-1, MIXED, Some("x")), "text/json"), escaped);
    let rare = result(1, "/\\\u{8}\u{c}\u{1f}\u{7f}\u{85}\u{2028}😀", None);
    let escaped =
        "{\"errcode\":1,\"errmsg\":\"/\\\\\\b\\f\\u001f\u{7f}\\u0085\\u2028😀\",\"tag\":null}";
    assert_eq!(text(&rare, "text/json"), escaped);
}

#[test]
fn xml_escapes_markup_and_control_characters_only() {
    let xml = text(&result(-1, MIXED, Some("x")), "text/xml");
    let body =
        "<errcode>-1</errcode><errmsg>退款&lt;失败&gt;&amp;\"'\n\t&#x1;</errmsg><tag>x</tag>";
    assert!(
        xml.ends_with(&format!("DataTransfer\">{body}</CommonOperationResult>")),
        "{xml}"
    );
    let empty = text(&result(0, "", Some("")), "text/xml");
    assert!(empty.contains("<errmsg></errmsg><tag></tag>"), "{empty}");
}

#[test]
fn utf_16_is_little_endian_after_a_byte_order_mark() {
    let (content_type, body) = result(0, "退", None).encode(format("application/xml", "utf-16"));
    assert_eq!(content_type, "application/xml; charset=utf-16");
    assert_eq!(body[..4], [0xff, 0xfe, b'<', 0]);
    let units: Vec<u16> = body[2..]
        .chunks(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
        .collect();
    let decoded = String::from_utf16(&units).unwrap();
    assert_eq!(decoded, text(&result(0, "退", None), "application/xml"));
}

#[test]
fn http_errors_have_the_frameworks_sentences_in_every_format() {
    let Err(DecodeError::UnsupportedMedia { message }) = decode(Some("text/plain"), b"x") else {
        panic!("accepted")
    };
    let table = [
        (
            ErrorMessage::unauthorized(),
            "Authorization has been denied for this request.",
        ),
        (
            ErrorMessage::not_found("http://h/api/nope"),
            "No HTTP resource was found that matches the request URI 'http://h/api/nope'.",
        ),
        (
            ErrorMessage::method_not_allowed("GET"),
            "The requested resource does not support http method 'GET'.",
        ),
        (
            ErrorMessage(message),
            "The request entity's media type 'text/plain' is not supported for this resource.",
        ),
    ];
    for (error, sentence) in table {
        let (content_type, body) = error.encode(format("*/*", "utf-8"));
        assert_eq!(content_type, "application/json; charset=utf-8");
        let expected = format!("{{\"Message\":\"{sentence}\"}}");
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
    let unusual = ErrorMessage("a<b & \"c\"".to_owned());
    let (content_type, xml) = unusual.encode(format("text/xml", "utf-8"));
    assert_eq!(content_type, "text/xml; charset=utf-8");
    assert_eq!(xml, b"<Error><Message>a&lt;b &amp; \"c\"</Message></Error>");
    let (_, bson) = ErrorMessage("ok".to_owned()).encode(format("application/bson", "utf-8"));
    assert_eq!(bson, b"\x15\0\0\0\x02Message\0\x03\0\0\0ok\0\0");
}

#[test]
fn every_code_has_its_number_and_one_line_of_text() {
    let numbers: Vec<i32> = ErrCode::ALL.into_iter().map(ErrCode::number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 9]);
    for code in ErrCode::ALL {
        let message = code.message();
        assert!(
            !message.is_empty() && !message.contains(['\r', '\n']),
            "{code:?}"
        );
        assert_eq!(
            CommonOperationResult::from(code),
            result(code.number(), message, None)
        );
    }
}

#[test]
fn a_refused_report_is_answered_with_what_is_wrong() {
    let Err(DecodeError::Invalid(problems)) = decode(Some("text/json"), b"[]") else {
        panic!("accepted")
    };
    let expected = result(1, "the request body is not a JSON object", None);
    assert_eq!(CommonOperationResult::invalid(&problems), expected);
}
