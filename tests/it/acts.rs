//! The log of the internal listener: rejected requests, and changes with their reader.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::receiver::{Answer, Receiver};
use crate::harness::{ConfigBuilder, Server, wait_for};

/// Log lines with this message.
fn lines(server: &Server, message: &str) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains(message));
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

const REFUSED: &str = "requests of a reader were rejected";
const CHANGED: &str = "a reader has changed something";

/// Logged rejections by reason and reader.
fn said(server: &Server, reason: &str, reader: &str) -> u64 {
    let of = |line: &&Value| line["reason"] == reason && line["reader"] == reader;
    let lines = lines(server, REFUSED);
    let counts = lines.iter().filter(of).map(|line| line["count"].as_u64());
    counts.map(|count| count.expect("a number")).sum()
}

fn metric(server: &Server, line: &str) -> bool {
    server.get("/metrics").text().contains(&format!("{line}\n"))
}

#[test]
fn what_is_refused_is_counted_and_said_in_few_lines_with_the_readers_name() {
    let limited =
        "[[readers]]\nname = \"slow\"\nrate_limit = \"1/m\"\nscopes = [\"events:read\"]\n\
        token_sha256 = \"SHA\"\n"
            .replace(
                "SHA",
                &crate::harness::keys::sha256_hex("token-of-slow-0123456789abcdef"),
            );
    let expired = "[[readers]]\nname = \"old\"\nexpires_at = \"2020-01-01T00:00:00Z\"\nscopes = [\"events:read\"]\n\
        token_sha256 = \"SHA\"\n"
        .replace("SHA", &crate::harness::keys::sha256_hex("token-of-old-0123456789abcdef"));
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(&limited).toml(&expired));
    for guess in 0..50 {
        assert_eq!(
            server
                .get_as(&format!("guess-{guess}"), "/v1/refunds")
                .status,
            401
        );
    }
    for _ in 0..3 {
        assert_eq!(server.get_as(FEED_TOKEN, "/v1/refunds").status, 403);
        server.get_as("token-of-slow-0123456789abcdef", "/v1/events");
        assert_eq!(
            server
                .get_as("token-of-old-0123456789abcdef", "/v1/events")
                .status,
            401
        );
    }
    for (reason, reader, count) in [
        ("unauthorized", "", 50),
        ("forbidden", "feed", 3),
        ("rate_limited", "slow", 2),
        ("token_expired", "old", 3),
    ] {
        wait_for(&format!("{count} of {reason} to be said"), || {
            (said(&server, reason, reader) == count).then_some(())
        });
        let line = format!(
            "refund_receiver_reader_requests_rejected_total{{reason=\"{reason}\",reader=\"{reader}\"}} {count}"
        );
        assert!(metric(&server, &line), "{line}");
    }
    let few = lines(&server, REFUSED).len();
    assert!(few <= 30, "{few} lines");
    let scope = &lines(&server, "\"forbidden\"")[0]["scope"];
    assert_eq!(scope, "refunds:read");
    let log = server.log();
    for token in ["guess-", "token-of-", FEED_TOKEN, READER_TOKEN] {
        assert!(!log.contains(token), "{token}");
    }
}

#[test]
fn an_endpoint_that_is_recovered_is_said_with_the_readers_name() {
    let receiver = Receiver::start(|_| Answer::status(204));
    let server = Server::start(&ConfigBuilder::new(ENGINE).pushing_to(&receiver.url()));
    let since = json!({"since": "earliest"});
    let recovered = server.post_as_reader("/v1/endpoints/erp/recover", &since);
    assert_eq!(recovered.status, 200, "{}", recovered.text());
    let lines = lines(&server, CHANGED);
    let said = ["act", "reader", "about"].map(|member| lines[0][member].clone());
    assert_eq!(
        said,
        ["endpoint_recovered", "all", "endpoint erp"],
        "{lines:#?}"
    );
    let line = "refund_receiver_reader_acts_total{act=\"endpoint_recovered\",reader=\"all\"} 1";
    assert!(metric(&server, line), "{line}");
}

#[test]
fn what_a_reader_changes_is_said_with_its_name_and_what_was_before() {
    let server = Server::usual(ENGINE);
    server.put_order_twice_and_changed();
    server.get("/v1/consumers/c1/events").expect_json(200);
    server.get("/v1/consumers/c1/events").expect_json(200);
    let seek = server.post_as_reader("/v1/consumers/c1/seek", &json!({"to": "latest"}));
    assert_eq!(seek.status, 200, "{}", seek.text());
    let deleted = server.delete_as(READER_TOKEN, "/v1/consumers/c1");
    assert_eq!(deleted.status, 204);
    assert_eq!(server.post_as_reader("/v1/reload", &json!({})).status, 200);

    let lines = lines(&server, CHANGED);
    assert!(
        lines.iter().all(|line| line["reader"] == "all"),
        "{lines:#?}"
    );
    let acts: Vec<_> = lines
        .iter()
        .map(|line| line["act"].as_str().expect("a word"))
        .collect();
    let expected = [
        "order_changed",
        "order_changed",
        "consumer_made",
        "consumer_moved",
        "consumer_deleted",
        "reload",
    ];
    assert_eq!(acts, expected, "a repeat changes nothing");
    assert_eq!(
        lines[0]["how"],
        "state none -> paid, payment T-1 none -> 100.00, application B-1 none -> 30.00 applied"
    );
    assert_eq!(
        lines[1]["how"],
        "state paid -> delivered, payment T-1 100.00 -> 1.00"
    );
    assert_eq!(lines[1]["about"], "order YD-1");
    assert_eq!(lines[2]["about"], "consumer c1");
    let line = "refund_receiver_reader_acts_total{act=\"order_changed\",reader=\"all\"} 2";
    assert!(metric(&server, line), "{line}");
}
