//! `reconcile` compares a provider's file with the store of a running service, and changes nothing.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::{ConfigBuilder, READER_TOKEN};
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::reader::{attention, expect_problem};
use crate::harness::server::PROGRAM;

const HEADER: &str = "refund_no,provider_refund_no,amount,currency,status,time\n";

/// Runs the command for the usual account with this file.
fn reconcile(server: &Server, file: &str, more: &[&str]) -> Output {
    let folder = server.folder();
    let path = folder.write("settlement.csv", file);
    Command::new(PROGRAM)
        .args(["reconcile", "--provider", "payermax", "--account", "main"])
        .args(["--format", "generic", "--config"])
        .arg(folder.path().join("refund-receiver.toml"))
        .arg("--file")
        .arg(path)
        .args(more)
        .output()
        .expect("the program can be started")
}

/// The exit code, and the report as JSON.
#[track_caller]
fn report(server: &Server, file: &str, more: &[&str]) -> (Option<i32>, Value) {
    let more: Vec<_> = more.iter().copied().chain(["--output", "json"]).collect();
    let output = reconcile(server, file, &more);
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("no report ({error}): {output:?}"));
    (output.status.code(), report)
}

/// A running service that knows as succeeded and R-3 as pending.
fn server() -> Server {
    let server = Server::usual(ENGINE);
    for (refund_no, status) in [
        ("R-1", "REFUND_SUCCESS"),
        ("R-2", "REFUND_SUCCESS"),
        ("R-3", "REFUND_PENDING"),
    ] {
        server.notified(&Notice::new(refund_no, status));
        server.applied(refund_no);
    }
    server
}

/// A success whose callback says that it was final on 17 January 2026.
fn finished_in_january(server: &Server, refund_no: &str) {
    let finished = "\"refundFinishTime\":\"2026-01-17T09:33:54Z\",\"refundAmount\"";
    let notice = Notice::new(refund_no, "REFUND_SUCCESS").text();
    let notice = notice.replace("\"refundAmount\"", finished);
    server.notify(MAIN, notice).expect(200, ACK);
}

#[test]
fn a_file_that_says_the_same_is_a_match() {
    let server = server();
    let file = format!("{HEADER}R-1,T-R-1,125.5,USD,success,\n,T-R-2,125.50,USD,success,\n");
    let (code, report) = report(&server, &file, &[]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["counts"]["match"], 2);
    assert!(report["only_here_unchecked"].is_string());
}

#[test]
fn differences_are_listed_with_their_lines_and_change_nothing() {
    let server = server();
    let before = server.applied("R-3");
    let file = format!(
        "{HEADER}R-1,,1,USD,success,\nR-3,,125.50,USD,success,\nR-9,,1,USD,success,\nR-8,,x,USD,success,\n"
    );
    let (code, report) = report(&server, &file, &[]);
    assert_eq!(code, Some(1));
    let found = report["differences"].as_array().expect("a list");
    let found: Vec<_> = found
        .iter()
        .map(|found| (found["bucket"].as_str(), found["line"].as_u64()))
        .collect();
    assert_eq!(
        found,
        [
            (Some("status_differs"), Some(3)),
            (Some("amount_differs"), Some(2)),
            (Some("only_there"), Some(4)),
            (Some("unreadable_row"), Some(5)),
        ]
    );
    assert_eq!(server.applied("R-3"), before);
    let table = reconcile(&server, &file, &[]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("only_there line 4 R-9"), "{table}");
}

#[test]
fn a_refund_of_the_day_that_the_file_lacks_is_only_here_once_the_next_file_is_there() {
    let server = server();
    finished_in_january(&server, "R-4");
    let today = server.applied("R-2")["updated_at"]
        .as_str()
        .expect("a time")[..10]
        .to_owned();
    server.applied("R-4");
    let file = format!("{HEADER}R-1,,125.50,USD,success,\n");
    let (code, fresh) = report(&server, &file, &["--day", &today]);
    assert_eq!(
        (code, fresh["waiting"].as_u64()),
        (Some(0), Some(1)),
        "{fresh}"
    );
    let (code, old) = report(&server, &file, &["--day", "2026-01-17"]);
    assert_eq!(
        (code, old["counts"]["only_here"].as_u64()),
        (Some(1), Some(1)),
        "{old}"
    );
    assert_eq!(old["differences"][0]["refund_no"], "R-4");
    let file = format!("{HEADER}R-4,,125.50,USD,success,2026-01-17 09:33:54\n");
    let (code, listed) = report(&server, &file, &[]);
    assert_eq!(
        (code, listed["day"].as_str()),
        (Some(0), Some("2026-01-17")),
        "{listed}"
    );
}

#[test]
fn a_dry_run_tries_a_map_and_wrong_usage_is_2() {
    let server = server();
    let (code, dry) = report(
        &server,
        &format!("{HEADER}R-9,,1,USD,success,\n"),
        &["--dry-run"],
    );
    assert_eq!((code, dry["counts"]["match"].as_u64()), (Some(0), Some(1)));
    let said = |output: Output| {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let no_column = said(reconcile(&server, "a,b\n1,2\n", &[]));
    assert!(
        no_column.contains("no column for the number"),
        "{no_column}"
    );
    let no_map = said(reconcile(&server, HEADER, &["--account", "main"]));
    assert!(no_map.contains("--account"), "{no_map}");
    let other = Command::new(PROGRAM)
        .args(["reconcile", "--provider", "payermax", "--account", "none"])
        .args(["--file", "f", "--config"])
        .arg(server.folder().path().join("refund-receiver.toml"))
        .output()
        .expect("the program can be started");
    assert!(said(other).contains("no account payermax/none"));
}

/// The same with `--raise`; gives what was raised.
#[track_caller]
fn raise(server: &Server, file: &str, more: &[&str]) -> Value {
    let token = server.folder().write("operator.token", READER_TOKEN);
    let token = token.to_str().expect("a path of ours");
    let mut all = vec!["--raise", &server.internal_url, "--token-file", token];
    all.extend_from_slice(more);
    let (_, report) = report(server, file, &all);
    report["raised"].clone()
}

fn asked(server: &Server, refund_no: &str) -> Vec<String> {
    attention(&server.applied(refund_no))
}

#[test]
fn what_differs_becomes_a_question_once_a_file_and_a_later_file_answers_it() {
    let server = server();
    let before = server.applied("R-3");
    let file = format!(
        "{HEADER}R-1,,1,USD,success,\nR-2,,125.50,USD,success,\nR-2,,125.50,USD,success,\n\
         R-3,,125.50,USD,success,\nR-9,,1,USD,success,\n"
    );
    let day = ["--day", "2026-01-17"];
    assert_eq!(
        raise(&server, &file, &day),
        json!({"raised": 3, "known": 0})
    );
    assert_eq!(asked(&server, "R-1"), ["settlement_amount"]);
    assert_eq!(asked(&server, "R-2"), ["settlement_duplicate"]);
    assert_eq!(asked(&server, "R-3"), ["settlement_status"]);
    let after = server.applied("R-3");
    assert_eq!(
        (&after["status"], &after["amount"]),
        (&before["status"], &before["amount"])
    );
    assert_eq!(server.count_events("refund.attention"), 3);
    let open = server.refunds("attention=settlement_status&limit=10");
    assert_eq!(open.len(), 1);

    // The same file again.
    assert_eq!(
        raise(&server, &file, &day),
        json!({"raised": 0, "known": 3})
    );
    assert_eq!(server.count_events("refund.attention"), 3);

    // A later file says what is known of one, and nothing of the others.
    let later = format!("{HEADER}R-1,,125.50,USD,success,\n");
    assert_eq!(
        raise(&server, &later, &day),
        json!({"raised": 0, "known": 0})
    );
    assert_eq!(asked(&server, "R-1").len(), 0);
    assert_eq!(asked(&server, "R-3"), ["settlement_status"]);
    // Who brought the file that closed it is in the trail.
    let acts = server.get("/v1/audit?limit=1").expect_json(200);
    let last = &acts["data"][0];
    assert_eq!(last["act"], "settlement_noted", "{acts:#}");
    assert_eq!(
        last["before"]["questions"],
        json!(["settlement_amount"]),
        "{acts:#}"
    );
    assert_eq!(last["after"]["parity"], "match", "{acts:#}");

    // What the file knew comes as a callback at last: the same file answers its own question.
    server.notified(&Notice::new("R-3", "REFUND_SUCCESS"));
    assert_eq!(server.applied("R-3")["status"], "succeeded");
    raise(&server, &file, &day);
    assert_eq!(asked(&server, "R-3").len(), 0);
    // Two rows of one refund stay a question.
    assert_eq!(asked(&server, "R-2"), ["settlement_duplicate"]);
}

#[test]
fn a_file_that_one_person_brings_closes_no_question_that_takes_two() {
    let limit = "[operate]\nsecond_person_above = { USD = \"125.49\" }\n";
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(limit));
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    let day = ["--day", "2026-01-17"];
    raise(&server, &format!("{HEADER}R-1,,1,USD,success,\n"), &day);
    assert_eq!(asked(&server, "R-1"), ["settlement_amount"]);
    raise(
        &server,
        &format!("{HEADER}R-1,,125.50,USD,success,\n"),
        &day,
    );
    assert_eq!(asked(&server, "R-1"), ["settlement_amount"]);
}

#[test]
fn a_refund_of_the_day_that_the_file_lacks_asks_and_one_that_was_never_taken_does_not() {
    let server = server();
    finished_in_january(&server, "R-4");
    server.applied("R-4");
    let file = format!("{HEADER}R-1,,125.50,USD,success,\n");
    let raised = raise(&server, &file, &["--day", "2026-01-17"]);
    assert_eq!(raised, json!({"raised": 1, "known": 0}));
    assert_eq!(asked(&server, "R-4"), ["settlement_missing"]);
}

#[test]
fn the_service_compares_with_the_refund_as_it_is_and_names_what_is_wrong_with_a_call() {
    const PATH: &str = "/v1/accounts/payermax/main/settlement";
    let server = server();
    let id = server.applied("R-1")["id"].clone();
    let hash = "0".repeat(64);
    let row = |said: Value| json!({"file_sha256": hash, "rows": [said]});
    // The file was right by the time that this arrives.
    let good = json!({"refund_id": id, "line": 2, "said": "row", "status": "succeeded", "amount": "125.5",
                      "currency": "USD"});
    let reply = server
        .post_as_reader(PATH, &row(good.clone()))
        .expect_json(200);
    assert_eq!(
        reply,
        json!({"raised": 0, "agree": 1, "known": 0, "not_found": 0})
    );
    let unknown =
        json!({"refund_id": "rf_00000000-0000-7000-8000-000000000000", "said": "nothing"});
    let reply = server.post_as_reader(PATH, &row(unknown)).expect_json(200);
    assert_eq!(reply["not_found"], 1);
    // Of another account.
    let other = "/v1/accounts/payermax/old/settlement";
    let reply = server
        .post_as_reader(other, &row(good.clone()))
        .expect_json(200);
    assert_eq!(reply["not_found"], 1);
    for (path, body, status) in [
        ("/v1/accounts/payermax/none/settlement", row(good), 404),
        (
            PATH,
            json!({"file_sha256": "A".repeat(64), "rows": [{"refund_id": id, "said": "nothing"}]}),
            400,
        ),
        (PATH, json!({"file_sha256": hash, "rows": []}), 400),
        (
            PATH,
            row(json!({"refund_id": id, "said": "row", "status": "succeeded"})),
            400,
        ),
        (
            PATH,
            row(json!({"refund_id": id, "said": "nothing", "status": "succeeded"})),
            400,
        ),
        (PATH, row(json!({"refund_id": id, "said": "maybe"})), 400),
        (
            PATH,
            row(json!({"refund_id": id, "said": "nothing", "more": 1})),
            400,
        ),
    ] {
        let reply = server.post_as_reader(path, &body);
        expect_problem(&reply, status);
    }
    assert_eq!(asked(&server, "R-1").len(), 0);
}
