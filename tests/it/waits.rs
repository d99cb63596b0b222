//! A wait lasts no longer than the reader who waits.

use std::time::Duration;

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::http::{raw, raw_status};
use crate::harness::payermax::Notice;
use crate::harness::{Server, now};

/// Half of the wait that is asked for.
const SOON: Duration = Duration::from_secs(30);

/// What a reader gets that asks, and then hangs up.
#[track_caller]
fn asked_and_hung_up(server: &Server, path: &str) -> String {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: refunds\r\nAuthorization: Bearer {READER_TOKEN}\r\n\r\n"
    );
    let started = now();
    let answer = raw(&server.internal_url, head.as_bytes());
    assert!(started.elapsed() < SOON, "{path}: {answer}");
    answer
}

#[test]
fn a_wait_ends_when_its_reader_hangs_up() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_PENDING"));
    let refunds = server.refunds("refund_no=R-1");
    let id = refunds[0]["id"].as_str().expect("a text");
    for path in [
        "/v1/events?after=1&wait=60s".to_owned(),
        format!("/v1/refunds/{id}?wait=60s"),
    ] {
        let answer = asked_and_hung_up(&server, &path);
        assert_eq!(raw_status(&answer), 200, "{path}: {answer}");
    }
}

#[test]
fn an_upgrade_is_refused_as_a_problem_on_the_internal_side() {
    let server = Server::usual(ENGINE);
    let head = "GET /v1/events HTTP/1.1\r\nHost: refunds\r\n\
                Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let answer = raw(&server.internal_url, head.as_bytes());
    assert_eq!(raw_status(&answer), 400, "{answer}");
    assert!(
        answer.contains("content-type: application/problem+json\r\n"),
        "{answer}"
    );
}
