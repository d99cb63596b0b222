//! What never gets as far as a signature: framing, encodings and shapes that are refused.
//!
//! Every body here carries a good signature over its bytes, so that nothing but the rule under
//! test refuses it.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::http::{raw, raw_status, raw_until};
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE, SAMPLE_REFUND_NO};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// After refusals: no trace in the refund tables, and the service still answers a good callback.
#[track_caller]
fn unharmed(server: &Server) {
    server.assert_refund_tables_are_empty();
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.settled(SAMPLE_REFUND_NO)["status"], "succeeded");
}

/// The sample with `levels` of nesting in a member that nobody reads; the object itself is one.
fn nested(levels: usize) -> String {
    let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
    SAMPLE.replacen('{', &format!(r#"{{"more":{open}{close},"#), 1)
}

/// The sample padded in an unread member to exactly `length` bytes.
fn padded(length: usize) -> String {
    let member = |padding: &str| SAMPLE.replacen('{', &format!(r#"{{"more":"{padding}","#), 1);
    let body = member(&"x".repeat(length - member("").len()));
    assert_eq!(body.len(), length);
    body
}

/// One raw request with these further header lines.
fn request(headers: &str, body: &[u8]) -> Vec<u8> {
    let sign = provider_key().sign(body);
    let head = format!("POST {MAIN} HTTP/1.1\r\nHost: refunds\r\nSign: {sign}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// Bodies from which no notification can be read, each with what is wrong with it.
fn unusable_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let escaped = SAMPLE.replacen('{', r#"{"\u0063ode":"APPLY_SUCCESS","#, 1);
    let inner = SAMPLE.replace(r#""data":{"#, r#""data":{"status":"REFUND_FAILED","#);
    let utf16 = |bom: u16, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(bom)
            .chain(SAMPLE.encode_utf16())
            .flat_map(bytes)
            .collect()
    };
    let with_message = |bytes: &[u8]| -> Vec<u8> {
        let (before, after) = SAMPLE
            .split_once(r#""msg":""#)
            .expect("the sample has a message");
        [before.as_bytes(), br#""msg":""#, bytes, after.as_bytes()].concat()
    };
    vec![
        ("empty", vec![]),
        ("white space", b" \r\n".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"0".to_vec()),
        ("a text", br#""x""#.to_vec()),
        ("an array", format!("[{SAMPLE}]").into()),
        (
            "an array of values",
            br#"["APPLY_SUCCESS","","1"]"#.to_vec(),
        ),
        (
            "a UTF-8 byte order mark",
            format!("\u{feff}{SAMPLE}").into(),
        ),
        ("UTF-16 LE", utf16(0xFEFF, u16::to_le_bytes)),
        ("UTF-16 BE", utf16(0xFEFF, u16::to_be_bytes)),
        ("a trailing letter", format!("{SAMPLE}x").into()),
        ("a trailing NUL", format!("{SAMPLE}\0").into()),
        ("two documents", format!("{SAMPLE}{SAMPLE}").into()),
        (
            "a duplicate key",
            SAMPLE.replacen('{', r#"{"code":"X","#, 1).into(),
        ),
        ("a duplicate key by an escape", escaped.into()),
        ("a duplicate inner key", inner.into()),
        ("17 levels", nested(17).into()),
        ("129 levels", nested(129).into()),
        ("30 000 levels", nested(30_000).into()),
        ("invalid UTF-8", with_message(b"\xff")),
        ("an overlong slash", with_message(b"\xc0\xaf")),
        ("an encoded surrogate", with_message(b"\xed\xa0\x80")),
        ("cut short", SAMPLE[..SAMPLE.len() - 1].into()),
        ("a trailing comma", SAMPLE.replace("}}", "},}").into()),
        ("a comment", SAMPLE.replacen('{', "{/**/", 1).into()),
        ("single quotes", SAMPLE.replace('"', "'").into()),
        ("not a number", SAMPLE.replace("10000", "NaN").into()),
        ("a leading zero", SAMPLE.replace("10000", "010000").into()),
        (
            "XML",
            b"<refund><status>REFUND_SUCCESS</status></refund>".to_vec(),
        ),
        ("a form", b"status=REFUND_SUCCESS&outRefundNo=R1".to_vec()),
    ]
}

#[test]
fn a_body_of_no_usable_shape_is_400_and_leaves_evidence() {
    let server = Server::usual(ENGINE);
    for (number, (name, body)) in unusable_bodies().iter().enumerate() {
        let reply = server.notify(MAIN, body);
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
        assert_eq!(reply.header("content-type"), "application/json", "{name}");
        assert_eq!(reply.json()["error"], "bad_request", "{name}");
        let evidence = server.evidence_of(number + 1);
        let last = evidence.last().expect("waited for it");
        assert_eq!(last.body_sha256, sha256_hex(body), "{name}");
        assert_eq!(last.body_length, body.len(), "{name}");
        assert!(
            last.body_head.len() <= 16 * 1024,
            "{name}: the kept head is capped"
        );
        assert!(body.starts_with(&last.body_head), "{name}");
    }
    unharmed(&server);
}

#[test]
fn what_json_allows_is_not_refused() {
    let server = Server::usual(ENGINE);
    let body = |refund_no: &str| Notice::new(refund_no, "REFUND_SUCCESS").text();
    let unread =
        |refund_no: &str, member: &str| body(refund_no).replacen('{', &format!("{{{member},"), 1);
    let deepest = nested(16).replace(SAMPLE_REFUND_NO, "R-deep");
    for (refund_no, text) in [
        ("R-space", format!(" \n{}\r\n\t", body("R-space"))),
        (
            "R-more",
            unread(
                "R-more",
                r#""spMerchantNo":"SP1","more":{"a":[1,2,{"b":null}]}"#,
            ),
        ),
        (
            "R-escape",
            body("R-escape").replace("outRefundNo", r"outRefund\u004eo"),
        ),
        ("R-deep", deepest),
        (
            "R-long",
            padded(BODY_LIMIT).replace(SAMPLE_REFUND_NO, "R-long00000000"),
        ),
    ] {
        server.notify(MAIN, &text).expect(200, ACK);
        let refund_no = if refund_no == "R-long" {
            "R-long00000000"
        } else {
            refund_no
        };
        assert_eq!(
            server.settled(refund_no)["status"],
            "succeeded",
            "{refund_no}"
        );
    }
}

#[test]
fn another_method_is_405_and_says_which_one_is_allowed() {
    let server = Server::usual(ENGINE);
    let url = format!("{}{MAIN}", server.public_url);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = server.client().send(method, &url, &[], b"");
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "POST"),
            "{method}"
        );
    }
    unharmed(&server);
}

#[test]
fn another_path_is_404_and_never_normalised() {
    let server = Server::usual(ENGINE);
    for path in [
        "/",
        "/callbacks",
        "/callbacks/payermax",
        "/callbacks/payermax/main/",
        "/callbacks/payermax/main/more",
        "/Callbacks/payermax/main",
        "//callbacks/payermax/main",
        "/callbacks//payermax/main",
        "/x/../callbacks/payermax/main",
        "/v1/refunds",
    ] {
        let sign = provider_key().sign(SAMPLE.as_bytes());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: refunds\r\nSign: {sign}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{SAMPLE}",
            SAMPLE.len()
        );
        let answer = raw(&server.public_url, request.as_bytes());
        assert_eq!(raw_status(&answer), 404, "{path}: {answer}");
        assert!(
            answer.ends_with(r#"{"error":"not_found"}"#),
            "{path}: {answer}"
        );
    }
    unharmed(&server);
}

#[test]
fn another_content_type_and_any_content_encoding_is_415() {
    let server = Server::usual(ENGINE);
    let sign = provider_key().sign(SAMPLE.as_bytes());
    let types = [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "nonsense",
        "",
    ];
    for content_type in types {
        let headers = [("content-type", content_type), ("sign", sign.as_str())];
        assert_eq!(
            server.post(MAIN, &headers, SAMPLE).status,
            415,
            "type `{content_type}`"
        );
    }
    assert_eq!(
        server.post(MAIN, &[("sign", &sign)], SAMPLE).status,
        415,
        "no type at all"
    );
    for encoding in ["gzip", "br", "zstd", "deflate", "x-unknown"] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
            ("sign", sign.as_str()),
        ];
        assert_eq!(
            server.post(MAIN, &headers, SAMPLE).status,
            415,
            "encoding {encoding}"
        );
    }
    server.assert_refund_tables_are_empty();
    for content_type in [
        "application/json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
    ] {
        let headers = [("content-type", content_type), ("sign", sign.as_str())];
        server.post(MAIN, &headers, SAMPLE).expect(200, ACK);
    }
}

#[test]
fn one_byte_over_the_limit_is_413_announced_or_chunked() {
    let server = Server::usual(ENGINE);
    let body = padded(BODY_LIMIT + 1);
    assert_eq!(
        server.notify(MAIN, &body).status,
        413,
        "announced by Content-Length"
    );

    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut bytes = request(chunked, body.as_bytes());
    bytes.truncate(bytes.len() - body.len());
    for piece in body.as_bytes().chunks(8_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(&server.public_url, &bytes);
    assert_eq!(raw_status(&answer), 413, "chunked: {answer}");

    let huge = "Content-Type: application/json\r\nContent-Length: 99999999999\r\n";
    let answer = raw(&server.public_url, &request(huge, b"{"));
    assert_eq!(raw_status(&answer), 413, "only announced: {answer}");
    unharmed(&server);
}

#[test]
fn ambiguous_framing_is_refused() {
    let server = Server::usual(ENGINE);
    let length = SAMPLE.len();
    let kind = "Content-Type: application/json\r\n";
    for framing in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!(
            "Content-Length: {length}\r\nContent-Length: {}\r\n",
            length - 1
        ),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        format!("Content-Length: {length}\r\nHost: again\r\n"),
        "Content-Length: many\r\n".to_owned(),
    ] {
        let headers = format!("{kind}{framing}");
        let answer = raw(&server.public_url, &request(&headers, SAMPLE.as_bytes()));
        assert!(
            matches!(raw_status(&answer), 400 | 501),
            "{framing}: {answer}"
        );
    }
    unharmed(&server);
}

#[test]
fn a_body_that_ends_too_early_is_never_stored() {
    let server = Server::usual(ENGINE);
    let headers = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        SAMPLE.len() + 1
    );
    let answer = raw(&server.public_url, &request(&headers, SAMPLE.as_bytes()));
    assert!(matches!(raw_status(&answer), 0 | 400 | 408), "{answer}");
    unharmed(&server);
}

#[test]
fn a_body_that_stalls_is_given_up_and_never_stored() {
    let server = Server::usual(ENGINE);
    let headers = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        SAMPLE.len()
    );
    let mut bytes = request(&headers, SAMPLE.as_bytes());
    bytes.truncate(bytes.len() - 1);
    let answer = raw_until(&server.public_url, &bytes, |text| text.contains("\r\n\r\n"));
    assert!(matches!(raw_status(&answer), 0 | 408), "{answer}");
    unharmed(&server);
}

#[test]
fn ids_full_of_tricks_change_nothing_but_themselves() {
    let server = Server::usual(ENGINE);
    let ids = [
        r"R\u0000x",
        r"R\r\nSet-Cookie: x",
        r"R\u001b[31m",
        "R'; DROP TABLE refunds;--",
        "../../etc/passwd",
        "R%n%s",
        "Ｒ１",
        r"R\u202e1",
        r"R\u200b1",
        "",
    ];
    for id in ids {
        server
            .notify(MAIN, Notice::new(id, "REFUND_SUCCESS").text())
            .expect(200, ACK);
    }
    let long = "R".repeat(65);
    server
        .notify(MAIN, Notice::new(&long, "REFUND_SUCCESS").text())
        .expect(200, ACK);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.settled(SAMPLE_REFUND_NO)["status"], "succeeded");
    for line in server.log().lines() {
        assert!(
            !line.starts_with("Set-Cookie") && !line.contains('\u{1b}'),
            "{line}"
        );
    }
}
