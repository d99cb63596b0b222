//! A number that is sent a second time: what is known of the first send decides nothing about the second.

use std::sync::Arc;

use serde_json::json;

use super::{ENGINE, SEND, comes_to, refund, requested};
use crate::harness::provider::{Gate, Provider, quickpay, refunded};
use crate::harness::sandbox::CALLER_TOKEN;
use crate::harness::{Server, wait_for};

fn failed(refund_no: &str) -> String {
    refunded(refund_no).replace("\"REFUNDED\"", "\"REFUNDFAILED\"")
}

fn act(server: &Server, id: &str, act: &str) {
    let why = json!({"reason": "the provider's books do not have it"});
    let done = server.post_as_caller(&format!("/v1/refunds/{id}/{act}"), &[], &why);
    assert!(done.status < 300, "{act}: {}", done.text());
}

/// An ask about the first send is still on its way when a person has the number sent again. It says that the refund
/// failed; the second send gets no answer, and has moved money.
#[test]
fn a_failure_of_an_earlier_send_that_is_heard_late_does_not_end_the_later_one() {
    let gates = [Arc::new(Gate::default()), Arc::new(Gate::default())];
    let held = gates.clone();
    let provider = Provider::start(move |call| match (call.path.as_str(), call.nth) {
        (SEND, 2) => {
            held[1].wait();
            (500, "{}".to_owned())
        }
        (SEND, _) => (500, "{}".to_owned()),
        (_, 1) => {
            held[0].wait();
            (200, failed("Q1"))
        }
        _ => (200, refunded("Q1")),
    });
    let server = Server::start(&quickpay(ENGINE, &provider.url(), ""));
    let id = requested(&server, "Q1");
    comes_to(&server, &id, "unknown");
    act(&server, &id, "ask");
    let callbacks = format!("/v1/refunds/{id}/callbacks");
    wait_for("the ask to be on its way", || {
        let timeline = server.get_as(CALLER_TOKEN, &format!("/v1/refunds/{id}/timeline"));
        timeline.text().contains("\"ask\"").then_some(())
    });
    act(&server, &id, "resend");
    wait_for("the second send", || {
        (provider.count(SEND) == 2).then_some(())
    });
    gates[0].open();
    let told = wait_for("the answer to the ask to take effect", || {
        let told = server.get_as(CALLER_TOKEN, &callbacks).expect_json(200);
        let told = told["data"][0].clone();
        told["verdict"].is_string().then_some(told)
    });
    assert_eq!(told["verdict"], "stale", "{told:#}");
    let seen = refund(&server, &id);
    assert_eq!(seen["request"]["state"], "sending", "{seen:#}");
    assert_eq!(seen["status"], "pending", "{seen:#}");
    gates[1].open();
    comes_to(&server, &id, "unknown");
    act(&server, &id, "ask");
    let seen = comes_to(&server, &id, "done");
    assert_eq!(
        (&seen["status"], provider.count(SEND)),
        (&json!("succeeded"), 2)
    );
}

/// A relay reports a failure while the second send is on its way: which send it is of, the message does not tell.
#[test]
fn a_failure_that_is_relayed_while_a_second_send_is_under_way_is_asked_about() {
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    let provider = Provider::start(move |call| match (call.path.as_str(), call.nth) {
        (SEND, 1) => (200, failed("Q1")),
        (SEND, _) => {
            held.wait();
            (500, "{}".to_owned())
        }
        _ => (200, refunded("Q1")),
    });
    let server = Server::start(&quickpay(ENGINE, &provider.url(), ""));
    let id = requested(&server, "Q1");
    comes_to(&server, &id, "failed");
    act(&server, &id, "resend");
    wait_for("the second send", || {
        (provider.count(SEND) == 2).then_some(())
    });
    // As a relay's message would have: the failure takes effect.
    server.change_store("UPDATE requests SET state = 'failed'");
    server.change_store("UPDATE refunds SET status = 'failed'");
    gate.open();
    let seen = comes_to(&server, &id, "done");
    assert_eq!(
        (&seen["status"], provider.count(SEND)),
        (&json!("succeeded"), 2)
    );
}

/// A person said that it failed, and was wrong. Sent again, the number is refused: that says nothing of the first send.
#[test]
fn a_refusal_of_the_second_send_proves_nothing_after_a_failure_that_only_a_person_stated() {
    let provider = Provider::start(move |call| match (call.path.as_str(), call.nth) {
        (SEND, 1) => (500, "{}".to_owned()),
        (SEND, _) => (404, "{}".to_owned()),
        _ => (200, refunded("Q1")),
    });
    let server = Server::start(&quickpay(ENGINE, &provider.url(), ""));
    let id = requested(&server, "Q1");
    comes_to(&server, &id, "unknown");
    let open = json!([{"reason": "outcome_overdue", "since": "2026-01-17T09:33:55.004Z", "callback_id": null}]);
    server.change_store(&format!("UPDATE refunds SET attention = '{open}'"));
    let decided = json!({
        "question": "outcome_overdue", "decision": "failed", "reason": "their support says so"
    });
    let path = format!("/v1/refunds/{id}/decisions");
    let decided = server.post_as_caller(&path, &[], &decided).expect_json(200);
    assert_eq!(decided["request"]["state"], "failed");
    act(&server, &id, "resend");
    let seen = comes_to(&server, &id, "done");
    assert_eq!(
        (&seen["status"], provider.count(SEND)),
        (&json!("succeeded"), 2)
    );
}
