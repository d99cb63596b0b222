//! What became of a request whose reply was lost: a question, never an answer.

use serde_json::json;

use super::ENGINE;
use crate::harness::injection::WallClock;
use crate::harness::reader::{attention, text};
use crate::harness::sandbox::{Circle, NEVER, QUICK, Setting, body};
use crate::harness::{Engine, Server};

/// Replies that are lost after the provider has taken the request.
const LOST: [&str; 6] = [
    "after-accept-cut",
    "after-accept-500",
    "half-body",
    "garbage",
    "wrong-content-type",
    "gzip",
];
/// Providers that can be asked by the number or the payment.
const ASKED: [&str; 3] = ["payermax/main", "paycools/my", "quickpay/store-1"];

fn provider(account: &str) -> &str {
    account.split('/').next().expect("provider/account")
}

/// An account of each provider, with a number of each fault.
fn cases() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let faults = LOST.iter().enumerate();
    faults.flat_map(|(index, fault)| {
        let of = move |(at, account): (usize, &&'static str)| {
            (*account, *fault, format!("R{at}X{index}"))
        };
        ASKED.iter().enumerate().map(of)
    })
}

#[test]
fn a_reply_that_is_lost_after_the_refund_was_taken_is_asked_about_and_money_moves_once() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    let mut ids = Vec::new();
    for (account, fault, number) in cases() {
        let provider = provider(account);
        // Nothing but asking can tell.
        for (call, fault) in [("refund", fault), ("callback", "drop")] {
            circle.sandbox.arm_with(
                &json!({"provider": provider, "call": call, "number": number, "fault": fault, "times": 1}),
            );
        }
        ids.push((
            circle.request(&body(account, &number)),
            number,
            account,
            fault,
        ));
    }
    for (id, number, account, fault) in ids {
        let refund = circle.comes_to(&id, "done");
        assert_eq!(refund["status"], "succeeded");
        assert_eq!(
            refund["request"]["attempts"], 1,
            "{account} {fault}: {refund:#}"
        );
        assert_eq!(circle.sandbox.moved(&number), 1, "{account} {fault}");
        assert_eq!(circle.sandbox.sends(&number), 1, "{account} {fault}");
        if !matches!(fault, "wrong-content-type" | "gzip") {
            assert!(circle.asks(&id) >= 1, "{account} {fault}");
            let sent = circle.wait_for_entries(&id, "attempt", 1);
            assert_eq!(
                sent[0]["class"], "unknown",
                "{account} {fault}: {:#}",
                sent[0]
            );
        }
    }
    circle.assert_agrees();
}

#[test]
fn the_bank_is_asked_by_its_client_and_never_sent_the_same_again() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    for (number, fault) in [
        ("N1", "after-accept-cut"),
        ("N2", "after-accept-500"),
        ("N3", "garbage"),
    ] {
        circle.sandbox.arm("nmanagement", "refund", fault);
        let id = circle.request(&body("nmanagement/ccb", number));
        let refund = circle.comes_to(&id, "done");
        assert_eq!(refund["request"]["attempts"], 1, "{fault}: {refund:#}");
        assert_eq!(
            (circle.sandbox.moved(number), circle.sandbox.sends(number)),
            (1, 1),
            "{fault}"
        );
    }
    circle.assert_agrees();
}

#[test]
fn while_the_outcome_is_unknown_the_refund_is_pending_and_readers_are_told_nothing_more() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    circle.sandbox.arm("payermax", "refund", "after-accept-cut");
    let id = circle.request(&body("payermax/main", "R1OK"));
    let refund = circle.comes_to(&id, "unknown");
    assert_eq!(refund["status"], "pending");
    assert_eq!(refund["request"]["result"]["class"], "unknown");
    assert!(text(&refund["request"]["next_at"]) > text(&refund["request"]["last_attempt_at"]));
    assert_eq!(circle.events_of(&id), ["refund.requested"]);
    circle.ask(&id);
    circle.comes_to(&id, "accepted");
    assert_eq!(
        circle.events_of(&id),
        ["refund.requested", "refund.pending"]
    );
    circle.sandbox.advance("2s");
    circle.comes_to(&id, "done");
}

#[test]
fn a_request_that_never_arrived_is_not_sent_again_before_it_is_proven_unknown() {
    let circle = Circle::start(
        ENGINE,
        "real",
        r#"["100ms", "1s", "3s", "6s", "12s", "20s"]"#,
    );
    for (account, number) in [
        ("payermax/main", "R1OK"),
        ("quickpay/store-1", "Q1OK"),
        ("paycools/my", "C1OK"),
    ] {
        circle
            .sandbox
            .arm(provider(account), "refund", "before-accept-500");
        let id = circle.request(&body(account, number));
        // Three answers, and no time has passed that would prove anything.
        let asks = circle.wait_for_entries(&id, "ask", 3);
        for ask in &asks {
            assert_eq!(ask["class"], "not_found", "{ask:#}");
        }
        let refund = circle.comes_to(&id, "unknown");
        assert_eq!(
            (
                refund["request"]["attempts"].as_u64(),
                circle.sandbox.sends(number)
            ),
            (Some(1), 1)
        );
        assert_eq!(circle.sandbox.moved(number), 0);
        // A person knows better.
        assert_eq!(circle.resend(&id).status, 202);
        let refund = circle.comes_to(&id, "done");
        assert_eq!(refund["request"]["attempts"], 2);
        assert_eq!(
            (circle.sandbox.moved(number), circle.sandbox.sends(number)),
            (1, 2)
        );
    }
    circle.assert_agrees();
}

/// The clock of the machine jumps; PostgreSQL has one of its own, which none can.
#[test]
fn what_is_proven_not_to_have_arrived_is_sent_again_under_the_same_number() {
    if ENGINE == Engine::Postgres {
        return;
    }
    let setting = Setting::new(ENGINE, "real", r#"["100ms", "65s", "70s", "10m", "1h"]"#);
    let mut server = Server::stopped(&setting.config);
    let clock = WallClock::of(&mut server);
    server.restart();
    let circle = setting.serve_with(server);
    circle
        .sandbox
        .arm("quickpay", "refund", "before-accept-500");
    let id = circle.request(&body("quickpay/store-1", "Q1OK"));
    circle.wait_for_entries(&id, "ask", 1);
    assert_eq!(circle.sandbox.sends("Q1OK"), 1);
    clock.jump("+90s");
    let refund = circle.comes_to(&id, "done");
    assert_eq!(refund["request"]["attempts"], 2, "{refund:#}");
    assert_eq!(
        (circle.sandbox.moved("Q1OK"), circle.sandbox.sends("Q1OK")),
        (1, 2)
    );
    let events = circle.events_of(&id);
    assert_eq!(
        events,
        ["refund.requested", "refund.succeeded"],
        "it was never given up"
    );
    circle.assert_agrees();
}

#[test]
fn a_request_that_did_not_leave_is_queued_and_no_question() {
    let setting = Setting::with(ENGINE, "real", QUICK, |accounts| {
        // Nothing listens there.
        let at = accounts.find("/quickpay\"").expect("an address");
        let start = accounts[..at].rfind("http://").expect("an address");
        format!(
            "{}http://127.0.0.1:9{}",
            &accounts[..start],
            &accounts[at..]
        )
    });
    let circle = setting.serve();
    let id = circle.request(&body("quickpay/store-1", "Q1OK"));
    let refund = circle.until(&id, "a try", |refund| {
        refund["request"]["result"].is_object()
    });
    assert_eq!(
        refund["request"]["result"]["class"], "not_sent",
        "{refund:#}"
    );
    assert_eq!(refund["request"]["state"], "queued");
    assert_eq!(
        (&refund["status"], attention(&refund).len()),
        (&json!("pending"), 0)
    );
}
