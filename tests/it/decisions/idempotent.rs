//! The same decision twice has one effect.

use serde_json::{Value, json};

use super::{
    OTHER_TOKEN, answer, code, config, conflict, decide, decide_as, decisions, events_of, id,
    notice, post_with, server,
};
use crate::harness::config::READER_TOKEN;
use crate::harness::reader::text;
use crate::harness::{Reply, Server};

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
    let keyed = |token: &str, key: &str, body: &Value| {
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

/// A decision under a key that waits for a second person: how to make it again, how another person speaks of it, and
/// what the first call was answered.
struct Waiting {
    server: Server,
    refund: Value,
    waits: Value,
}

impl Waiting {
    fn start() -> Self {
        let limit = "[operate]\nsecond_person_above = { USD = \"125.49\" }\n";
        let server = Server::start(&config().toml(limit));
        let refund = conflict(&server, "R-1");
        let waits = keyed_accept(&server, &refund).expect_json(202);
        Self {
            server,
            refund,
            waits,
        }
    }

    fn again(&self) -> Reply {
        keyed_accept(&self.server, &self.refund)
    }

    fn say(&self, word: &str) -> Value {
        let decision = text(&self.waits["attention"][0]["approval"]["id"]);
        let path = format!(
            "/v1/refunds/{}/decisions/{decision}/{word}",
            id(&self.refund)
        );
        let why = json!({"reason": "so it is"});
        post_with(&self.server, OTHER_TOKEN, &path, &[], &why).expect_json(200)
    }
}

fn keyed_accept(server: &Server, refund: &Value) -> Reply {
    let path = format!("/v1/refunds/{}/decisions", id(refund));
    let key = [("idempotency-key", "k-1")];
    post_with(server, READER_TOKEN, &path, &key, &answer(refund, "accept"))
}

#[test]
fn a_key_of_a_decision_that_waits_or_was_rejected_says_so() {
    let it = Waiting::start();
    assert_eq!(it.again().expect_json(202), it.waits);
    it.say("reject");
    assert_eq!(code(&it.again(), 409), "decision_ended");
    assert_eq!(
        decisions(&it.server, &it.refund).len(),
        1,
        "nothing was decided by the repeat"
    );
}

#[test]
fn a_key_of_a_decision_that_was_approved_gives_the_refund_as_it_is() {
    let it = Waiting::start();
    let done = it.say("approve");
    assert_eq!(it.again().expect_json(200), done);
}
