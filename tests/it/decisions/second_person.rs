//! Above a limit a decision waits until another operator agrees.

use serde_json::{Value, json};

use super::{
    OTHER_TOKEN, answer, code, config, conflict, decide, decide_as, decisions, events_of, id,
    notice, post_as,
};
use crate::harness::config::{READER_TOKEN, check};
use crate::harness::reader::{attention, text};
use crate::harness::{Reply, Server, wait_for};

const LIMIT: &str = "[operate]\nsecond_person_above = { USD = \"125.49\" }\n";

fn say(server: &Server, token: &str, refund: &Value, decision: &str, word: &str) -> Reply {
    let path = format!("/v1/refunds/{}/decisions/{decision}/{word}", id(refund));
    post_as(
        server,
        token,
        &path,
        &json!({"reason": "checked with the bank"}),
    )
}

/// The other one is told that this decision has ended.
#[track_caller]
fn has_ended(server: &Server, refund: &Value, decision: &str, word: &str) {
    let reply = say(server, OTHER_TOKEN, refund, decision, word);
    assert_eq!(code(&reply, 409), "decision_ended");
}

/// The id of the decision that waits about the first open question.
fn waiting(refund: &Value) -> String {
    text(&refund["attention"][0]["approval"]["id"])
}

fn waiting_gauge(server: &Server) -> String {
    let metrics = server.get_with("/metrics", &[]);
    let line = metrics
        .text()
        .lines()
        .find(|line| line.starts_with("refund_receiver_approvals_waiting "));
    line.expect("a gauge").to_owned()
}

#[test]
fn a_decision_above_the_limit_waits_and_shows_in_every_list() {
    let server = Server::start(&config().toml(LIMIT));
    let refund = conflict(&server, "R-1");
    let body = answer(&refund, "accept");
    let waits = decide(&server, &refund, &body).expect_json(202);
    assert_eq!(
        (&waits["status"], attention(&waits)),
        (&json!("succeeded"), vec!["conflict".to_owned()])
    );
    let approval = &waits["attention"][0]["approval"];
    assert_eq!(
        (&approval["decision"], &approval["by"]),
        (&json!("accept"), &json!("all"))
    );
    // The same again is the same; another one has to wait for its end.
    assert_eq!(decide(&server, &refund, &body).expect_json(202), waits);
    let reply = decide(&server, &refund, &answer(&refund, "keep"));
    assert_eq!(code(&reply, 409), "decision_waits");
    let reply = decide_as(&server, OTHER_TOKEN, &refund, &body);
    assert_eq!(code(&reply, 409), "decision_waits");
    let listed = server.refunds("attention=true");
    assert_eq!(
        listed,
        std::slice::from_ref(&waits),
        "it is in the list of what needs a person"
    );
    assert_eq!(decisions(&server, &refund)[0]["state"], "waiting");
    assert_eq!(
        events_of(&server, &refund).len(),
        2,
        "nothing has happened yet"
    );
    wait_for("the gauge", || {
        waiting_gauge(&server).ends_with(" 1").then_some(())
    });
}

#[test]
fn an_approved_decision_takes_effect_once() {
    let server = Server::start(&config().toml(LIMIT));
    let refund = conflict(&server, "R-1");
    let body = answer(&refund, "accept");
    let waits = decide(&server, &refund, &body).expect_json(202);
    let decision = waiting(&waits);
    assert_eq!(
        code(
            &say(&server, READER_TOKEN, &refund, &decision, "approve"),
            409
        ),
        "same_person"
    );
    assert_eq!(
        code(
            &say(&server, READER_TOKEN, &refund, &decision, "reject"),
            409
        ),
        "same_person"
    );
    let done = say(&server, OTHER_TOKEN, &refund, &decision, "approve").expect_json(200);
    assert_eq!(
        (&done["status"], attention(&done).len()),
        (&json!("failed"), 0)
    );
    assert_eq!(
        events_of(&server, &refund)[2..],
        ["refund.decided", "refund.failed"]
    );
    let all = decisions(&server, &refund);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["state"], &all[0]["by"], &all[0]["id"]),
        (&json!("done"), &json!("all"), &json!(decision))
    );
    let second = json!({"by": "other", "reason": "checked with the bank"});
    assert_eq!(all[0]["second_person"], second);
    // Both again: the same answers, and no second effect.
    say(&server, OTHER_TOKEN, &refund, &decision, "approve").expect_json(200);
    has_ended(&server, &refund, &decision, "reject");
    assert_eq!(decide(&server, &refund, &body).expect_json(200), done);
    assert_eq!(events_of(&server, &refund).len(), 4);
    wait_for("the gauge", || {
        waiting_gauge(&server).ends_with(" 0").then_some(())
    });
    server.assert_audit_is_clean(None);
}

#[test]
fn a_rejected_decision_leaves_the_question_open_and_nothing_else() {
    let server = Server::start(&config().toml(LIMIT));
    let refund = conflict(&server, "R-1");
    let waits = decide(&server, &refund, &answer(&refund, "accept")).expect_json(202);
    let decision = waiting(&waits);
    let left = say(&server, OTHER_TOKEN, &refund, &decision, "reject").expect_json(200);
    assert_eq!(left["attention"], refund["attention"]);
    assert_eq!(left["status"], "succeeded");
    say(&server, OTHER_TOKEN, &refund, &decision, "reject").expect_json(200);
    has_ended(&server, &refund, &decision, "approve");
    let all = decisions(&server, &refund);
    assert_eq!(
        (&all[0]["state"], &all[0]["second_person"]["by"]),
        (&json!("rejected"), &json!("other"))
    );
    // Now the other one decides, and the first one agrees.
    let waits = decide_as(&server, OTHER_TOKEN, &refund, &answer(&refund, "keep")).expect_json(202);
    say(&server, READER_TOKEN, &refund, &waiting(&waits), "approve").expect_json(200);
    assert_eq!(attention(&server.applied("R-1")).len(), 0);
    assert_eq!(events_of(&server, &refund).len(), 3);
    server.assert_audit_is_clean(None);
}

#[test]
fn a_question_that_a_callback_answered_meets_no_approval() {
    let server = Server::start(&config().toml(LIMIT));
    server.notified(&notice("R-1", "REFUND_REVERSED", 1));
    let refund = server.applied("R-1");
    let waits = decide(&server, &refund, &answer(&refund, "failed")).expect_json(202);
    server.notified(&notice("R-1", "REFUND_SUCCESS", 2));
    assert_eq!(server.applied("R-1")["status"], "succeeded");
    assert_eq!(decisions(&server, &refund)[0]["state"], "obsolete");
    has_ended(&server, &refund, &waiting(&waits), "approve");
    assert_eq!(server.applied("R-1")["status"], "succeeded");
    assert_eq!(server.count_events("refund.decided"), 0);
    server.assert_audit_is_clean(None);
}

#[test]
fn the_limit_is_compared_as_a_decimal_by_currency() {
    for (limit, amount, currency, status) in [
        ("\"125.50\"", "125.5", "USD", 200),
        ("\"125.5000\"", "125.50", "USD", 200),
        ("\"125.49\"", "125.50", "USD", 202),
        ("\"0\"", "0.01", "USD", 202),
        ("{ USD = \"1000.00\" }", "999.99", "USD", 200),
        ("{ USD = \"1000.00\" }", "1000.01", "USD", 202),
        (
            "{ USD = \"1000.00\", IDR = \"15000000\" }",
            "15000000",
            "IDR",
            200,
        ),
        (
            "{ USD = \"1000.00\", IDR = \"15000000\" }",
            "15000001",
            "IDR",
            202,
        ),
        // A currency without a limit always needs two.
        ("{ USD = \"1000.00\" }", "1", "IDR", 202),
    ] {
        let server =
            Server::start(&config().toml(&format!("[operate]\nsecond_person_above = {limit}\n")));
        for (status, second) in [("REFUND_SUCCESS", 1), ("REFUND_FAILED", 2)] {
            let mut notice = notice("R-1", status, second).amount(amount);
            notice.currency = currency;
            server.notified(&notice);
        }
        let refund = server.applied("R-1");
        let reply = decide(&server, &refund, &answer(&refund, "keep"));
        assert_eq!(
            reply.status,
            status,
            "{limit} {amount} {currency}: {}",
            reply.text()
        );
    }
}

#[test]
fn the_amount_that_is_accepted_counts_too() {
    let server = Server::start(&config().toml("[operate]\nsecond_person_above = \"200\"\n"));
    server.notified(&notice("R-1", "REFUND_PENDING", 1));
    server.notified(&notice("R-1", "REFUND_SUCCESS", 2).amount("200.01"));
    let refund = server.applied("R-1");
    decide(&server, &refund, &answer(&refund, "accept")).expect_json(202);
}

#[test]
fn a_limit_that_cannot_be_read_stops_the_start_and_one_that_cannot_be_met_is_told() {
    for (limit, words) in [
        ("\"a lot\"", "operate.second_person_above"),
        ("\"-1\"", "operate.second_person_above"),
        ("{ USD = \"x\" }", "operate.second_person_above.USD"),
        ("{ dollars = \"1\" }", "operate.second_person_above.dollars"),
        ("1000.0", "operate.second_person_above"),
    ] {
        let output = check(&config().toml(&format!("[operate]\nsecond_person_above = {limit}\n")));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{limit}: {said}");
        assert!(said.contains(words), "{limit}: {said}");
    }
    let alone = crate::harness::ConfigBuilder::new(super::ENGINE).toml(LIMIT);
    let output = check(&alone);
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("nothing above it can be decided"), "{said}");
}
