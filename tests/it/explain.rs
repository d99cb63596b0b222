//! Explains the effect of a callback, over HTTP and by the command, which agree.

use std::process::{Command, Output};

use serde_json::Value;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::reader::{expect_problem, text};
use crate::harness::relay;
use crate::harness::server::PROGRAM;

/// The explanations of all callbacks of a refund, the first received first.
#[track_caller]
fn explained(server: &Server, refund: &Value) -> Vec<Value> {
    let rows = server.callbacks(&text(&refund["id"]));
    let one = |row: &Value| {
        let path = format!("/v1/callbacks/{}", text(&row["id"]));
        server.get(&path).expect_json(200)
    };
    rows.iter().map(one).collect()
}

fn explain(server: &Server, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("explain")
        .args(arguments)
        .env("TEST_TOKEN", READER_TOKEN)
        .output()
        .unwrap_or_else(|error| panic!("{error}: {}", server.log()))
}

#[test]
fn each_notification_of_a_refund_is_explained_by_the_rule_that_decided() {
    let server = Server::usual(ENGINE);
    for status in [
        "REFUND_PENDING",
        "REFUND_REVERSED",
        "REFUND_SUCCESS",
        "REFUND_PENDING",
        "REFUND_FAILED",
    ] {
        let mut notice = Notice::new("R-why", status);
        // Other bytes each time, or the second pending would be a repeat of the first.
        let number = server.events().len();
        notice.notify_time = format!("\"2026-01-17T09:33:5{number}.000+00:00\"");
        server.notified(&notice);
        server.applied("R-why");
    }
    let refund = server.applied("R-why");
    let expected = [
        ("first", "applied", "(none)", "pending"),
        ("unclear", "questioned", "pending", "pending"),
        ("ends", "applied", "pending", "succeeded"),
        ("late", "stale", "succeeded", "succeeded"),
        ("other_end", "conflict", "succeeded", "succeeded"),
    ];
    let explained = explained(&server, &refund);
    assert_eq!(explained.len(), expected.len());
    for (one, (rule, verdict, before, after)) in explained.iter().zip(expected) {
        let why = &one["explanation"];
        assert_eq!(why["rule"], rule, "{one:#}");
        assert_eq!(one["verdict"], verdict, "{one:#}");
        assert_eq!(why["status_before"].as_str().unwrap_or("(none)"), before);
        assert_eq!(why["status_after"], after, "{one:#}");
        assert_eq!(why["acknowledgement"], ACK);
        assert_eq!(why["form"], "refund notification");
        assert_eq!(one["key_id"], "2026");
        assert_eq!(one["claim"]["refund_no"], "R-why");
        assert_eq!(one["refund"]["status"], "succeeded");
        assert!(text(&one["body"]).contains("R-why"));
    }
}

#[test]
fn the_command_explains_every_notification_of_a_refund_that_has_many() {
    let server = Server::usual(ENGINE);
    let count = 102;
    for number in 0..count {
        let mut notice = Notice::new("R-many", "REFUND_PENDING");
        notice.notify_time = format!("\"2026-01-17T09:33:54.{number:03}+00:00\"");
        server.notified(&notice);
    }
    let id = text(&server.applied("R-many")["id"]);
    let config = server.config_path();
    let config = config.to_str().expect("a plain path");
    let url = server.internal_url.as_str();
    let json = ["--output", "json"];
    let over_http = [&id, "--url", url, "--token", "env:TEST_TOKEN"];
    let over_http = explain(&server, &[&over_http[..], &json].concat()).stdout;
    let from_config = explain(
        &server,
        &[&[id.as_str(), "--config", config][..], &json].concat(),
    );
    let lines = String::from_utf8_lossy(&from_config.stdout).lines().count();
    assert_eq!(lines, count);
    assert!(over_http == from_config.stdout, "both say the same");
}

#[test]
fn a_relay_and_an_epay_report_are_explained_as_well() {
    let server = Server::start(&relay::config(ENGINE).with_epay());
    let body = include_str!("../fixtures/quickpay/refunded.json");
    let refund_no = "T01-S02-0003";
    let answer = server.relay(&format!("{}{refund_no}", relay::QUICKPAY), "msg-1", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let one = &explained(&server, &server.applied(refund_no))[0];
    assert_eq!(one["explanation"]["acknowledgement"], answer.text());
    assert!(text(&one["key_id"]).starts_with("whsec-"));

    server.put_simple_order("1", "refund_applied", "30.00");
    server.epay_json("B-1", "T-1", "30.00");
    let one = &explained(&server, &server.applied("B-1/T-1"))[0];
    assert_eq!(one["explanation"]["form"], "EPay refund report");
    assert_eq!(one["explanation"]["acknowledgement"], Value::Null);
    assert_eq!(one["refund"]["closeout"]["state"], "done");
}

#[test]
fn an_explanation_needs_the_scope_and_an_id_that_exists() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let id = text(&server.callbacks(&text(&server.applied("R-1")["id"]))[0]["id"]);
    let path = format!("/v1/callbacks/{id}");
    expect_problem(&server.get_with(&path, &[]), 401);
    expect_problem(&server.get_as(FEED_TOKEN, &path), 403);
    expect_problem(&server.get(&format!("{path}?x=1")), 400);
    for unknown in ["cb_01890a5d-ac96-774b-bcce-b302099a8057", "rf_1", "1"] {
        expect_problem(&server.get(&format!("/v1/callbacks/{unknown}")), 404);
    }
    let tag = server.get(&path).header("etag").to_owned();
    let authorization = format!("Bearer {READER_TOKEN}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("if-none-match", tag.as_str()),
    ];
    assert_eq!(server.get_with(&path, &headers).status, 304);
}

#[test]
fn the_command_says_the_same_next_to_a_running_service_over_http_and_after_its_end() {
    let mut server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_PENDING"));
    server.applied("R-1");
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let refund = server.applied("R-1");
    let id = text(&refund["id"]);
    let config = server.config_path();
    let config = config.to_str().expect("a plain path");
    let url = server.internal_url.clone();
    let over_http = [id.as_str(), "--url", &url, "--token", "env:TEST_TOKEN"];
    let from_config = [id.as_str(), "--config", config];

    let table = explain(&server, &over_http);
    assert_eq!(table.status.code(), Some(0), "{table:?}");
    assert_eq!(explain(&server, &from_config).stdout, table.stdout);
    let shown = String::from_utf8_lossy(&table.stdout).into_owned();
    for expected in ["pending -> succeeded", "(new) -> pending", ACK, "2026"] {
        assert!(shown.contains(expected), "`{expected}` in: {shown}");
    }
    let json = explain(&server, &[&from_config[..], &["--output", "json"]].concat());
    let lines = String::from_utf8_lossy(&json.stdout).into_owned();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines, explained(&server, &refund));

    server.terminate();
    assert_eq!(explain(&server, &from_config).stdout, table.stdout);

    let gone = [
        "rf_01890a5d-ac96-774b-bcce-b302099a8057",
        "--config",
        config,
    ];
    assert_eq!(explain(&server, &gone).status.code(), Some(1));
    for wrong in [
        &["x", "--config", config][..],
        &[&id],
        &[&id, "--url", &url],
        &[&id, "--url", &url, "--token", READER_TOKEN],
    ] {
        let output = explain(&server, wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(READER_TOKEN));
    }
}

#[test]
fn a_member_that_cannot_be_used_is_named_by_the_explanation_the_log_and_the_metric() {
    let server = Server::usual(ENGINE);
    let body = Notice::new("R-1b", "REFUND_SUCCESS").text();
    let body = body.replace("P-R-1b", "P-secret-word\u{200b}");
    server.notify(MAIN, &body).expect(200, ACK);
    let held = Notice::new("R-1c", "REFUND_SUCCESS").amount("\"abc\"");
    server.notified(&held);
    let refund = server.applied("R-1b");
    let one = &explained(&server, &refund)[0];
    let why = "holds a character that cannot be seen";
    assert_eq!(
        one["claim"]["unreadable"],
        serde_json::json!([{"member": "data.outTradeNo", "why": why}])
    );
    let named = format!("data.outTradeNo {why}");
    assert!(
        text(&one["explanation"]["why"]).ends_with(&named),
        "{one:#}"
    );
    let held = &explained(&server, &server.applied("R-1c"))[0];
    let why = text(&held["explanation"]["why"]);
    assert!(
        why.contains("data.refundAmount is not a decimal number"),
        "{why}"
    );

    let config = server.config_path();
    let config = config.to_str().expect("a plain path");
    let table = explain(&server, &[&text(&refund["id"]), "--config", config]).stdout;
    assert!(String::from_utf8_lossy(&table).contains(&named));

    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(&named)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in ["WARN", "cb_", "payermax", "main"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!log.contains("secret-word"), "no value is logged");

    server.notified(&Notice::new("R-1d", "REFUND_REVERSED"));
    server.applied("R-1d");
    let metrics = server.get_with("/metrics", &[]);
    for (reason, count) in [
        ("invalid_content", 2),
        ("status_unknown", 1),
        ("conflict", 0),
    ] {
        let line = format!("refund_receiver_attention_refunds{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.text().contains(&line), "{line}");
    }
}
