//! Tokens of readers: made by the command, good until they expire, and only so often.

use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::http::raw_until;
use crate::harness::keys::sha256_hex;
use crate::harness::reader::{expect_problem, text};
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Engine, Reply, Server, wait_for};

fn create(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(["token", "create"])
        .args(arguments)
        .output()
        .expect("the program can be started")
}

#[track_caller]
fn created(arguments: &[&str]) -> (String, String) {
    let output = create(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    let (token, block) = said.split_once('\n').expect("more than one line");
    (token.to_owned(), block.to_owned())
}

/// A reader with this token and these further lines of config.
fn reader(token: &str, more: &str) -> ConfigBuilder {
    let digest = sha256_hex(token);
    ConfigBuilder::new(Engine::Sqlite).toml(&format!(
        "[[readers]]\nname = \"one\"\ntoken_sha256 = \"{digest}\"\n\
         scopes = [\"refunds:read\", \"events:read\"]\n{more}\n"
    ))
}

/// RFC 3339, so many seconds from now.
#[expect(clippy::disallowed_methods, reason = "an operator looks at a clock")]
fn in_seconds(seconds: u64) -> String {
    let then = SystemTime::now() + Duration::from_secs(seconds);
    let output = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ", "-d"])
        .arg(format!(
            "@{:.3}",
            then.duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970")
                .as_secs_f64()
        ))
        .output()
        .expect("date is everywhere");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

fn gauge(server: &Server, name: &str) -> Option<i64> {
    let metrics = server.get_with("/metrics", &[]);
    let line = metrics
        .text()
        .lines()
        .find(|line| line.starts_with(name))?
        .to_owned();
    line.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_created_token_opens_what_its_scopes_say_and_nothing_else() {
    let arguments = [
        "--name",
        "erp",
        "--scopes",
        "refunds:read,callbacks:read",
        "--expires-in",
        "90d",
        "--rate-limit",
        "100/s",
    ];
    let (token, block) = created(&arguments);
    assert!(token.starts_with("rr_") && token.len() == 46, "{token}");
    assert!(!block.contains(&token), "{block}");
    assert!(block.contains(&sha256_hex(&token)), "{block}");
    let (other, _) = created(&arguments);
    assert_ne!(token, other);

    let server = Server::start(&ConfigBuilder::new(Engine::Sqlite).toml(&block));
    server.get_as(&token, "/v1/refunds").expect_json(200);
    expect_problem(&server.get_as(&token, "/v1/events"), 403);
    expect_problem(&server.get_as(&other, "/v1/refunds"), 401);
    let left = gauge(
        &server,
        "refund_receiver_reader_token_expiry_seconds{reader=\"erp\"}",
    );
    let days = left.expect("the gauge is there") / 86_400;
    assert!((88..=90).contains(&days), "{days}");
    assert!(
        !server.log().contains("expires_at"),
        "90 days need no warning"
    );
}

#[test]
fn the_command_prints_json_and_refuses_what_is_wrong() {
    let output = create(&["--name", "a", "--scopes", "events:read", "--output", "json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        text(&said["token_sha256"]),
        sha256_hex(text(&said["token"]))
    );
    for arguments in [
        &["--name", "a"][..],
        &["--name", "a", "--scopes", "refunds:delete"],
        &["--name", "a b", "--scopes", "events:read"],
        &[
            "--name",
            "a",
            "--scopes",
            "events:read",
            "--expires-in",
            "soon",
        ],
        &[
            "--name",
            "a",
            "--scopes",
            "events:read",
            "--rate-limit",
            "9",
        ],
    ] {
        let output = create(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_token_is_good_until_it_expires_and_says_so_before() {
    let expiry = format!("expires_at = \"{}\"", in_seconds(4));
    let server = Server::start(&reader("soon-over", &expiry));
    assert!(server.log().contains("expires_at: the token of"));
    server.get_as("soon-over", "/v1/refunds").expect_json(200);
    let refused: Reply = wait_for("the token to expire", || {
        let reply = server.get_as("soon-over", "/v1/refunds");
        (reply.status != 200).then_some(reply)
    });
    expect_problem(&refused, 401);
    assert_eq!(refused.json()["code"], "token_expired");
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );
    let left = gauge(
        &server,
        "refund_receiver_reader_token_expiry_seconds{reader=\"one\"}",
    );
    assert!(left.expect("the gauge is there") < 0);
}

#[test]
fn a_stream_ends_with_the_token_it_was_opened_with() {
    let expiry = format!("expires_at = \"{}\"", in_seconds(4));
    let server = Server::start(&reader("soon-over", &expiry));
    let head = "GET /v1/events/stream HTTP/1.1\r\nHost: refunds\r\n\
                Authorization: Bearer soon-over\r\n\r\n";
    let answer = raw_until(&server.internal_url, head.as_bytes(), |text| {
        text.ends_with("\r\n0\r\n\r\n")
    });
    assert!(answer.contains("retry: "), "{answer}");
    let refused = server.get_as("soon-over", "/v1/events");
    assert_eq!(refused.json()["code"], "token_expired");
}

#[test]
fn a_reader_above_its_limit_is_told_when_to_come_back_and_others_are_not() {
    let server = Server::start(&reader("limited", "rate_limit = \"3/m\""));
    for left in [2, 1, 0] {
        let reply = server.get_as("limited", "/v1/refunds");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("ratelimit-policy"), "\"reader\";q=3;w=60");
        let told = reply.header("ratelimit");
        assert!(
            told.starts_with(&format!("\"reader\";r={left};t=")),
            "{told}"
        );
    }
    let refused = server.get_as("limited", "/v1/refunds/rf_1");
    expect_problem(&refused, 429);
    let problem = refused.json();
    assert_eq!(problem["code"], "rate_limited");
    assert_eq!(problem["violated-policies"][0], "reader");
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!(
        (1..=20).contains(&seconds),
        "a third of a minute: {seconds}"
    );
    assert!(refused.header("ratelimit").starts_with("\"reader\";r=0;t="));

    let other = server.get("/v1/refunds");
    assert_eq!((other.status, other.header("ratelimit")), (200, ""));
    let limited = gauge(
        &server,
        "refund_receiver_rate_limited_requests_total{reader=\"one\"}",
    );
    assert_eq!(limited, Some(1));
}
