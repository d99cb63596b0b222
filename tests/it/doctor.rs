//! Rejected requests: listed, shown whole, and diagnosed. Each row sends one mangled request over HTTP and
//! checks the diagnosis of the command.

mod evidence;
mod relays;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::ENGINE;
use crate::harness::keys::{TestKey, other_key, provider_key};
use crate::harness::paycools::{self, PARAM};
use crate::harness::payermax::{MAIN, Notice, SAMPLE};
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Server};

/// Members of a flat callback; one has a character that HTML escapes.
const FLAT_WITH_AND: [(&str, &str); 4] = [
    ("eventName", "payment.refund.failed"),
    ("failedMessage", "A & B"),
    ("mchRefundOrderId", "R-1"),
    ("refundStatus", "FAILED"),
];
const UNEXPLAINED: &str = "none of the known manglings explains it";

/// Asserts that the newest rejected request is explained by this mangling first.
#[track_caller]
fn explained(server: &Server, count: usize, mangling: &str) {
    let shown = server.newest_of_refused(count);
    let found = &shown["diagnosis"]["findings"][0]["mangling"];
    assert_eq!(found, mangling, "{shown:#}");
    let says = text(&shown["diagnosis"]["says"]);
    assert!(says.starts_with("would verify if "), "{says}");
}

#[track_caller]
fn unexplained(server: &Server, count: usize, says: &str) {
    let shown = server.newest_of_refused(count);
    let said = text(&shown["diagnosis"]["says"]);
    assert!(said.starts_with(says), "{said}");
    assert_eq!(shown["diagnosis"]["findings"], Value::Array(Vec::new()));
}

/// The mangling, the body that is sent, and the signature that is sent with it.
type Row = (&'static str, Vec<u8>, String);

/// A callback with something in it that each library writes in its own way.
fn body() -> String {
    let mut notice = Notice::new("R-1", "REFUND_SUCCESS");
    notice.code = "退款/成功";
    notice.text()
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

fn mangled_bodies() -> Vec<Row> {
    let body = body();
    let signed = |message: &[u8]| provider_key().sign(message);
    let sign = signed(body.as_bytes());
    let as_is = || body.clone().into_bytes();
    let spaced = body.replace("\":", "\": ").replace(",\"", ", \"");
    let bom = |text: &str| ["\u{feff}", text].concat().into_bytes();
    let twice: String = body.bytes().map(char::from).collect();
    let utf16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let escaped = body.replace("退款/成功", "\\u9000\\u6b3e\\/\\u6210\\u529f");
    let lines = |end: &str| body.replace(",\"", &format!(",{end}\""));
    let ended = signed(format!("{body}\n").as_bytes());
    vec![
        ("line_break_added", format!("{body}\n").into(), sign.clone()),
        ("line_break_removed", as_is(), ended),
        (
            "white_space_added",
            format!("  {body}").into(),
            sign.clone(),
        ),
        ("byte_order_mark_added", bom(&body), sign.clone()),
        ("byte_order_mark_removed", as_is(), signed(&bom(&body))),
        ("sent_in_gbk", gbk(&body), sign.clone()),
        ("signed_in_gbk", as_is(), signed(&gbk(&body))),
        ("encoded_twice", twice.into(), sign.clone()),
        ("sent_in_utf_16", utf16, sign.clone()),
        ("json_rewritten", spaced.clone().into(), sign),
        ("json_rewritten", as_is(), signed(spaced.as_bytes())),
        ("json_rewritten", as_is(), signed(escaped.as_bytes())),
        (
            "line_breaks_changed",
            lines("\r\n").into(),
            signed(lines("\n").as_bytes()),
        ),
    ]
}

/// A callback whose signature has each of the characters + and /.
fn telling() -> (String, String) {
    let signed = (0..).map(|number| {
        let body = Notice::new(&format!("R-{number}"), "REFUND_SUCCESS").text();
        let sign = provider_key().sign(body.as_bytes());
        (body, sign)
    });
    let mut telling = signed.filter(|(_, sign)| sign.contains('+') && sign.contains('/'));
    telling.next().expect("most signatures have both")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string");
        hex
    })
}

fn mangled_signatures() -> Vec<Row> {
    let (body, sign) = telling();
    let raw = STANDARD.decode(&sign).expect("Base64");
    let hex = hex(&raw);
    let percent = sign.replace('+', "%2B").replace('/', "%2F");
    let rows = [
        ("form_decoded_plus", sign.replace('+', " ")),
        ("percent_encoded_signature", percent.replace('=', "%3D")),
        ("url_safe_base64", URL_SAFE_NO_PAD.encode(&raw)),
        ("base64_padding", sign.trim_end_matches('=').to_owned()),
        (
            "white_space_in_signature",
            format!("{} {}", &sign[..76], &sign[76..]),
        ),
        ("hexadecimal_signature", hex),
        ("signature_encoded_twice", STANDARD.encode(&sign)),
    ];
    let with = |(mangling, sign)| (mangling, body.clone().into_bytes(), sign);
    rows.map(with).into()
}

#[test]
fn each_known_mangling_of_a_signed_body_is_recognised() {
    let server = Server::usual(ENGINE);
    let all = mangled_bodies().into_iter().chain(mangled_signatures());
    for (number, (mangling, body, sign)) in all.enumerate() {
        let reply = server.post_signed(MAIN, &body, &sign);
        assert!(
            matches!(reply.status, 400 | 401),
            "{mangling}: {}",
            reply.status
        );
        explained(&server, number + 1, mangling);
    }
}

#[test]
fn the_wrong_key_account_or_time_is_recognised_and_the_rest_is_not_explained() {
    let keys = [
        (
            "old",
            provider_key(),
            ", not_after = \"2020-01-01T00:00:00Z\"",
        ),
        (
            "next",
            other_key(),
            ", not_before = \"2999-01-01T00:00:00Z\"",
        ),
    ];
    let third = TestKey::generate(2048, 65_537);
    let config = ConfigBuilder::bare(ENGINE)
        .payermax("main", "020213827212251", None, &keys)
        .payermax("second", "020213827212252", None, &[("k", &third, "")]);
    let server = Server::start(&config);
    let main = Notice::new("R-1", "REFUND_SUCCESS").text();
    let second = main.replace("020213827212251", "020213827212252");
    let (own, unknown) = ("/callbacks/payermax/second", "/callbacks/payermax/unknown");
    let rows = [
        (MAIN, &main, provider_key(), "key_no_longer_valid"),
        (MAIN, &main, other_key(), "key_not_valid_yet"),
        (MAIN, &second, &third, "other_account"),
        (unknown, &second, &third, "other_account"),
        (own, &main, &third, "other_audience"),
    ];
    for (number, (path, body, key, mangling)) in rows.iter().enumerate() {
        let reply = server.post_signed(path, body, &key.sign(body.as_bytes()));
        reply.expect(401, r#"{"error":"unauthorized"}"#);
        explained(&server, number + 1, mangling);
    }
    let stranger = TestKey::generate(2048, 65_537);
    let large = main.replace("APPLY_SUCCESS", &"x".repeat(20_000));
    for (number, (body, says)) in [
        (&main, UNEXPLAINED),
        (&large, "cannot be examined: only 16384 of "),
    ]
    .iter()
    .enumerate()
    {
        server.post_signed(MAIN, body, &stranger.sign(body.as_bytes()));
        unexplained(&server, rows.len() + number + 1, says);
    }
}

#[test]
fn a_request_refused_for_its_media_type_alone_is_said_to_be_good() {
    let server = Server::usual(ENGINE);
    let sign = provider_key().sign(SAMPLE.as_bytes());
    let headers = [("content-type", "text/plain"), ("sign", sign.as_str())];
    assert_eq!(server.post(MAIN, &headers, SAMPLE).status, 415);
    explained(&server, 1, "header_refused");
}

#[test]
fn manglings_of_a_signed_member_are_recognised_as_well() {
    let server = Server::start(&paycools::config(ENGINE));
    let sign = |message: &str| provider_key().sign(message.as_bytes());
    let sent = |param: &str, sign: String| paycools::envelope(param, &sign);
    let escaped = PARAM.replace('"', "\\\"");
    let rows = [
        ("signed_escaped", sent(PARAM, sign(&escaped))),
        (
            "other_shape",
            format!(r#"{{"param":{PARAM},"sign":"{}"}}"#, sign(PARAM)),
        ),
        ("line_break_added", sent(&format!("{PARAM}\n"), sign(PARAM))),
        (
            "json_rewritten",
            sent(&PARAM.replace("\":", "\": "), sign(PARAM)),
        ),
        (
            "byte_order_mark_added",
            format!("\u{feff}{}", sent(PARAM, sign(PARAM))),
        ),
        ("escaped_quotes", sent(&escaped, sign(PARAM))),
        (
            "html_escaped",
            sent(&PARAM.replace('"', "&quot;"), sign(PARAM)),
        ),
        (
            "html_escaped",
            paycools::flat(&FLAT_WITH_AND).replace("A & B", "A &amp; B"),
        ),
        (
            "signed_html_escaped",
            paycools::flat(
                &FLAT_WITH_AND
                    .map(|(name, value)| (name, value.replace('&', "&amp;")))
                    .each_ref()
                    .map(|(name, value)| (*name, value.as_str())),
            )
            .replace("A &amp; B", "A & B"),
        ),
    ];
    for (number, (mangling, body)) in rows.iter().enumerate() {
        let reply = server.post_json(paycools::PATH, body);
        assert!(
            matches!(reply.status, 400 | 401),
            "{mangling}: {}",
            reply.text()
        );
        explained(&server, number + 1, mangling);
    }
    let changed = paycools::FLAT.replace(r#""refundAmount":10000"#, r#""refundAmount":10001"#);
    server.post_json(paycools::PATH, changed);
    unexplained(&server, rows.len() + 1, UNEXPLAINED);
}

#[test]
fn a_body_that_was_escaped_for_html_is_recognised() {
    let server = Server::usual(ENGINE);
    let mut notice = Notice::new("R-1", "REFUND_SUCCESS");
    notice.code = "Jack & Jill's <shop>";
    let plain = notice.text();
    let escape = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('>', "&gt;")
    };
    let quoted = plain.replace('&', "&amp;").replace('"', "&quot;");
    let sign = |text: &str| provider_key().sign(text.as_bytes());
    let rows = [
        ("html_escaped", escape(&plain), sign(&plain)),
        ("html_escaped", quoted, sign(&plain)),
        ("html_escaped", plain.replace('\'', "&#39;"), sign(&plain)),
        ("signed_html_escaped", plain.clone(), sign(&escape(&plain))),
        (
            "signed_html_escaped",
            plain.clone(),
            sign(&plain.replace('&', "&amp;")),
        ),
    ];
    for (number, (mangling, body, sign)) in rows.iter().enumerate() {
        let reply = server.post_signed(MAIN, body, sign);
        assert!(matches!(reply.status, 400 | 401), "{mangling}");
        explained(&server, number + 1, mangling);
    }
}
