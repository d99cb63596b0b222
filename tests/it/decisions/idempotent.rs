//! The same decision twice has one effect.

use serde_json::json;

use super::{
    OTHER_TOKEN, answer, code, config, conflict, decide, decide_as, decisions, events_of, id,
    notice, post_with, server,
};
use crate::harness::Server;
use crate::harness::config::READER_TOKEN;

#[test]
fn the_same_decision_of_the_same_reader_again_is_200_and_has_no_second_effect() {
    let server = server();
    let refund = conflict(&server, "R-1");
    let body = answer(&refund, "accept");
    let first = decide(&server, &refund, &body).expect_json(200);
    for _ in 0..2 {
        assert_eq!(decide(&server, &refund, &body).expect_json(200), first);
    }
    assert_eq!(decisions(&server, &refund).len(), 1);
    assert_eq!(events_of(&server, &refund).len(), 4);
    // Another reader, another reason, another answer: it is answered already.
    let reply = decide_as(&server, OTHER_TOKEN, &refund, &body);
    assert_eq!(code(&reply, 409), "no_such_question");
    for (member, value) in [("reason", "another"), ("decision", "keep")] {
        let mut other = body.clone();
        other[member] = json!(value);
        let reply = decide(&server, &refund, &other);
        assert_eq!(code(&reply, 409), "no_such_question");
    }
    // A question of the same kind that is open again is another one.
    server.notified(&notice("R-1", "REFUND_SUCCESS", 7));
    let refund = server.applied("R-1");
    let mut body = answer(&refund, "accept");
    body["callback_id"] = refund["attention"][0]["callback_id"].clone();
    assert_eq!(
        decide(&server, &refund, &body).expect_json(200)["status"],
        "succeeded"
    );
    assert_eq!(decisions(&server, &refund).len(), 2);
    server.assert_audit_is_clean(None);
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again_and_takes_no_other_body() {
    let server = server();
    let refund = conflict(&server, "R-1");
    let path = format!("/v1/refunds/{}/decisions", id(&refund));
    let keyed = |token: &str, key: &str, body: &serde_json::Value| {
        post_with(&server, token, &path, &[("idempotency-key", key)], body)
    };
    let body = answer(&refund, "keep");
    keyed(READER_TOKEN, "k-1", &body).expect_json(200);
    keyed(READER_TOKEN, "k-1", &body).expect_json(200);
    let reply = keyed(READER_TOKEN, "k-1", &answer(&refund, "accept"));
    assert_eq!(code(&reply, 422), "idempotency_key_reused");
    let reply = keyed(READER_TOKEN, "k-2", &answer(&refund, "accept"));
    assert_eq!(code(&reply, 409), "no_such_question");
    // A key is one reader's own.
    assert_eq!(
        code(&keyed(OTHER_TOKEN, "k-1", &body), 409),
        "no_such_question"
    );
    assert_eq!(
        code(&keyed(READER_TOKEN, "", &body), 400),
        "invalid_parameter"
    );
    assert_eq!(decisions(&server, &refund).len(), 1);
}

#[test]
fn a_key_of_a_decision_that_waits_or_was_rejected_says_so() {
    let limit = "[operate]\nsecond_person_above = { USD = \"125.49\" }\n";
    let server = Server::start(&config().toml(limit));
    let refund = conflict(&server, "R-1");
    let path = format!("/v1/refunds/{}/decisions", id(&refund));
    let body = answer(&refund, "accept");
    let keyed = || {
        post_with(
            &server,
            READER_TOKEN,
            &path,
            &[("idempotency-key", "k-1")],
            &body,
        )
    };
    let waits = keyed().expect_json(202);
    assert_eq!(keyed().expect_json(202), waits);
    let decision = waits["attention"][0]["approval"]["id"].clone();
    let decision = decision.as_str().expect("an id");
    let why = json!({"reason": "not so"});
    let reject = format!("{path}/{decision}/reject");
    post_with(&server, OTHER_TOKEN, &reject, &[], &why).expect_json(200);
    assert_eq!(code(&keyed(), 409), "decision_ended");
    assert_eq!(
        decisions(&server, &refund).len(),
        1,
        "nothing was decided by the repeat"
    );
}

#[test]
fn a_key_of_a_decision_that_was_approved_gives_the_refund_as_it_is() {
    let limit = "[operate]\nsecond_person_above = { USD = \"125.49\" }\n";
    let server = Server::start(&config().toml(limit));
    let refund = conflict(&server, "R-1");
    let path = format!("/v1/refunds/{}/decisions", id(&refund));
    let body = answer(&refund, "accept");
    let keyed = || {
        post_with(
            &server,
            READER_TOKEN,
            &path,
            &[("idempotency-key", "k-1")],
            &body,
        )
    };
    let waits = keyed().expect_json(202);
    let decision = waits["attention"][0]["approval"]["id"].clone();
    let decision = decision.as_str().expect("an id");
    let approve = format!("{path}/{decision}/approve");
    let done = post_with(
        &server,
        OTHER_TOKEN,
        &approve,
        &[],
        &json!({"reason": "so it is"}),
    );
    assert_eq!(keyed().expect_json(200), done.expect_json(200));
}
