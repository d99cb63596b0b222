//! Decisions that are rejected change nothing, and the answer names what is wrong.

use serde_json::{Value, json};

use super::{answer, callback, code, conflict, decide, decide_as, events_of, id, notice, server};
use crate::harness::config::FEED_TOKEN;
use crate::harness::reader::{expect_problem, text};

#[test]
fn each_member_that_is_wrong_is_named() {
    let server = server();
    let refund = conflict(&server, "R-1");
    let good = answer(&refund, "keep");
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    let without = |member: &str| {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(member);
        body
    };
    let mut accept = answer(&refund, "accept");
    accept["callback_id"] = json!(null);
    for (body, pointers) in [
        (without("reason"), &["/reason"][..]),
        (with("reason", json!("")), &["/reason"]),
        (with("reason", json!("  ")), &["/reason"]),
        (with("reason", json!("x".repeat(501))), &["/reason"]),
        (with("reason", json!("two\nlines")), &["/reason"]),
        (with("reason", json!("nul\u{0}")), &["/reason"]),
        (with("reason", json!("txet \u{202e}desrever")), &["/reason"]),
        (with("reason", json!("in\u{200b}visible")), &["/reason"]),
        (with("reason", json!(7)), &["/reason"]),
        (with("reason", json!(null)), &["/reason"]),
        (without("question"), &["/question"]),
        (with("question", json!("why")), &["/question"]),
        (with("question", json!(["conflict"])), &["/question"]),
        (without("decision"), &["/decision"]),
        (with("decision", json!("Keep")), &["/decision"]),
        (with("decision", json!("succeeded")), &["/decision"]),
        (with("callback_id", json!("cb_1")), &["/callback_id"]),
        (with("callback_id", refund["id"].clone()), &["/callback_id"]),
        (with("callback_id", json!(1)), &["/callback_id"]),
        (accept, &["/callback_id"]),
        (with("amount", json!("1")), &["/amount"]),
        (with("a/b", json!("1")), &["/a~1b"]),
        (json!({}), &["/question", "/decision", "/reason"]),
    ] {
        let reply = decide(&server, &refund, &body);
        assert_eq!(code(&reply, 422), "invalid_decision", "{body}");
        let problem = reply.json();
        let errors = problem["errors"].as_array().expect("a list");
        let named: Vec<_> = errors.iter().map(|error| text(&error["pointer"])).collect();
        assert_eq!(named, pointers, "{body}: {problem:#}");
        assert!(errors.iter().all(|error| text(&error["detail"]).len() > 5));
    }
    let path = format!("/v1/refunds/{}/decisions", id(&refund));
    for body in ["", "[]", "{", "{\"reason\":\"a\",\"reason\":\"b\"}"] {
        let reply = server.post_as(crate::harness::config::READER_TOKEN, &path, body);
        assert_eq!(code(&reply, 400), "invalid_body", "{body}");
    }
    assert_eq!(server.applied("R-1"), refund, "nothing has changed");
    // 500 characters of any script are enough for a reason, and one is, too.
    let refund = decide(
        &server,
        &refund,
        &with("reason", json!("已与银行核对".repeat(83) + "。!")),
    );
    refund.expect_json(200);
}

#[test]
fn a_question_that_is_not_open_is_not_decided() {
    let server = server();
    let refund = conflict(&server, "R-1");
    let other = conflict(&server, "R-2");
    for (member, value) in [
        ("question", json!("amount_mismatch")),
        ("callback_id", callback(&other)),
        (
            "callback_id",
            server.callbacks(&id(&refund))[0]["id"].clone(),
        ),
    ] {
        let mut body = answer(&refund, "keep");
        body[member] = value;
        let reply = decide(&server, &refund, &body);
        assert_eq!(code(&reply, 409), "no_such_question", "{body}");
    }
    assert_eq!(server.applied("R-1"), refund);
    let nothing = json!({"id": "rf_00000000-0000-7000-8000-000000000000"});
    let body = answer(&refund, "keep");
    assert_eq!(code(&decide(&server, &nothing, &body), 404), "not_found");
    expect_problem(&decide(&server, &json!({"id": "rf_1"}), &body), 404);
    expect_problem(&decide_as(&server, FEED_TOKEN, &refund, &body), 403);
    expect_problem(&decide_as(&server, "none", &refund, &body), 401);
    assert_eq!(server.count_events("refund.decided"), 0);
    decide(&server, &refund, &body).expect_json(200);
    let reply = decide(&server, &refund, &answer(&refund, "accept"));
    assert_eq!(code(&reply, 409), "no_such_question");
}

#[test]
fn of_several_questions_of_a_kind_the_callback_tells_which() {
    let server = server();
    conflict(&server, "R-1");
    server.notified(&notice("R-1", "REFUND_FAILED", 3).amount("7"));
    let refund = server.applied("R-1");
    assert_eq!(refund["attention"].as_array().map(Vec::len), Some(2));
    let mut body = answer(&refund, "keep");
    let named = body["callback_id"].take();
    let reply = decide(&server, &refund, &body);
    assert_eq!(code(&reply, 422), "invalid_decision");
    assert_eq!(reply.json()["errors"][0]["pointer"], "/callback_id");
    body["callback_id"] = named;
    let refund = decide(&server, &refund, &body).expect_json(200);
    assert_eq!(refund["attention"].as_array().map(Vec::len), Some(1));
    // Of one it need not.
    let mut body = answer(&refund, "dismiss");
    body["callback_id"] = json!(null);
    let refund = decide(&server, &refund, &body).expect_json(200);
    assert_eq!(refund["attention"].as_array().map(Vec::len), Some(0));
    assert_eq!(events_of(&server, &refund).len(), 5);
}

#[test]
fn an_outcome_that_is_known_is_not_stated() {
    let server = server();
    server.notified(&notice("R-1", "REFUND_SUCCESS", 1));
    server.notified(&notice("R-1", "REFUND_REVERSED", 2));
    let refund = server.applied("R-1");
    let reply = decide(&server, &refund, &answer(&refund, "failed"));
    assert_eq!(code(&reply, 409), "decision_not_allowed");
    assert!(text(&reply.json()["detail"]).contains("succeeded"));
    assert_eq!(server.applied("R-1"), refund);
    decide(&server, &refund, &answer(&refund, "dismiss")).expect_json(200);
}
