//! Where a decision is seen: timeline, explanation, metrics, the command.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{OTHER_TOKEN, answer, config, conflict, decide, id, notice, server};
use crate::harness::config::READER_TOKEN;
use crate::harness::reader::{attention, text};
use crate::harness::server::PROGRAM;
use crate::harness::{Server, wait_for};

#[test]
fn the_timeline_shows_a_decision_between_its_cause_and_its_events() {
    let server = server();
    let refund = conflict(&server, "R-1");
    decide(&server, &refund, &answer(&refund, "accept")).expect_json(200);
    let timeline = server
        .get(&format!("/v1/refunds/{}/timeline", id(&refund)))
        .expect_json(200);
    let entries = timeline["data"].as_array().expect("a list");
    let what = |entry: &Value| match &entry["type"] {
        Value::String(kind) => kind.clone(),
        _ => text(&entry["kind"]),
    };
    let seen: Vec<_> = entries.iter().map(what).collect();
    let place = |word: &str| seen.iter().position(|one| one == word).expect(word);
    assert!(place("refund.conflict") < place("decision"), "{seen:?}");
    assert!(place("decision") < place("refund.decided"), "{seen:?}");
    assert!(place("refund.decided") < place("refund.failed"), "{seen:?}");
    let entry = &entries[place("decision")];
    for (member, value) in [
        ("question", "conflict"),
        ("decision", "accept"),
        ("by", "all"),
        ("reason", "the provider confirms it"),
        ("status_before", "succeeded"),
        ("status_after", "failed"),
        ("state", "done"),
    ] {
        assert_eq!(entry[member], value, "{member}");
    }
    assert_eq!(entry["callback_id"], refund["attention"][0]["callback_id"]);
}

#[test]
fn an_explanation_replays_decisions_and_gives_the_status_that_is_stored() {
    let server = server();
    let refund = conflict(&server, "R-1");
    decide(&server, &refund, &answer(&refund, "accept")).expect_json(200);
    server.notified(&notice("R-1", "REFUND_FAILED", 3));
    server.applied("R-1");
    server.notified(&notice("R-1", "REFUND_SUCCESS", 4));
    let refund = server.applied("R-1");
    decide(&server, &refund, &answer(&refund, "keep")).expect_json(200);
    let rows = server.callbacks(&id(&refund));
    let expected = [
        ("first", "applied", json!(null), "succeeded"),
        ("other_end", "conflict", json!("succeeded"), "succeeded"),
        ("same_end", "repeat", json!("failed"), "failed"),
        ("other_end", "conflict", json!("failed"), "failed"),
    ];
    for (row, (rule, verdict, before, after)) in rows.iter().zip(expected) {
        let one = server
            .get(&format!("/v1/callbacks/{}", text(&row["id"])))
            .expect_json(200);
        let why = &one["explanation"];
        assert_eq!(
            (&why["rule"], &one["verdict"]),
            (&json!(rule), &json!(verdict)),
            "{one:#}"
        );
        assert_eq!(
            (&why["status_before"], &why["status_after"]),
            (&before, &json!(after))
        );
        let decided = one["decisions"].as_array().expect("a list");
        assert_eq!(decided.len(), usize::from(verdict == "conflict"));
    }
    assert_eq!(
        server.applied("R-1")["status"],
        "failed",
        "the last replayed status"
    );
    let output = Command::new(PROGRAM)
        .args(["explain", &text(&rows[1]["id"]), "--config"])
        .arg(server.config_path())
        .output()
        .expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("conflict: accept, by all at "), "{said}");
}

#[test]
fn decisions_are_counted_by_question_and_decision() {
    let server = server();
    for (number, decision) in [("R-1", "keep"), ("R-2", "keep"), ("R-3", "accept")] {
        let refund = conflict(&server, number);
        let body = answer(&refund, decision);
        decide(&server, &refund, &body).expect_json(200);
        decide(&server, &refund, &body).expect_json(200);
    }
    for line in [
        "refund_receiver_decisions_total{question=\"conflict\",decision=\"keep\"} 2\n",
        "refund_receiver_decisions_total{question=\"conflict\",decision=\"accept\"} 1\n",
        "refund_receiver_approvals_waiting 0\n",
    ] {
        wait_for(line, || {
            let metrics = server.get_with("/metrics", &[]);
            metrics.text().contains(line).then_some(())
        });
    }
}

const LIMIT: &str = "[operate]\nsecond_person_above = { USD = \"200\" }\n";

fn command(server: &Server, token: &str, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("decide")
        .args(arguments)
        .args(["--token", "env:TEST_TOKEN", "--url", &server.internal_url])
        .env("TEST_TOKEN", token)
        .output()
        .expect("the program can be started")
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}{failed}");
    said + &failed
}

#[test]
fn the_command_lists_what_is_open_decides_it_and_says_what_became_of_it() {
    let server =
        Server::start(&config().toml("[operate]\nsecond_person_above = { USD = \"200\" }\n"));
    let refund = conflict(&server, "R-1");
    let (rf, cb) = (id(&refund), text(&refund["attention"][0]["callback_id"]));
    let all = said(&command(&server, READER_TOKEN, &[]), 0);
    assert!(
        all.contains(&rf) && all.contains(&cb) && all.contains("conflict"),
        "{all}"
    );
    let one = said(&command(&server, READER_TOKEN, &[&rf]), 0);
    assert!(one.contains("keep accept dismiss"), "{one}");
    let what = ["--question", "conflict", "--callback", &cb, "--decision"];
    let why = ["--reason", "the provider confirms it"];
    let arguments =
        |decision: &'static str| [&[rf.as_str()][..], &what, &[decision], &why].concat();
    let wrong = said(&command(&server, READER_TOKEN, &arguments("succeeded")), 1);
    assert!(
        wrong.contains("answered 422") && wrong.contains("keep, accept, dismiss"),
        "{wrong}"
    );
    let done = said(&command(&server, READER_TOKEN, &arguments("accept")), 0);
    assert_eq!(done, format!("{rf} is failed\n"));
    said(&command(&server, READER_TOKEN, &arguments("accept")), 0);
    let late = said(&command(&server, OTHER_TOKEN, &arguments("accept")), 1);
    assert!(late.contains("answered 409"), "{late}");
    let one = said(&command(&server, READER_TOKEN, &[&rf]), 0);
    assert!(
        one.contains("succeeded")
            && one.contains("failed")
            && one.contains("the provider confirms it"),
        "{one}"
    );
    for usage in [
        &["rf_1"][..],
        &[&rf, "--decision", "keep"],
        &[&rf, "--question", "conflict", "--decision", "keep"],
        &[&rf, "--question", "conflict", "--reason", "x"],
        &[
            &rf,
            "--question",
            "why",
            "--decision",
            "keep",
            "--reason",
            "x",
        ],
        &[&rf, "--approve", "dc_1", "--reason", "x"],
        &["--close-out", "--reason", "x"],
        &[&rf, "--reason", "x"],
    ] {
        said(&command(&server, READER_TOKEN, usage), 2);
    }
    said(&command(&server, "none", &[]), 1);
}

#[test]
fn the_command_says_that_a_decision_waits_and_another_operator_agrees_by_it() {
    let server = Server::start(&config().toml(LIMIT));
    server.notified(&notice("R-2", "REFUND_SUCCESS", 1).amount("200.01"));
    server.notified(&notice("R-2", "REFUND_FAILED", 2).amount("200.01"));
    let refund = server.applied("R-2");
    let rf = id(&refund);
    let waits = [
        "--question",
        "conflict",
        "--decision",
        "keep",
        "--reason",
        "x",
    ];
    let waits = said(
        &command(
            &server,
            READER_TOKEN,
            &[&[rf.as_str()][..], &waits].concat(),
        ),
        0,
    );
    assert!(waits.contains("waits for a second person"), "{waits}");
    let refund = server.applied("R-2");
    let decision = text(&refund["attention"][0]["approval"]["id"]);
    let agree = [rf.as_str(), "--approve", &decision, "--reason", "y"];
    said(&command(&server, READER_TOKEN, &agree), 1);
    said(&command(&server, OTHER_TOKEN, &agree), 0);
    assert_eq!(attention(&server.applied("R-2")).len(), 0);
    let json = said(
        &command(&server, READER_TOKEN, &[&rf, "--output", "json"]),
        0,
    );
    let list: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(list["data"][0]["second_person"]["by"], "other");
    server.assert_audit_is_clean(None);
}
