//! What each decision does, and what callbacks after it do.

use serde_json::json;

use super::{answer, callback, conflict, decide, decisions, events_of, id, notice, server};
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::reader::{attention, is_utc_milliseconds, text};
use crate::harness::{Server, relay};

#[test]
fn keep_answers_the_question_and_changes_nothing_else() {
    let server = server();
    let before = conflict(&server, "R-1");
    let after = decide(&server, &before, &answer(&before, "keep")).expect_json(200);
    assert_eq!(attention(&after).len(), 0);
    let (mut expected, mut seen) = (before.clone(), after.clone());
    for refund in [&mut expected, &mut seen] {
        refund["attention"] = json!(null);
        refund["updated_at"] = json!(null);
    }
    assert_eq!(seen, expected);
    assert_eq!(server.applied("R-1"), after);
    let told = ["refund.succeeded", "refund.conflict", "refund.decided"];
    assert_eq!(events_of(&server, &before), told);
    assert_eq!(
        server.events()[2]["data"],
        after,
        "the refund as of the event"
    );
    // The same contradiction in other bytes was answered.
    server.notified(&notice("R-1", "REFUND_FAILED", 3));
    assert_eq!(attention(&server.applied("R-1")).len(), 0);
    let all = decisions(&server, &before);
    assert_eq!(all.len(), 1);
    let one = &all[0];
    assert!(text(&one["id"]).starts_with("dc_") && is_utc_milliseconds(&one["at"]));
    for (member, value) in [
        ("state", json!("done")),
        ("question", json!("conflict")),
        ("callback_id", callback(&before)),
        ("decision", json!("keep")),
        ("reason", json!("the provider confirms it")),
        ("by", json!("all")),
        ("status_before", json!("succeeded")),
        ("status_after", json!("succeeded")),
        ("second_person", json!(null)),
    ] {
        assert_eq!(one[member], value, "{member}");
    }
    server.assert_audit_is_clean(None);
}

#[test]
fn accept_lets_a_callback_take_effect_over_a_final_status_and_later_ones_are_judged_against_that() {
    let server = server();
    let before = conflict(&server, "R-1");
    let after = decide(&server, &before, &answer(&before, "accept")).expect_json(200);
    assert_eq!(
        (&after["status"], attention(&after).len()),
        (&json!("failed"), 0)
    );
    assert_eq!(after["provider_status"], "REFUND_FAILED");
    let told = |server: &Server| events_of(server, &before);
    let mut expected = vec![
        "refund.succeeded",
        "refund.conflict",
        "refund.decided",
        "refund.failed",
    ];
    assert_eq!(told(&server), expected);
    // One that agrees asks nothing.
    server.notified(&notice("R-1", "REFUND_FAILED", 3));
    assert_eq!(attention(&server.applied("R-1")).len(), 0);
    // One that contradicts does, although its claim took effect once.
    server.notified(&notice("R-1", "REFUND_SUCCESS", 4));
    let again = server.applied("R-1");
    assert_eq!(
        (&again["status"], attention(&again)),
        (&json!("failed"), vec!["conflict".to_owned()])
    );
    expected.push("refund.conflict");
    assert_eq!(told(&server), expected);
    let back = decide(&server, &again, &answer(&again, "accept")).expect_json(200);
    assert_eq!(back["status"], "succeeded");
    // The claim of the first conflict, after a decision against it: a question again.
    server.notified(&notice("R-1", "REFUND_FAILED", 5));
    assert_eq!(attention(&server.applied("R-1")), ["conflict"]);
    server.assert_audit_is_clean(None);
}

#[test]
fn a_success_with_another_amount_is_accepted_with_that_amount() {
    let server = server();
    server.notified(&notice("R-1", "REFUND_PENDING", 1));
    server.notified(&notice("R-1", "REFUND_SUCCESS", 2).amount("99.5"));
    let before = server.applied("R-1");
    assert_eq!(attention(&before), ["amount_mismatch"]);
    assert_eq!(before["amount"], "125.50");
    let after = decide(&server, &before, &answer(&before, "accept")).expect_json(200);
    assert_eq!(
        (&after["status"], &after["amount"]),
        (&json!("succeeded"), &json!("99.50"))
    );
    server.notified(&notice("R-1", "REFUND_SUCCESS", 3).amount("99.50"));
    assert_eq!(attention(&server.applied("R-1")).len(), 0);
    server.notified(&notice("R-1", "REFUND_SUCCESS", 4));
    assert_eq!(attention(&server.applied("R-1")), ["conflict"]);
    server.assert_audit_is_clean(None);
}

#[test]
fn numbers_and_currency_that_differ_are_accepted_as_the_callback_names_them() {
    let server = server();
    let other = notice("R-1", "REFUND_SUCCESS", 2)
        .text()
        .replace("\"P-R-1\"", "\"P-other\"");
    server.notified(&notice("R-1", "REFUND_PENDING", 1));
    server.notify(MAIN, &other).expect(200, ACK);
    let before = server.applied("R-1");
    assert_eq!(attention(&before), ["conflict"]);
    let after = decide(&server, &before, &answer(&before, "accept")).expect_json(200);
    assert_eq!(
        (&after["status"], &after["order_no"]),
        (&json!("succeeded"), &json!("P-other"))
    );
    server.notified(&notice("R-2", "REFUND_PENDING", 1));
    server.notified(&Notice {
        currency: "IDR",
        ..notice("R-2", "REFUND_FAILED", 2)
    });
    let before = server.applied("R-2");
    assert_eq!(attention(&before), ["currency_mismatch"]);
    let after = decide(&server, &before, &answer(&before, "accept")).expect_json(200);
    assert_eq!(
        (&after["status"], &after["currency"]),
        (&json!("failed"), &json!("IDR"))
    );
    server.assert_audit_is_clean(None);
}

#[test]
fn a_person_states_the_outcome_where_it_is_unknown_and_a_proven_contradiction_is_a_conflict() {
    let server = server();
    for (number, decision) in [("R-1", "succeeded"), ("R-2", "failed"), ("R-3", "canceled")] {
        server.notified(&notice(number, "REFUND_REVERSED", 1));
        let before = server.applied(number);
        assert_eq!(attention(&before), ["status_unknown"]);
        let after = decide(&server, &before, &answer(&before, decision)).expect_json(200);
        assert_eq!(
            (&after["status"], attention(&after).len()),
            (&json!(decision), 0)
        );
        let told = events_of(&server, &before);
        assert_eq!(
            told[2..],
            ["refund.decided".to_owned(), format!("refund.{decision}")]
        );
    }
    for (number, status, expected) in [
        ("R-1", "REFUND_SUCCESS", 0),
        ("R-2", "REFUND_FAILED", 0),
        ("R-1", "REFUND_FAILED", 1),
        ("R-2", "REFUND_SUCCESS", 1),
        ("R-3", "REFUND_SUCCESS", 1),
        // Late: neither agrees nor contradicts.
        ("R-3", "REFUND_PENDING", 1),
    ] {
        server.notified(&notice(number, status, 2));
        let refund = server.applied(number);
        assert_eq!(attention(&refund).len(), expected, "{number} {status}");
    }
    assert_eq!(
        server.applied("R-3")["status"],
        "canceled",
        "nothing but a question"
    );
    server.assert_audit_is_clean(None);
}

#[test]
fn a_failure_that_a_person_stated_is_left_by_no_second_try_of_the_provider() {
    let server = Server::start(
        &super::config()
            .file("relay.secret", &relay::text(relay::SECRET))
            .toml(
                "[[accounts]]\nprovider = \"quickpay\"\naccount = \"store-1\"\n\
             relay_secrets = [\"file:relay.secret\"]\n",
            ),
    );
    let reply = |message: &str, status: &str| {
        let body = json!({"code": "SUCCESS", "msg": "", "data": {
            "transaction_status": status, "refund_amount": 1_000, "order_no": "P-1", "refund_order_no": "Q-1",
        }});
        let path = format!("{}Q-1", relay::QUICKPAY);
        let reply = server.relay(&path, message, &body.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    // By the provider's own word a failed number is tried again; by a person's it is not.
    reply("msg-1", "SUCCESSED");
    let before = server.applied("Q-1");
    decide(&server, &before, &answer(&before, "failed")).expect_json(200);
    reply("msg-2", "REFUNDED");
    let refund = server.applied("Q-1");
    assert_eq!(
        (&refund["status"], attention(&refund)),
        (&json!("failed"), vec!["conflict".to_owned()])
    );
    let refund = decide(&server, &refund, &answer(&refund, "accept")).expect_json(200);
    assert_eq!(refund["status"], "succeeded");
    server.assert_audit_is_clean(None);
}

/// Each question, whether a callback can be accepted, and whether an outcome can be stated.
const QUESTIONS: [(&str, bool, bool); 21] = [
    ("conflict", true, false),
    ("amount_mismatch", true, false),
    ("currency_mismatch", true, false),
    ("over_refund", false, false),
    ("status_unknown", false, true),
    ("outcome_unknown", false, true),
    ("order_unknown", false, false),
    ("order_state", false, false),
    ("invalid_content", false, true),
    ("outcome_overdue", false, true),
    ("cannot_send", false, true),
    ("not_taken", false, true),
    ("reply_mismatch", false, true),
    ("reply_unproven", false, true),
    ("accepted_after_refusal", false, false),
    ("provider_lost_it", false, true),
    ("settlement_status", false, true),
    ("settlement_amount", false, false),
    ("settlement_currency", false, false),
    ("settlement_missing", false, false),
    ("settlement_duplicate", false, false),
];

#[test]
fn every_question_takes_the_decisions_that_the_list_names_and_no_other() {
    let server = server();
    let stated = ["succeeded", "failed", "canceled"];
    for (number, (question, accepts, states)) in QUESTIONS.into_iter().enumerate() {
        let refund_no = format!("R-{number}");
        server.notified(&notice(&refund_no, "REFUND_PENDING", 1));
        let refund = server.applied(&refund_no);
        let cause = text(&server.callbacks(&id(&refund))[0]["id"]);
        let raise = || {
            let open = json!([{"reason": question, "since": "2026-01-17T09:33:55.004Z", "callback_id": cause}]);
            server.change_store(&format!(
                "UPDATE refunds SET attention = '{open}' WHERE refund_no = '{refund_no}'"
            ));
            server.applied(&refund_no)
        };
        let mut allowed = vec!["keep", "dismiss"];
        allowed.extend(accepts.then_some("accept"));
        allowed.extend(states.then_some(stated).into_iter().flatten());
        let refund = raise();
        let list = server
            .get(&format!("/v1/refunds/{}/decisions", id(&refund)))
            .expect_json(200);
        let mut named: Vec<_> = list["open"][0]["decisions"]
            .as_array()
            .expect("a list")
            .clone();
        let mut expected: Vec<_> = allowed.iter().map(|word| json!(word)).collect();
        named.sort_by_key(ToString::to_string);
        expected.sort_by_key(ToString::to_string);
        assert_eq!(named, expected, "{question}");
        for decision in [
            "keep",
            "dismiss",
            "accept",
            "succeeded",
            "failed",
            "canceled",
        ] {
            let refund = raise();
            let was_final = refund["status"] != "pending";
            let reply = decide(&server, &refund, &answer(&refund, decision));
            let status = match (allowed.contains(&decision), was_final) {
                (false, _) => 422,
                // A person said how it ended before.
                (true, true) if stated.contains(&decision) => 409,
                (true, _) => 200,
            };
            assert_eq!(
                reply.status,
                status,
                "{question} {decision}: {}",
                reply.text()
            );
        }
    }
    server.assert_audit_is_clean(None);
}
