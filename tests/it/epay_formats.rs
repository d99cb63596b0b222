//! `EPay` `EndSingle/Success`: every format in and out, also for a caller that is turned away.

use serde_json::json;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::epay::{PATH, errcode, json_body};
use crate::harness::http::{raw, raw_status};
use crate::harness::reader::text;

/// A report written by the original's own formatter, with 3.5 as a double.
const REPORT: &str = "610000000262617463686E6F000F00000032303135303432343134353533300002747261\
    6E64656E6F001D000000323031353034323130303030313030303736303034383531313035340001726566756E\
    646D6F6E6579000000000000000C4000";

#[test]
fn a_form_is_understood_and_answered_in_json() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("form", "refund_applied", "30.00");
    let body = "BatchNo=B-form&trandeno=T%2Dform&refundmoney=30.00";
    let reply = server.epay("application/x-www-form-urlencoded", body);
    assert_eq!(errcode(&reply), 0);
    assert_eq!(server.order("YD-form")["state"], "closed");
}

#[test]
fn xml_is_understood_in_any_order_of_its_elements_and_answered_in_xml() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("xml", "refund_applied", "30.00");
    let body = "<EPayEndRefundSuccessParm xmlns=\"http://schemas.datacontract.org/2004/07/\
                DigitalScience.DataTransfer.Tour.V5.Parm\"><trandeno>T-xml</trandeno>\
                <refundmoney>30.00</refundmoney><batchno>B-xml</batchno>\
                </EPayEndRefundSuccessParm>";
    let reply = server.epay("text/xml; charset=utf-8", body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");
    let opening = "<CommonOperationResult xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
                   xmlns=\"http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer\">\
                   <errcode>0</errcode><errmsg>";
    assert!(reply.text().starts_with(opening), "{}", reply.text());
    assert!(
        reply.text().ends_with("</CommonOperationResult>"),
        "{}",
        reply.text()
    );
    assert_eq!(server.order("YD-xml")["state"], "closed");
}

#[test]
fn bson_is_understood_and_answered_in_bson() {
    let server = Server::usual(ENGINE);
    let bytes: Vec<u8> = (0..REPORT.len() / 2)
        .map(|at| u8::from_str_radix(&REPORT[2 * at..2 * at + 2], 16).expect("hex"))
        .collect();
    server.put_order(
        "YD-bson",
        &json!({
            "state": "refund_applied",
            "payments": [{"trandeno": "2015042100001000760048511054", "amount": "100.00"}],
            "refund_applications": [{"batchno": "20150424145530", "amount": "3.50"}],
        }),
    );
    let reply = server.epay("application/bson", bytes);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/bson; charset=utf-8")
    );
    // The document's length, then the int32 `errcode` 0 as its first member.
    assert_eq!(
        reply.body[..4],
        u32::to_le_bytes(reply.body.len().try_into().expect("small"))
    );
    assert_eq!(reply.body[4..17], *b"\x10errcode\0\0\0\0\0");
    assert_eq!(server.order("YD-bson")["state"], "closed");
}

#[test]
fn a_body_that_cannot_be_read_is_errcode_1_in_the_format_it_was_sent_in() {
    let server = Server::usual(ENGINE);
    for body in ["", "null", "[]", "no json", r#"{"batchno":"#] {
        assert_eq!(
            errcode(&server.epay("application/json", body)),
            1,
            "JSON `{body}`"
        );
    }
    let form = "application/x-www-form-urlencoded";
    assert_eq!(errcode(&server.epay(form, "")), 1, "an empty form");
    for body in [
        "",
        "<other/>",
        "<!DOCTYPE x [<!ENTITY e \"1\">]><EPayEndRefundSuccessParm/>",
    ] {
        let reply = server.epay("application/xml", body);
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "application/xml; charset=utf-8")
        );
        assert!(
            reply.text().contains("<errcode>1</errcode>"),
            "{}",
            reply.text()
        );
    }
    let reply = server.epay("application/bson", b"\x05\0\0\0");
    assert_eq!(reply.body[4..17], *b"\x10errcode\0\x01\0\0\0");
    assert_eq!(server.events(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_answers_of_the_framework_are_kept_byte_for_byte() {
    let server = Server::usual(ENGINE);
    let reply = server.epay("text/plain; charset=utf-8", "x");
    reply.expect(
        415,
        r#"{"Message":"The request entity's media type 'text/plain' is not supported for this resource."}"#,
    );
    assert_eq!(
        reply.header("content-type"),
        "application/json; charset=utf-8"
    );

    let url = format!("{}{PATH}", server.public_url);
    let reply = server.client().send("GET", &url, &[], b"");
    reply.expect(
        405,
        r#"{"Message":"The requested resource does not support http method 'GET'."}"#,
    );
    assert_eq!(reply.header("allow"), "POST");
    let reply = server
        .client()
        .send("GET", &url, &[("accept", "text/xml")], b"");
    reply.expect(
        405,
        "<Error><Message>The requested resource does not support http method 'GET'.</Message></Error>",
    );
    assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");

    let nowhere = format!("{}/api/nope", server.public_url);
    let reply = server.client().send("POST", &nowhere, &[], b"");
    assert_eq!(reply.status, 404);
    let expected = format!(
        r#"{{"Message":"No HTTP resource was found that matches the request URI '{nowhere}'."}}"#
    );
    assert_eq!(reply.text(), expected);
}

#[test]
fn a_path_that_nothing_serves_is_named_as_it_was_asked_for() {
    let server = Server::usual(ENGINE);
    for (target, named) in [
        ("/api/nope", "http://h/api/nope"),
        ("/api/nope?a=1&b", "http://h/api/nope?a=1&b"),
        ("http://other:99/api/nope", "http://h/api/nope"),
        ("http://other:99/api/nope?a=1", "http://h/api/nope?a=1"),
    ] {
        let request = format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        let answer = raw(&server.public_url, request.as_bytes());
        assert_eq!(raw_status(&answer), 404, "{target}: {answer}");
        let message = format!("matches the request URI '{named}'.");
        assert!(answer.contains(&message), "{target}: {answer}");
    }
}

#[test]
fn the_accepted_format_wins_over_the_one_that_was_sent() {
    let server = Server::usual(ENGINE);
    let body = json_body("B-1", "T-1", "30");
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("application/xml, application/json", "application/json"),
        ("*/*, application/xml", "application/xml"),
        ("application/json;q=0", "application/json"),
        (
            "application/json;q=0.5, application/xml;q=0.8",
            "application/xml",
        ),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/xml",
        ),
        ("text/*", "text/json"),
        ("image/png", "application/json"),
        ("application/bson", "application/bson"),
    ] {
        let authorization = format!("Bearer {}", crate::harness::config::EPAY_TOKEN);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("accept", accept),
        ];
        let reply = server.post(PATH, &headers, &body);
        let kind = format!("{expected}; charset=utf-8");
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, kind.as_str()),
            "{accept}"
        );
    }
}

#[test]
fn a_caller_without_the_token_gets_401_in_its_own_format_and_no_errcode() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    let json = json_body("B-1", "T-1", "30");
    let xml = "<EPayEndRefundSuccessParm/>";
    for (content_type, body, answer_type) in [
        (
            "application/json",
            json.as_str(),
            "application/json; charset=utf-8",
        ),
        (
            "application/x-www-form-urlencoded",
            "batchno=B-1",
            "application/json; charset=utf-8",
        ),
        ("text/xml", xml, "text/xml; charset=utf-8"),
        ("application/bson", "", "application/bson; charset=utf-8"),
    ] {
        for token in ["", "Bearer", "Bearer wrong", "Basic ZXBheTplcGF5"] {
            let headers = [("content-type", content_type), ("authorization", token)];
            let reply = server.post(PATH, &headers, body);
            assert_eq!(reply.status, 401, "{content_type}, authorization `{token}`");
            assert_eq!(reply.header("content-type"), answer_type);
            let said = String::from_utf8_lossy(&reply.body).to_lowercase();
            assert!(!said.contains("errcode"), "{said}");
        }
    }
    assert!(server.refunds("provider=epay").is_empty());
    assert_eq!(text(&server.order("YD-1")["state"]), "refund_applied");
}
