//! Questions of EPay's close-outs: dismissed, tried again, or answered by the order's registration.

use serde_json::{Value, json};

use super::{answer, code, decide, decisions, events_of, id, server};
use crate::harness::Server;
use crate::harness::config::FEED_TOKEN;
use crate::harness::epay::{order_no, refund_no};
use crate::harness::reader::{attention, expect_problem};

fn try_again(server: &Server, refund: &Value) -> crate::harness::Reply {
    let path = format!("/v1/refunds/{}/close-out", id(refund));
    server.post_as_reader(&path, &json!({"reason": "the order is right now"}))
}

#[test]
fn a_dismissed_close_out_is_parked_without_a_question_until_its_order_is_registered() {
    let server = server();
    assert_eq!(server.epay_errcode("B-1", "T-1", "30.00"), 2);
    let number = refund_no("B-1", "T-1");
    let refund = server.applied(&number);
    assert_eq!(attention(&refund), ["order_unknown"]);
    let refund = decide(&server, &refund, &answer(&refund, "dismiss")).expect_json(200);
    assert_eq!(
        (attention(&refund).len(), &refund["closeout"]["state"]),
        (0, &json!("parked"))
    );
    assert_eq!(
        refund["closeout"]["errcode"], 2,
        "what the caller was told stays"
    );
    server.assert_audit_is_clean(None);
    // A try that is refused asks again.
    let refund = try_again(&server, &refund).expect_json(200);
    assert_eq!(attention(&refund), ["order_unknown"]);
    decide(&server, &refund, &answer(&refund, "keep")).expect_json(200);
    server.assert_audit_is_clean(None);
    server.put_simple_order("1", "refund_applied", "30.00");
    let refund = crate::harness::wait_for("the close-out", || {
        Some(server.applied(&number)).filter(|refund| refund["closeout"]["state"] == "done")
    });
    assert_eq!(attention(&refund).len(), 0);
    assert_eq!(server.order(&order_no("1"))["state"], "closed");
    assert_eq!(
        code(&try_again(&server, &refund), 409),
        "nothing_to_close_out"
    );
    assert_eq!(decisions(&server, &refund).len(), 2);
    server.assert_audit_is_clean(None);
}

#[test]
fn a_close_out_is_tried_again_at_once() {
    let server = server();
    server.put_simple_order("1", "paid", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30.00"), 4);
    let refund = server.applied(&refund_no("B-1", "T-1"));
    let path = format!("/v1/refunds/{}/close-out", id(&refund));
    assert_eq!(
        code(&server.post_as_reader(&path, &json!({})), 422),
        "invalid_decision"
    );
    expect_problem(
        &super::post_as(&server, FEED_TOKEN, &path, &json!({"reason": "x"})),
        403,
    );
    // Past the registration that would have woken it.
    server.change_store("UPDATE T_SP_YD SET state = 'refund_applied'");
    let refund = try_again(&server, &refund).expect_json(200);
    assert_eq!(
        (&refund["closeout"]["state"], attention(&refund).len()),
        (&json!("done"), 0)
    );
    let told = events_of(&server, &refund);
    assert_eq!(told, ["refund.succeeded", "refund.attention"]);
    assert_eq!(server.count_events("order.closed"), 1);
    server.assert_audit_is_clean(None);
}

#[test]
fn another_amount_that_is_accepted_is_the_amount_of_the_close_out_too() {
    let server = server();
    server.put_simple_order("1", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30.00"), 0);
    assert_eq!(server.epay_errcode("B-1", "T-1", "31.00"), 5);
    let number = refund_no("B-1", "T-1");
    let refund = server.applied(&number);
    assert_eq!(attention(&refund), ["conflict"]);
    let refund = decide(&server, &refund, &answer(&refund, "accept")).expect_json(200);
    assert_eq!(
        (&refund["amount"], &refund["closeout"]["state"]),
        (&json!("31.00"), &json!("done"))
    );
    server.assert_audit_is_clean(None);
    // More than was paid is not.
    assert_eq!(server.epay_errcode("B-1", "T-1", "100.01"), 5);
    let refund = server.applied(&number);
    let reply = decide(&server, &refund, &answer(&refund, "accept"));
    assert_eq!(code(&reply, 409), "decision_not_allowed");
    let refund = decide(&server, &refund, &answer(&refund, "keep")).expect_json(200);
    assert_eq!(
        (&refund["amount"], attention(&refund).len()),
        (&json!("31.00"), 0)
    );
    assert_eq!(decisions(&server, &refund).len(), 2);
    server.assert_audit_is_clean(None);
}

#[test]
fn more_than_was_paid_stays_parked_when_it_is_dismissed() {
    let server = server();
    server.put_simple_order("1", "refund_applied", "100.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "100.01"), 6);
    let refund = server.applied(&refund_no("B-1", "T-1"));
    assert_eq!(attention(&refund), ["over_refund"]);
    let refund = decide(&server, &refund, &answer(&refund, "dismiss")).expect_json(200);
    assert_eq!(
        (attention(&refund).len(), &refund["closeout"]["state"]),
        (0, &json!("parked"))
    );
    server.assert_audit_is_clean(None);
}
