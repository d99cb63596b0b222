//! A rejection for a header names its cause: the answer, the log, the evidence and the diagnosis name the
//! same cause, with the value; the body is stored. A header without influence on the bytes is no reason to
//! reject them.

use serde_json::Value;

use super::ENGINE;
use crate::harness::config::{EPAY_TOKEN, READER_TOKEN};
use crate::harness::epay::{self, json_body};
use crate::harness::http::{raw, raw_status, raw_until};
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::payermax::{ACK, MAIN, SAMPLE};
use crate::harness::reader::text;
use crate::harness::relay::{self, QUICKPAY, signature, timestamp};
use crate::harness::{ConfigBuilder, Server};

/// The `why` of the last log line about a rejected request.
fn logged(server: &Server) -> String {
    let log = server.log();
    let line = log
        .lines()
        .rfind(|line| line.contains("a request was rejected"));
    let line: Value = serde_json::from_str(line.expect("a line")).expect("JSON");
    text(&line["why"])
}

/// Headers for which a callback is rejected: name, value and cause.
const REFUSED: [(&str, &str, &str); 7] = [
    ("content-type", "text/plain", "text/plain"),
    (
        "content-type",
        "application/json; charset=gbk",
        "charset=gbk",
    ),
    (
        "content-type",
        "application/json; charset=utf-16",
        "charset=utf-16",
    ),
    (
        "content-type",
        "application/json, application/json",
        "application/json, ",
    ),
    ("content-encoding", "gzip", "gzip"),
    ("content-encoding", "identity, br", "identity, br"),
    ("content-type", "", "is missing"),
];

#[test]
fn a_header_that_is_refused_is_named_with_its_value_and_the_body_is_kept() {
    let server = Server::usual(ENGINE);
    let sign = provider_key().sign(SAMPLE.as_bytes());
    for (number, (name, value, said)) in REFUSED.into_iter().enumerate() {
        let mut headers = vec![("sign", sign.as_str())];
        if name == "content-encoding" {
            headers.push(("content-type", "application/json"));
        }
        headers.extend((!value.is_empty()).then_some((name, value)));
        let answer = server.post(MAIN, &headers, SAMPLE).expect_json(415);
        let message = text(&answer["message"]);
        assert!(message.contains(said), "{message}");
        let shown = server.newest_of_refused(number + 1);
        assert_eq!(shown["why"], message.as_str(), "{shown:#}");
        assert_eq!(logged(&server), message);
        assert_eq!(shown["body"], SAMPLE, "{shown:#}");
        if !value.is_empty() {
            assert_eq!(shown["headers"][name], value, "{shown:#}");
        }
        let diagnosis = &shown["diagnosis"];
        assert_eq!(diagnosis["findings"][0]["mangling"], "header_refused");
        assert!(text(&diagnosis["says"]).contains(&message), "{diagnosis}");
    }
    server.assert_refund_tables_are_empty();
}

#[test]
fn what_changes_nothing_about_the_bytes_is_no_reason_to_refuse() {
    let server = Server::usual(ENGINE);
    let sign = provider_key().sign(SAMPLE.as_bytes());
    let json = "application/json";
    for (media, encoding) in [
        (json, "identity"),
        (json, "Identity, identity"),
        ("application/json; charset=\"UTF-8\"", ""),
        ("application/json;charset=utf8", ""),
        ("application/json; charset='utf-8'; x=y", ""),
        ("application/json; charset=us-ascii", ""),
        ("APPLICATION/JSON ; CHARSET = UTF-8", ""),
    ] {
        let mut headers = vec![("content-type", media), ("sign", sign.as_str())];
        headers.extend((!encoding.is_empty()).then_some(("content-encoding", encoding)));
        server.post(MAIN, &headers, SAMPLE).expect(200, ACK);
    }
    let authorization = format!("Bearer {EPAY_TOKEN}");
    server.put_simple_order("1", "refund_applied", "30.00");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", json),
        ("content-encoding", "identity"),
    ];
    let reply = server.post(epay::PATH, &headers, json_body("B-1", "T-1", "30"));
    assert_eq!(epay::errcode(&reply), 0);
    assert!(server.evidence().is_empty());
}

#[test]
fn a_header_that_is_given_twice_says_so_and_both_are_kept() {
    let server = Server::start(&relay::accounts(ConfigBuilder::new(ENGINE)));
    let sign = provider_key().sign(SAMPLE.as_bytes());
    let body = include_str!("../fixtures/quickpay/refunded.json");
    let time = timestamp(0);
    let signed = signature(relay::SECRET, "msg-1", &time, body);
    let relayed = format!("{QUICKPAY}T01-S02-0003");
    let webhook = [
        ("webhook-id", "msg-1"),
        ("webhook-timestamp", time.as_str()),
        ("webhook-signature", signed.as_str()),
    ];
    let mut rows = vec![(MAIN, SAMPLE, vec![("sign", sign.as_str())], "sign")];
    rows.extend(webhook.map(|(name, _)| (relayed.as_str(), body, webhook.to_vec(), name)));
    for (number, (path, body, headers, doubled)) in rows.iter().enumerate() {
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: refunds\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let mut value = "";
        for (name, has) in headers {
            let times = if name == doubled { 2 } else { 1 };
            head += &format!("{name}: {has}\r\n").repeat(times);
            value = if name == doubled { has } else { value };
        }
        let answer = raw(&server.public_url, format!("{head}\r\n{body}").as_bytes());
        assert_eq!(raw_status(&answer), 401, "{doubled}: {answer}");
        let shown = server.newest_of_refused(number + 1);
        let expected = format!("the {doubled} header is given twice, with the same value");
        assert_eq!(shown["why"], expected.as_str(), "{shown:#}");
        assert_eq!(logged(&server), expected);
        let both = format!("{value}, {value}");
        assert_eq!(shown["headers"][doubled], both.as_str(), "{shown:#}");
        let found = &shown["diagnosis"]["findings"][0];
        assert_eq!(found["mangling"], "header_given_twice", "{shown:#}");
        assert!(text(&found["would_verify_if"]).contains(doubled), "{found}");
    }
    server.assert_refund_tables_are_empty();
}

#[test]
fn a_relay_is_refused_with_the_header_that_is_missing_or_the_value_that_is_wrong() {
    let server = Server::start(&relay::config(ENGINE));
    let path = format!("{QUICKPAY}T01-S02-0003");
    let body = include_str!("../fixtures/quickpay/refunded.json");
    let (now, early) = (timestamp(0), timestamp(-3_600));
    let (now, early) = (now.as_str(), early.as_str());
    let sign = |time: &str| signature(relay::SECRET, "msg-1", time, body);
    for (number, (id, time, signed, said)) in [
        ("", now, sign(now), "the webhook-id header is empty"),
        ("msg.1", now, sign(now), "\"msg.1\""),
        ("msg-1", "soon", sign("soon"), "\"soon\""),
        ("msg-1", early, sign(early), early),
        (
            "msg-1",
            now,
            String::new(),
            "the webhook-signature header is empty",
        ),
    ]
    .iter()
    .enumerate()
    {
        let reply = server.relay_as(&path, body, id, time, signed);
        assert_eq!(reply.status, 401, "{said}");
        let why = text(&server.newest_of_refused(number + 1)["why"]);
        assert!(
            why.contains(said) && logged(&server) == why,
            "{said}: {why}"
        );
    }
}

#[test]
fn an_authorization_that_is_given_twice_or_hashed_wrongly_says_so_and_is_shown_nowhere() {
    let hashed = "reader-token-hashed-with-its-line-break-0123456789";
    let reader = format!(
        "[[readers]]\nname = \"echo\"\ntoken_sha256 = \"{}\"\nscopes = [\"refunds:read\"]\n",
        sha256_hex(format!("{hashed}\n"))
    );
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(&reader));
    let ask = |lines: &str| {
        let request = format!(
            "GET /v1/refunds HTTP/1.1\r\nHost: refunds\r\nConnection: close\r\n{lines}\r\n"
        );
        raw(&server.internal_url, request.as_bytes())
    };
    let twice = format!("Authorization: Bearer {READER_TOKEN}\r\n").repeat(2);
    for (lines, said) in [
        (twice.as_str(), "Authorization is given twice"),
        ("", "Authorization is missing"),
        (
            "Authorization: Basic YTpi\r\n",
            "is not Bearer and one token",
        ),
        (
            "Authorization: Bearer an-unknown-token\r\n",
            "no reader has this token",
        ),
        (
            &format!("Authorization: Bearer {hashed}\r\n"),
            "the token and a line break",
        ),
    ] {
        let answer = ask(lines);
        assert_eq!(raw_status(&answer), 401, "{said}");
        assert!(answer.contains(said), "{said}: {answer}");
    }
    let body = json_body("B-1", "T-1", "30");
    let twice = format!("Authorization: Bearer {EPAY_TOKEN}\r\n").repeat(2);
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: refunds\r\nConnection: close\r\n{twice}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        epay::PATH,
        body.len()
    );
    assert_eq!(
        raw_status(&raw(&server.public_url, request.as_bytes())),
        401
    );
    let shown = server.newest_of_refused(1);
    assert!(text(&shown["why"]).contains("given twice"), "{shown:#}");
    let log = server.log();
    assert!(log.contains("Authorization is given twice"), "{log}");
    for secret in [READER_TOKEN, EPAY_TOKEN, hashed, "an-unknown-token", "YTpi"] {
        assert!(!log.contains(secret) && !shown.to_string().contains(secret));
    }
}

#[test]
fn readers_are_told_the_value_of_a_header_that_is_refused() {
    let server = Server::usual(ENGINE);
    let authorization = format!("Bearer {READER_TOKEN}");
    let url = format!("{}/v1/orders/YD-1", server.internal_url);
    for (name, value) in [("content-type", "text/html"), ("content-encoding", "br")] {
        let mut headers = vec![("authorization", authorization.as_str()), (name, value)];
        if name == "content-encoding" {
            headers.push(("content-type", "application/json"));
        }
        let reply = server.client().send("PUT", &url, &headers, b"{}");
        let detail = text(&reply.expect_json(415)["detail"]);
        assert!(detail.contains(value), "{detail}");
    }
}

/// A POST to this path with these lines, which no head may have.
fn unreadable(path: &str, lines: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: refunds\r\n{lines}\r\n{{}}")
}

/// More headers than a head may have.
fn many_headers() -> String {
    "x: y\r\n".repeat(200)
}

/// Sends a head whose end does not come, and waits for the answer.
fn send_slowly(url: &str) {
    let begun = format!("POST {MAIN} HTTP/1.1\r\nHost: refunds\r\n");
    let answer = raw_until(url, begun.as_bytes(), |so_far| so_far.contains("408"));
    assert_eq!(raw_status(&answer), 408, "{answer}");
}

#[test]
fn a_head_that_cannot_be_read_is_kept_with_its_cause_below_our_paths() {
    let server = Server::usual(ENGINE);
    let many = many_headers();
    let long = format!("x: {}\r\n", "y".repeat(200_000));
    let doubled = "Content-Length: 2\r\nContent-Length: 3\r\n".to_owned();
    let (relay, epay) = ("/relays/quickpay/store-1/R-1", "/api/WebInterface/x");
    let (large, malformed) = ("too_large", "malformed");
    let (headers, framing) = (
        "too many or too long headers",
        "frames the body in two ways",
    );
    for (number, (path, lines, status, reason, said)) in [
        (MAIN, &many, 431, large, headers),
        (relay, &long, 431, large, headers),
        (epay, &doubled, 400, malformed, framing),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = raw(&server.public_url, unreadable(path, lines).as_bytes());
        assert_eq!(raw_status(&answer), status, "{path}: {answer}");
        let shown = server.newest_of_refused(number + 1);
        let found = (text(&shown["path"]), text(&shown["reason"]));
        assert_eq!(found, (path.to_owned(), reason.to_owned()));
        let why = text(&shown["why"]);
        assert!(why.contains(said), "{why}");
        let says = text(&shown["diagnosis"]["says"]);
        assert_eq!(says, format!("cannot be examined: {why}"));
    }
    send_slowly(&server.public_url);
    assert_eq!(server.newest_of_refused(4)["reason"], "too_slow");
    // What comes elsewhere, or sends nothing at all, is no evidence.
    raw(
        &server.public_url,
        unreadable("/elsewhere", &many).as_bytes(),
    );
    assert_eq!(raw(&server.public_url, b""), "");
    assert_eq!(server.evidence().len(), 4);
    server.assert_refund_tables_are_empty();
}

#[test]
fn heads_that_cannot_be_read_are_counted_and_logged_on_both_listeners() {
    let server = Server::usual(ENGINE);
    let many = many_headers();
    for _ in 0..2 {
        raw(&server.public_url, unreadable(MAIN, &many).as_bytes());
    }
    raw(
        &server.internal_url,
        unreadable("/v1/refunds", &many).as_bytes(),
    );
    send_slowly(&server.public_url);
    let metrics = server.get("/metrics").text().to_owned();
    for line in [
        "refund_receiver_rejected_requests_total{reason=\"too_large\"} 2",
        "refund_receiver_rejected_requests_total{reason=\"too_slow\"} 1",
        "refund_receiver_reader_requests_rejected_total{reason=\"unread_head\",reader=\"\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    let log = server.log();
    let said: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("before its head could be read"))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    // Of two within a second one is suppressed, and counted in the next line.
    let of = |path: &str| said.iter().filter(|line| line["path"] == path).count();
    assert_eq!((of(MAIN), of("/v1/refunds")), (2, 1), "{log}");
    assert_eq!(
        (&said[0]["status"], &said[2]["status"]),
        (&431.into(), &408.into())
    );
    assert_eq!(said[2]["kept_back"], 1, "{log}");
    assert!(text(&said[0]["peer"]).starts_with("127.0.0.1:"), "{log}");
}
