//! Every provider's circle, from the intent to the end.

use super::ENGINE;
use crate::harness::reader::attention;
use crate::harness::sandbox::{ACCOUNTS, Circle, NEVER, body};

/// Refund numbers that every provider takes.
fn number(index: usize, end: &str) -> String {
    format!("R{index}{end}")
}

#[test]
fn a_refund_of_every_provider_ends_succeeded_and_is_sent_once() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let ids: Vec<_> = ACCOUNTS
        .iter()
        .enumerate()
        .map(|(index, account)| circle.request(&body(account, &number(index, "OK"))))
        .collect();
    for (index, (id, account)) in ids.iter().zip(ACCOUNTS).enumerate() {
        let refund = circle.comes_to(id, "done");
        assert_eq!(refund["status"], "succeeded", "{refund:#}");
        assert_eq!(attention(&refund).len(), 0, "{refund:#}");
        let request = &refund["request"];
        assert_eq!(request["mode"], "submit");
        assert_eq!(request["attempts"], 1, "{request:#}");
        assert_eq!(request["requested_by"], "caller");
        assert_eq!(request["reason"], "returned");
        assert!(request["last_attempt_at"].is_string());
        assert!(request["next_at"].is_null(), "{request:#}");
        let expected: &[&str] = match account {
            // The reply tells the end.
            "quickpay/store-1" | "nmanagement/ccb" => &["refund.requested", "refund.succeeded"],
            _ => &["refund.requested", "refund.pending", "refund.succeeded"],
        };
        assert_eq!(circle.events_of(id), expected, "{account}");
        let number = number(index, "OK");
        let entry = circle.sandbox.entry(&number);
        assert_eq!(
            (&entry["moved"], &entry["requests"]),
            (&1.into(), &1.into())
        );
        assert_eq!(circle.sandbox.sends(&number), 1, "{account}");
        assert_eq!(circle.asks(id), 0, "{account}");
    }
    circle.assert_agrees();
}

#[test]
fn a_refund_that_the_provider_cannot_make_ends_failed_and_moves_nothing() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let ids: Vec<_> = ACCOUNTS
        .iter()
        .enumerate()
        .map(|(index, account)| circle.request(&body(account, &number(index, "FAIL"))))
        .collect();
    for (index, (id, account)) in ids.iter().zip(ACCOUNTS).enumerate() {
        // The bank refuses by the code of its reply; the others take the refund and fail later.
        let state = if account == "nmanagement/ccb" {
            "refused"
        } else {
            "failed"
        };
        let refund = circle.comes_to(id, state);
        assert_eq!(refund["status"], "failed", "{refund:#}");
        assert!(refund["failure"].is_object(), "{refund:#}");
        let expected: &[&str] = match account {
            "quickpay/store-1" | "nmanagement/ccb" => &["refund.requested", "refund.failed"],
            _ => &["refund.requested", "refund.pending", "refund.failed"],
        };
        assert_eq!(circle.events_of(id), expected, "{account}");
        let number = number(index, "FAIL");
        assert_eq!(circle.sandbox.moved(&number), 0, "{account}");
        assert_eq!(circle.sandbox.sends(&number), 1, "{account}");
    }
    circle.assert_agrees();
}

#[test]
fn a_request_is_visible_from_the_intent_on_before_anything_was_sent() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle.switch("quickpay/store-1", "stop");
    let mut asked = body("quickpay/store-1", "R1OK");
    asked["metadata"] = serde_json::json!({"case": "4711"});
    let id = circle.request(&asked);
    let refund = circle.refund(&id);
    assert_eq!(refund["status"], "pending");
    assert_eq!(refund["refund_no"], "R1OK");
    assert_eq!(
        (&refund["amount"], &refund["currency"]),
        (&"10.00".into(), &"CNY".into())
    );
    let request = &refund["request"];
    assert_eq!(
        (&request["state"], &request["attempts"]),
        (&"queued".into(), &0.into())
    );
    assert!(request["result"].is_null() && request["last_attempt_at"].is_null());
    assert_eq!(request["metadata"]["case"], "4711");
    assert_eq!(circle.events_of(&id), ["refund.requested"]);
    assert_eq!(circle.server.refunds("refund_no=R1OK").len(), 1);
    circle.switch("quickpay/store-1", "resume");
    circle.comes_to(&id, "done");
}
