//! Replies, asks and callbacks that contradict, repeat or overtake each other.

use serde_json::json;

use super::ENGINE;
use crate::harness::payermax::{ACK, MAIN};
use crate::harness::reader::{attention, text};
use crate::harness::sandbox::{Circle, NEVER, QUICK, body, payermax_notice};
use crate::harness::{comes_true, wait_for};

#[test]
fn what_a_lost_callback_would_have_told_is_found_by_asking() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    for (account, number) in [
        ("payermax/main", "R1LOST"),
        ("payermax/old", "R2LOST"),
        ("paycools/my", "R3LOST"),
        ("paycools/ph", "R4LOST"),
        ("quickpay/store-1", "R5LOST"),
    ] {
        let id = circle.request(&body(account, number));
        let refund = circle.comes_to(&id, "done");
        assert_eq!(refund["status"], "succeeded", "{account}");
        assert_eq!(circle.sandbox.exchanges(number, "callback").len(), 0);
        assert!(circle.asks(&id) >= 1, "{account}");
        assert_eq!(
            (circle.sandbox.moved(number), circle.sandbox.sends(number)),
            (1, 1)
        );
    }
    circle.assert_agrees();
}

/// The first send was taken, its reply lost, and the second one is told that the number is known.
#[test]
fn that_the_provider_knows_the_number_is_told_and_the_ask_behind_it_gives_its_own_number() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    for (account, number) in [("payermax/main", "R1PEND"), ("paycools/my", "C1PEND")] {
        let provider = account.split('/').next().expect("a provider");
        circle.sandbox.arm(provider, "refund", "after-accept-cut");
        let id = circle.request(&body(account, number));
        circle.comes_to(&id, "unknown");
        circle.resend(&id).expect_json(202);
        circle.comes_to(&id, "accepted");
        let told = circle.events_of(&id);
        assert_eq!(told, ["refund.requested", "refund.pending"], "{account}");
        circle.until(&id, "the provider's number", |refund| {
            refund["provider_refund_no"].is_string()
        });
        let told = circle.events_of(&id);
        assert_eq!(told.len(), 2, "{account}: {told:?}");
    }
}

#[test]
fn a_callback_that_overtakes_the_reply_ends_the_refund_and_the_reply_takes_nothing_back() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    for (account, number) in [
        ("payermax/main", "R1OK"),
        ("paycools/my", "C1OK"),
        ("paycools/ph", "H1OK"),
    ] {
        let provider = account.split('/').next().expect("a provider");
        circle.sandbox.arm(provider, "refund", "early");
        let id = circle.request(&body(account, number));
        circle.comes_to(&id, "done");
        // Until the reply is there, too.
        circle.wait_for_entries(&id, "attempt", 1);
        circle.server.wait_until_applied();
        let refund = circle.refund(&id);
        assert_eq!(
            (&refund["status"], attention(&refund).len()),
            (&json!("succeeded"), 0),
            "{refund:#}"
        );
        assert_eq!(refund["request"]["state"], "done");
        assert_eq!(
            circle.events_of(&id),
            ["refund.requested", "refund.succeeded"],
            "{account}"
        );
        assert_eq!(circle.sandbox.moved(number), 1);
    }
    circle.assert_agrees();
}

#[test]
fn a_callback_that_comes_twice_makes_one_event() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let id = circle.request(&body("payermax/main", "R1DUP"));
    circle.comes_to(&id, "done");
    circle.sandbox.arm("paycools", "callback", "duplicate");
    let other = circle.request(&body("paycools/my", "C1OK"));
    circle.comes_to(&other, "done");
    wait_for("both callbacks of both", || {
        let sent = circle.sandbox.entry("R1DUP");
        let again = circle.sandbox.entry("C1OK");
        let is_over =
            |entry: &serde_json::Value| entry["callbacks_acknowledged"].as_u64() >= Some(1);
        (sent["callbacks_sent"].as_u64() >= Some(2) && is_over(&sent) && is_over(&again))
            .then_some(())
    });
    circle.server.wait_until_applied();
    for id in [id, other] {
        assert_eq!(
            circle.events_of(&id),
            ["refund.requested", "refund.pending", "refund.succeeded"]
        );
        assert_eq!(attention(&circle.refund(&id)).len(), 0);
    }
    circle.assert_agrees();
}

#[test]
fn a_failure_after_the_success_is_a_conflict_and_changes_nothing() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let id = circle.request(&body("payermax/main", "R1FLIP"));
    circle.comes_to(&id, "accepted");
    circle.sandbox.advance("2s");
    circle.comes_to(&id, "done");
    circle.sandbox.advance("2m");
    let refund = circle.until(&id, "a conflict", |refund| !attention(refund).is_empty());
    assert_eq!(attention(&refund), ["conflict"]);
    assert_eq!(
        (&refund["status"], &refund["request"]["state"]),
        (&json!("succeeded"), &json!("done"))
    );
    let expected = [
        "refund.requested",
        "refund.pending",
        "refund.succeeded",
        "refund.conflict",
    ];
    assert_eq!(circle.events_of(&id), expected);
    circle.assert_agrees();
}

#[test]
fn a_refused_refund_whose_success_comes_later_ends_succeeded_and_asks_a_person() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle
        .sandbox
        .arm("payermax", "refund", "code:PARAMS_INVALID");
    let id = circle.request(&body("payermax/main", "R1OK"));
    let refund = circle.comes_to(&id, "refused");
    assert_eq!(refund["status"], "failed");
    assert_eq!(refund["failure"]["code"], "PARAMS_INVALID");
    assert_eq!(circle.sandbox.moved("R1OK"), 0);
    let notice = payermax_notice("R1OK", "REFUND_SUCCESS");
    circle.server.notify(MAIN, &notice).expect(200, ACK);
    let refund = circle.comes_to(&id, "done");
    assert_eq!(refund["status"], "succeeded");
    assert_eq!(attention(&refund), ["accepted_after_refusal"]);
    let events = circle.events_of(&id);
    assert_eq!(events[..2], ["refund.requested", "refund.failed"]);
    assert!(
        events.contains(&"refund.succeeded".to_owned()),
        "{events:?}"
    );
}

#[test]
fn a_success_of_payermax_that_is_not_signed_moves_nothing_and_asks_a_person() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    for (number, fault) in [
        ("R1OK", "no-sign"),
        ("R2OK", "bad-sign"),
        ("R3OK", "corrupt"),
    ] {
        circle.sandbox.arm("payermax", "refund", fault);
        let id = circle.request(&body("payermax/main", number));
        let refund = circle.comes_to(&id, "unknown");
        assert_eq!(attention(&refund), ["reply_unproven"], "{fault}");
        assert_eq!(circle.events_of(&id)[0], "refund.requested");
        assert!(
            !circle.events_of(&id).contains(&"refund.pending".to_owned()),
            "{fault}"
        );
        // An unsigned answer to the ask says nothing, either.
        circle.sandbox.arm("payermax", "query", fault);
        circle.ask(&id);
        circle.wait_for_entries(&id, "ask", 1);
        assert_eq!(circle.refund(&id)["request"]["state"], "unknown", "{fault}");
        // The proven one does.
        circle.ask(&id);
        circle.comes_to(&id, "accepted");
        circle.sandbox.advance("2s");
        let refund = circle.comes_to(&id, "done");
        assert_eq!(attention(&refund).len(), 0, "{fault}: {refund:#}");
        assert_eq!(
            (circle.sandbox.moved(number), circle.sandbox.sends(number)),
            (1, 1)
        );
    }
    circle.assert_agrees();
}

#[test]
fn another_amount_or_currency_than_asked_for_moves_nothing_and_asks_a_person() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    for (account, number) in [
        ("payermax/main", "R1AMT"),
        ("payermax/main", "R2CUR"),
        ("quickpay/store-1", "Q1AMT"),
        ("paycools/my", "C1AMT"),
        ("nmanagement/ccb", "N1AMT"),
    ] {
        let id = circle.request(&body(account, number));
        let refund = circle.until(&id, "a question", |refund| !attention(refund).is_empty());
        let known = ["reply_mismatch", "amount_mismatch", "currency_mismatch"];
        for reason in attention(&refund) {
            assert!(known.contains(&reason.as_str()), "{account}: {reason}");
        }
        let has_moved_here = comes_true(std::time::Duration::from_millis(300), || {
            circle.refund(&id)["status"] != "pending"
        });
        assert!(!has_moved_here, "{account}: {:#}", circle.refund(&id));
    }
    circle.assert_agrees();
}

#[test]
fn an_order_of_the_callers_own_is_kept_where_the_provider_names_the_payment_otherwise() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let mut asked = body("paycools/my", "R1OK");
    asked["order_no"] = json!("ORDER-1");
    let id = circle.request(&asked);
    let refund = circle.comes_to(&id, "done");
    assert_eq!(attention(&refund).len(), 0, "{refund:#}");
    assert_eq!(refund["order_no"], asked["provider_payment_no"]);
    assert_eq!(circle.timeline(&id)[0]["intent"]["order_no"], "ORDER-1");
    assert_eq!(circle.sandbox.sends("R1OK"), 1);
}

#[test]
fn a_refund_that_only_callbacks_know_is_not_asked_about_withdrawn_or_sent_again() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let notice = payermax_notice("R1OK", "REFUND_PENDING");
    circle.server.notify(MAIN, &notice).expect(200, ACK);
    let id = text(&circle.server.applied("R1OK")["id"]);
    for (act, code) in [
        ("ask", "nothing_to_ask"),
        ("cancel", "already_sent"),
        ("resend", "resend_not_allowed"),
    ] {
        let why = json!({"reason": "a test"});
        let reply = circle.post(&format!("/v1/refunds/{id}/{act}"), &why);
        assert_eq!(reply.expect_json(409)["code"], code, "{act}");
    }
    assert_eq!(circle.sandbox.sends("R1OK"), 0);
}
