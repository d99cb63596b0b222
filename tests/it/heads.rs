//! HEAD on the internal listener: the answer to GET without the body.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::READER_TOKEN;
use crate::harness::http::{raw, raw_status};
use crate::harness::payermax::Notice;
use crate::harness::reader::text;

/// What the internal listener answers: the head without its date, in one order, and the body.
fn asked(server: &Server, method: &str, path: &str, token: &str) -> (String, String) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let answer = raw(&server.internal_url, request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let (status, headers) = head.split_once("\r\n").expect("a header");
    let mut lines: Vec<_> = headers
        .lines()
        .filter(|line| !line.starts_with("date:"))
        .collect();
    lines.sort_unstable();
    (format!("{status}\n{}", lines.join("\n")), body.to_owned())
}

#[test]
fn head_is_answered_as_get_is_without_the_body() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.put_simple_order("1", "paid", "30.00");
    let refund = format!("/v1/refunds/{}", text(&server.applied("R-1")["id"]));
    let callbacks = format!("{refund}/callbacks");
    let callback = text(&server.callbacks(&refund["/v1/refunds/".len()..])[0]["id"]);
    server.get("/v1/consumers/erp/events").expect_json(200);
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/openapi.json", 200),
        ("/v1/refunds", 200),
        (&refund, 200),
        (&format!("{refund}?wait=1s"), 200),
        (&callbacks, 200),
        (&format!("/v1/callbacks/{callback}"), 200),
        ("/v1/events?after=0", 200),
        ("/v1/consumers", 200),
        ("/v1/consumers/erp/events", 200),
        ("/v1/endpoints", 200),
        ("/v1/orders/YD-1", 200),
        ("/v1/orders/unknown", 404),
        ("/v1/refunds?x=1", 400),
        ("/nothing", 404),
    ] {
        let (head, body) = asked(&server, "GET", path, READER_TOKEN);
        assert_eq!(raw_status(&head), status, "{path}: {head}");
        assert!(!body.is_empty(), "{path}");
        let without = asked(&server, "HEAD", path, READER_TOKEN);
        assert_eq!(without, (head, String::new()), "{path}");
    }
    let (head, body) = asked(&server, "HEAD", "/metrics", READER_TOKEN);
    assert!(raw_status(&head) == 200 && body.is_empty(), "{head}");
    let (head, body) = asked(&server, "HEAD", "/v1/refunds", "no-such-token");
    assert!(raw_status(&head) == 401 && body.is_empty(), "{head}");
}

#[test]
fn what_is_refused_names_the_methods_that_are_taken() {
    let server = Server::usual(ENGINE);
    for (method, path, allowed) in [
        ("POST", "/livez", "GET, HEAD"),
        ("DELETE", "/v1/refunds", "GET, HEAD, POST"),
        ("POST", "/v1/orders/P-1", "GET, HEAD, PUT"),
        ("HEAD", "/v1/events/stream", "GET"),
        ("POST", "/v1/events/stream", "GET"),
        ("HEAD", "/v1/consumers/erp/ack", "POST"),
        ("HEAD", "/v1/consumers/erp", "DELETE"),
    ] {
        let (head, _) = asked(&server, method, path, READER_TOKEN);
        assert_eq!(raw_status(&head), 405, "{method} {path}: {head}");
        let allow = format!("allow: {allowed}");
        assert!(head.lines().any(|line| line == allow), "{path}: {head}");
    }
}
