//! Rejections before the signature is checked, where the answer holds more than `bad_inputs` compares:
//! the allowed method, exact limits, bodies that end or stall; and odd but valid input.
//!
//! Every body here carries a good signature over its bytes, so that only the rule under
//! test rejects it.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::http::{raw, raw_status, raw_until};
use crate::harness::keys::provider_key;
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE, SAMPLE_REFUND_NO};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// After rejections: no trace in the refund tables, and the service still answers a good callback.
#[track_caller]
fn unharmed(server: &Server) {
    server.assert_refund_tables_are_empty();
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.applied(SAMPLE_REFUND_NO)["status"], "succeeded");
}

/// The sample with `levels` of nesting in an unknown member; the object itself is one.
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
            server.applied(refund_no)["status"],
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
