//! Every fault of the sandbox, and what the service does with it: how the request ends, how often it was sent, and
//! that money moved at most once.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::comes_true;
use crate::harness::http::Client;
use crate::harness::keys::sha256_hex;
use crate::harness::reader::attention;
use crate::harness::sandbox::{Circle, NEVER, QUICK, body};

/// For one refund to be as its row says.
const DEADLINE: Duration = Duration::from_secs(60);

/// A fault, and what becomes of a refund that meets it.
struct Row {
    account: &'static str,
    call: &'static str,
    fault: &'static str,
    /// The state of the request in the end.
    state: &'static str,
    /// Times that it was sent.
    sends: u64,
    /// Times that money moved.
    moved: u64,
}

const fn row(
    account: &'static str,
    call: &'static str,
    fault: &'static str,
    (state, sends, moved): (&'static str, u64, u64),
) -> Row {
    Row {
        account,
        call,
        fault,
        state,
        sends,
        moved,
    }
}

const NEW: &str = "payermax/main";
const OLD: &str = "payermax/old";
const OPEN: &str = "paycools/my";
const FLAT: &str = "paycools/ph";
const QUICKPAY: &str = "quickpay/store-1";
const BANK: &str = "nmanagement/ccb";
/// Found out by a callback or by asking, and never sent again.
const ONCE: (&str, u64, u64) = ("done", 1, 1);
/// Nothing was done, and within the test nothing proves it: it is asked about, and not sent again.
const OPEN_QUESTION: (&str, u64, u64) = ("unknown", 1, 0);
/// Surely not done: it waits to be sent again.
const WAITS: (&str, u64, u64) = ("queued", 1, 0);
/// Surely not done, and sent once more with the same number.
const AGAIN: (&str, u64, u64) = ("done", 2, 1);
const REFUSED: (&str, u64, u64) = ("refused", 1, 0);

/// In the order of docs/sandbox.md.
const ROWS: [Row; 79] = [
    row(NEW, "refund", "before-accept-500", OPEN_QUESTION),
    row(NEW, "refund", "before-accept-503", OPEN_QUESTION),
    row(OPEN, "refund", "before-accept-502", OPEN_QUESTION),
    row(QUICKPAY, "refund", "before-accept-500", OPEN_QUESTION),
    row(NEW, "refund", "after-accept-500", ONCE),
    row(NEW, "refund", "after-accept-504", ONCE),
    row(OLD, "refund", "after-accept-500", ONCE),
    row(OPEN, "refund", "after-accept-500", ONCE),
    row(FLAT, "refund", "after-accept-500", ONCE),
    row(QUICKPAY, "refund", "after-accept-500", ONCE),
    row(BANK, "refund", "after-accept-500", ONCE),
    row(NEW, "refund", "after-accept-cut", ONCE),
    row(OLD, "refund", "after-accept-cut", ONCE),
    row(OPEN, "refund", "after-accept-cut", ONCE),
    row(FLAT, "refund", "after-accept-cut", ONCE),
    row(QUICKPAY, "refund", "after-accept-cut", ONCE),
    row(BANK, "refund", "after-accept-cut", ONCE),
    row(NEW, "refund", "after-accept-hang", ONCE),
    row(OPEN, "refund", "after-accept-hang", ONCE),
    row(NEW, "refund", "after-accept-reset", ONCE),
    row(QUICKPAY, "refund", "after-accept-reset", ONCE),
    row(NEW, "refund", "slow", ONCE),
    row(QUICKPAY, "refund", "slow", ONCE),
    row(NEW, "refund", "slow-log-normal", ONCE),
    row(NEW, "refund", "late", ONCE),
    row(NEW, "refund", "reset", OPEN_QUESTION),
    row(QUICKPAY, "refund", "reset", OPEN_QUESTION),
    row(NEW, "refund", "half-body", ONCE),
    row(QUICKPAY, "refund", "half-body", ONCE),
    row(NEW, "refund", "garbage", ONCE),
    row(OPEN, "refund", "garbage", ONCE),
    row(NEW, "refund", "wrong-content-type", ONCE),
    row(QUICKPAY, "refund", "wrong-content-type", ONCE),
    row(NEW, "refund", "bom", ONCE),
    row(QUICKPAY, "refund", "bom", ONCE),
    row(NEW, "refund", "gzip", ONCE),
    row(QUICKPAY, "refund", "gzip", ONCE),
    row(NEW, "refund", "says-gzip", ONCE),
    row(NEW, "refund", "redirect", OPEN_QUESTION),
    row(OPEN, "refund", "redirect", OPEN_QUESTION),
    // It documents no HTTP status but 200.
    row(NEW, "refund", "429", OPEN_QUESTION),
    row(QUICKPAY, "refund", "429", AGAIN),
    row(BANK, "refund", "429", AGAIN),
    row(BANK, "refund", "expired", AGAIN),
    row(NEW, "refund", "skew", AGAIN),
    row(NEW, "refund", "early", ONCE),
    row(OPEN, "refund", "early", ONCE),
    row(NEW, "refund", "bad-sign", ONCE),
    row(NEW, "refund", "no-sign", ONCE),
    row(NEW, "refund", "new-key", ONCE),
    row(OLD, "refund", "old-key", ONCE),
    row(NEW, "refund", "corrupt", ONCE),
    row(NEW, "refund", "code:TOO_MANY_REQUEST", AGAIN),
    row(NEW, "refund", "code:REFUND_INSUFFICIENT_BALANCE", WAITS),
    row(NEW, "refund", "code:SYSTEM_ERROR", OPEN_QUESTION),
    row(NEW, "refund", "code:NO_SUCH_CODE", OPEN_QUESTION),
    row(NEW, "refund", "code:AMOUNT_LIMIT", REFUSED),
    row(OPEN, "refund", "code:21010", REFUSED),
    row(QUICKPAY, "refund", "code:BUSY", OPEN_QUESTION),
    row(BANK, "refund", "code:0130Z110B351", OPEN_QUESTION),
    row(NEW, "query", "after-accept-cut", ONCE),
    row(NEW, "query", "garbage", ONCE),
    row(NEW, "query", "no-sign", ONCE),
    row(OPEN, "query", "429", ONCE),
    row(NEW, "callback", "drop", ONCE),
    row(OPEN, "callback", "drop", ONCE),
    row(NEW, "callback", "duplicate", ONCE),
    row(NEW, "callback", "delay", ONCE),
    row(NEW, "callback", "reorder", ONCE),
    row(NEW, "callback", "at-once", ONCE),
    row(NEW, "callback", "gbk", ONCE),
    row(OPEN, "callback", "gbk", ONCE),
    row(FLAT, "callback", "gbk", ONCE),
    row(NEW, "callback", "corrupt", ONCE),
    row(NEW, "callback", "bad-sign", ONCE),
    row(FLAT, "callback", "bad-sign", ONCE),
    row(OPEN, "callback", "no-sign", ONCE),
    row(NEW, "callback", "old-key", ONCE),
    row(FLAT, "callback", "new-key", ONCE),
];

#[test]
fn whatever_goes_wrong_once_money_moves_at_most_once_and_the_refund_ends_as_it_has_to() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    let mut ids = Vec::new();
    for (index, row) in ROWS.iter().enumerate() {
        let number = format!("R{index}X");
        let (provider, _) = row.account.split_once('/').expect("provider/account");
        let seconds = if row.fault == "skew" { 180 } else { 1 };
        let mut fault = json!({"provider": provider, "call": row.call, "number": number, "fault": row.fault,
                               "seconds": seconds});
        if row.fault == "at-once" {
            fault["to"] = json!(circle.server.public_url);
        }
        circle.sandbox.arm_with(&fault);
        if row.call == "query" {
            // Only asking can tell, so that it is asked.
            let lost = json!({"provider": provider, "call": "callback", "number": number, "fault": "drop"});
            circle.sandbox.arm_with(&lost);
        }
        ids.push((circle.request(&body(row.account, &number)), number));
    }
    let mut wrong = String::new();
    for (row, (id, number)) in ROWS.iter().zip(ids) {
        let seen = comes_true(DEADLINE, || is_as(&circle, row, &id, &number));
        if !seen {
            let (account, call, fault) = (row.account, row.call, row.fault);
            let request = &circle.refund(&id)["request"];
            let (sends, moved) = (circle.sandbox.sends(&number), circle.sandbox.moved(&number));
            writeln!(
                wrong,
                "{account} {call} {fault}: sent {sends}, moved {moved}: {request}"
            )
            .expect("a text");
        }
    }
    assert_eq!(wrong, "");
    circle.assert_agrees();
}

fn is_as(circle: &Circle, row: &Row, id: &str, number: &str) -> bool {
    let refund = circle.refund(id);
    refund["request"]["state"] == row.state
        && circle.sandbox.sends(number) as u64 == row.sends
        && circle.sandbox.moved(number) == row.moved
        && refund["request"]["attempts"] == json!(row.sends)
}

#[test]
fn lists_of_the_bank_that_are_empty_or_go_on_or_say_that_it_is_at_it_are_asked_for_again() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    for (index, (fault, times)) in [
        ("empty-list", 2),
        ("second-page", 1),
        ("status-5", 2),
        ("garbage", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("N{index}X");
        circle
            .sandbox
            .arm("nmanagement", "refund", "after-accept-cut");
        circle
            .sandbox
            .arm_with(&json!({"provider": "ccb", "call": "query", "fault": fault, "times": times}));
        let id = circle.request(&body(BANK, &number));
        let refund = circle.comes_to(&id, "done");
        assert_eq!(refund["request"]["attempts"], 1, "{fault}: {refund:#}");
        assert_eq!(circle.sandbox.moved(&number), 1, "{fault}");
    }
    circle.assert_agrees();
}

#[test]
fn a_credential_that_is_refused_stops_the_account_and_the_next_refund_waits() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    let refused = [
        (NEW, "code:SIGN_VERIFY_FAILED"),
        (FLAT, "code:1003"),
        (QUICKPAY, "expired"),
        (BANK, "code:0130Z1101021"),
    ];
    for (index, (account, code)) in refused.into_iter().enumerate() {
        let (provider, _) = account.split_once('/').expect("provider/account");
        let (first, second) = (format!("A{index}X"), format!("B{index}X"));
        circle.sandbox.arm_with(
            &json!({"provider": provider, "call": "refund", "number": first, "fault": code}),
        );
        let id = circle.request(&body(account, &first));
        circle.comes_to(&id, "refused");
        assert!(!circle.stopped(account).is_null(), "{account}");
        let next = circle.request(&body(account, &second));
        circle.switch(account, "resume");
        let refund = circle.comes_to(&next, "done");
        assert_eq!(refund["request"]["attempts"], 1, "{account}: {refund:#}");
        assert_eq!(circle.sandbox.moved(&first), 0, "{account}");
    }
    circle.assert_agrees();
}

#[test]
fn callbacks_in_the_wrong_order_end_with_a_question_and_not_with_a_success_alone() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    circle
        .sandbox
        .arm_with(&json!({"provider": "payermax", "fault": "reorder", "seconds": 3600}));
    let id = circle.request(&body(NEW, "R1FLIP"));
    circle.comes_to(&id, "accepted");
    // Success first, failure a minute later; they arrive the other way round.
    circle.sandbox.advance("2s");
    circle.sandbox.advance("90s");
    let refund = circle.until(&id, "a question", |refund| {
        refund["attention"]
            .as_array()
            .is_some_and(|open| !open.is_empty())
    });
    let told: Vec<_> = circle
        .sandbox
        .exchanges("R1FLIP", "callback")
        .iter()
        .map(|one| {
            one["request"]
                .as_str()
                .is_some_and(|text| text.contains("SUCCESS\""))
        })
        .collect();
    assert_eq!(told.len(), 2, "{refund:#}");
    assert!(!attention(&refund).is_empty(), "{refund:#}");
    assert_eq!(circle.sandbox.moved("R1FLIP"), 1);
}

#[test]
fn a_signature_that_is_refused_is_told_with_the_bytes_that_were_hashed() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let url = format!(
        "{}/payermax/aggregate-pay/api/gateway/refund",
        circle.sandbox.url
    );
    let body = r#"{"version":"1.5"}"#;
    let headers = [("sign", "AAAA"), ("content-type", "application/json")];
    let client = Client::new();
    let reply = client.send("POST", &url, &headers, body.as_bytes()).json();
    let said = reply["msg"].as_str().unwrap_or_default();
    let digest = sha256_hex(body);
    assert!(
        said.contains("17 bytes") && said.contains(&digest),
        "{reply}"
    );
    let junit = client.send(
        "GET",
        &format!("{}/sandbox/journal?format=junit", circle.sandbox.url),
        &[],
        b"",
    );
    assert!(
        junit.text().contains("tests=\"1\" failures=\"1\""),
        "{}",
        junit.text()
    );
    let lines = client.send(
        "GET",
        &format!("{}/sandbox/journal?format=ndjson", circle.sandbox.url),
        &[],
        b"",
    );
    let lines: Vec<Value> = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((lines.len(), &lines[0]["refused"]), (1, &json!(true)));
}
