//! Decisions about refunds that we send or watch: the request follows.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::payermax::{ACK, MAIN};
use crate::harness::reader::attention;
use crate::harness::sandbox::{Circle, NEVER, body, payermax_notice};

fn decide(circle: &Circle, refund: &Value, decision: &str) -> Value {
    let path = format!("/v1/refunds/{}/decisions", super::id(refund));
    let reply = circle.post(&path, &super::answer(refund, decision));
    reply.expect_json(200)
}

fn states(refund: &Value) -> (Value, Value) {
    (refund["status"].clone(), refund["request"]["state"].clone())
}

/// Raises a question that only time would.
fn raise(circle: &Circle, id: &str, question: &str) -> Value {
    let number = circle.refund(id)["refund_no"].clone();
    let number = number.as_str().expect("a number");
    let open =
        json!([{"reason": question, "since": "2026-01-17T09:33:55.004Z", "callback_id": null}]);
    circle.server.change_store(&format!(
        "UPDATE refunds SET attention = '{open}' WHERE refund_no = '{number}'"
    ));
    circle.refund(id)
}

#[test]
fn an_overdue_outcome_that_a_person_knows_ends_the_request() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    for (number, decision, state) in [
        ("R1PEND", "succeeded", "done"),
        ("R2PEND", "failed", "failed"),
        ("R3PEND", "canceled", "failed"),
    ] {
        let id = circle.request(&body("payermax/main", number));
        circle.comes_to(&id, "accepted");
        let refund = raise(&circle, &id, "outcome_overdue");
        let refund = decide(&circle, &refund, decision);
        assert_eq!(states(&refund), (json!(decision), json!(state)));
        assert!(refund["request"]["next_at"].is_null() && attention(&refund).is_empty());
        let told = circle.events_of(&id);
        assert_eq!(
            told[2..],
            ["refund.decided".to_owned(), format!("refund.{decision}")]
        );
        assert_eq!(circle.sandbox.sends(number), 1, "no call is made");
    }
    // A proven callback that agrees asks nothing; one that contradicts does.
    let sent = |number: &str, status: &str| {
        let told = payermax_notice(number, status);
        circle.server.notify(MAIN, &told).expect(200, ACK);
        circle.server.wait_until_applied();
        let refunds = circle.get(&format!("/v1/refunds?refund_no={number}"));
        refunds["data"][0].clone()
    };
    assert_eq!(attention(&sent("R1PEND", "REFUND_SUCCESS")).len(), 0);
    let refund = sent("R2PEND", "REFUND_SUCCESS");
    assert_eq!(
        (states(&refund), attention(&refund)),
        (
            (json!("failed"), json!("failed")),
            vec!["conflict".to_owned()]
        )
    );
    let refund = decide(&circle, &refund, "accept");
    assert_eq!(states(&refund), (json!("succeeded"), json!("done")));
    circle.server.assert_audit_is_clean(None);
}

#[test]
fn a_request_that_waits_to_be_sent_is_not_sent_after_a_decision() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle.switch("payermax/main", "stop");
    for (number, question, decision, state) in [
        ("R1OK", "cannot_send", "canceled", "canceled"),
        ("R2OK", "cannot_send", "failed", "failed"),
        ("R3OK", "not_taken", "succeeded", "done"),
    ] {
        let id = circle.request(&body("payermax/main", number));
        let refund = raise(&circle, &id, question);
        let refund = decide(&circle, &refund, decision);
        assert_eq!(states(&refund), (json!(decision), json!(state)));
    }
    circle.switch("payermax/main", "resume");
    let last = circle.request(&body("payermax/main", "R4OK"));
    circle.comes_to(&last, "done");
    for number in ["R1OK", "R2OK", "R3OK"] {
        assert_eq!(circle.sandbox.sends(number), 0);
    }
    circle.server.assert_audit_is_clean(None);
}

#[test]
fn a_dismissed_question_leaves_the_request_open_and_comes_again() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let id = circle.request(&body("payermax/main", "R1PEND"));
    circle.comes_to(&id, "accepted");
    let refund = raise(&circle, &id, "outcome_overdue");
    // As the service leaves it half a year later: it was said once, and nothing is planned.
    circle.server.change_store(
        "UPDATE requests SET next_at = NULL, progress = replace(progress, '\"is_overdue\":false', '\"is_overdue\":true')",
    );
    let refund = decide(&circle, &refund, "dismiss");
    assert_eq!(states(&refund), (json!("pending"), json!("accepted")));
    let refund = circle.until(&id, "a plan", |refund| {
        refund["request"]["next_at"].is_string()
    });
    assert_eq!(attention(&refund).len(), 0, "not at once");
    // A week later, which is when PayerMax counts as overdue.
    circle.server.change_store(
        "UPDATE requests SET next_at = 1, progress = replace(progress, '\"kept_at\":\"2', '\"kept_at\":\"1')",
    );
    circle.until(&id, "the question again", |refund| {
        attention(refund) == ["outcome_overdue"]
    });
    let told = payermax_notice("R1PEND", "REFUND_SUCCESS");
    circle.server.notify(MAIN, told).expect(200, ACK);
    circle.comes_to(&id, "done");
    circle.server.assert_audit_is_clean(None);
}

#[test]
fn a_success_that_is_accepted_after_another_refund_used_the_payment_up_asks_a_person() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let mut first = body("payermax/main", "R1FAIL");
    first["order_no"] = json!("P-one");
    first["order_amount"] = json!("10000");
    let id = circle.request(&first);
    circle.comes_to(&id, "accepted");
    circle.sandbox.advance("2s");
    circle.comes_to(&id, "failed");
    let mut second = first.clone();
    second["refund_no"] = json!("R2OK");
    let other = circle.request(&second);
    circle.comes_to(&other, "accepted");
    let told = payermax_notice("R1FAIL", "REFUND_SUCCESS").replace("\"PR1FAIL\"", "\"P-one\"");
    let known = circle.refund(&id)["provider_refund_no"].clone();
    let known = known.as_str().expect("the sandbox numbers them");
    let told = told.replace("TI-R1FAIL", known);
    circle.server.notify(MAIN, &told).expect(200, ACK);
    let refund = circle.until(&id, "a conflict", |refund| {
        attention(refund) == ["conflict"]
    });
    let refund = decide(&circle, &refund, "accept");
    assert_eq!(states(&refund), (json!("succeeded"), json!("done")));
    assert_eq!(
        attention(&refund),
        ["over_refund"],
        "the money is out twice"
    );
    circle.server.assert_audit_is_clean(None);
    decide(&circle, &refund, "dismiss");
    circle.server.assert_audit_is_clean(None);
}
