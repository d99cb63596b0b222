//! Third-party programs work with this one: clients generated from the document, the official libraries
//! of Standard Webhooks, a follower of server-sent events, linters of the document and of the metrics.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::config::READER_TOKEN;
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::receiver::{Answer, Receiver};
use crate::harness::{ConfigBuilder, Engine, Server, relay, wait_for};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A program of `tests/clients`, started with pipes.
fn start(program: &str, arguments: &[&str]) -> Child {
    Command::new(root().join("tests/clients/run"))
        .arg(program)
        .args(arguments)
        .env("TOKEN", READER_TOKEN)
        .env("no_proxy", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script can be started")
}

/// Runs a program with this on its standard input.
fn run(program: &str, arguments: &[&str], input: &Value) -> Output {
    let mut child = start(program, arguments);
    let mut stdin = child.stdin.take().expect("it is piped");
    // A program that reads nothing may have ended by now.
    drop(stdin.write_all(input.to_string().as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The same; it must succeed. What it printed.
#[track_caller]
fn succeeds(program: &str, arguments: &[&str], input: &Value) -> String {
    let output = run(program, arguments, input);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}\n{complained}");
    said
}

fn json_of(printed: &str) -> Value {
    serde_json::from_str(printed).unwrap_or_else(|error| panic!("{printed}: {error}"))
}

/// A server with two refunds and three events.
fn server_with_events() -> Server {
    let server = Server::usual(Engine::Sqlite);
    server.notified(&Notice::new("R-1", "REFUND_PENDING"));
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-2", "REFUND_FAILED"));
    wait_for("three events", || {
        (server.events().len() == 3).then_some(())
    });
    server
}

#[test]
fn the_document_breaks_no_recommended_rule_of_redocly() {
    let document = root().join("docs/openapi.json");
    succeeds(
        "redocly",
        &["lint", &document.to_string_lossy()],
        &Value::Null,
    );
}

#[test]
fn generated_clients_list_refunds_and_follow_events() {
    let server = server_with_events();
    let refund = server.get("/v1/refunds?refund_no=R-1").expect_json(200);
    let expected = json!({ "refunds": [refund["data"][0]["id"]], "events": [1, 2, 3] });
    let document = root().join("docs/openapi.json");
    for program in ["generated.py", "generated.mjs"] {
        let arguments = [
            &document.to_string_lossy(),
            server.internal_url.as_str(),
            "R-1",
            "3",
        ];
        let printed = succeeds(program, &arguments, &Value::Null);
        assert_eq!(json_of(&printed), expected, "{program}");
    }
}

#[test]
fn eventsource_follows_the_stream_through_a_reconnect() {
    let server = Server::usual(Engine::Sqlite);
    server.notified(&Notice::new("R-1", "REFUND_PENDING"));
    let mut child = start("follow.mjs", &[&server.internal_url, "3"]);
    let printed = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(printed).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("1"));
    // The connection is closed by now; Last-Event-ID finds the next events.
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-2", "REFUND_FAILED"));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["2", "3", "2"],
        "each once, on two connections"
    );
    child.wait().expect("it ends");
}

#[test]
fn the_official_standard_webhooks_libraries_sign_a_relay() {
    let server = Server::start(&relay::config(Engine::Sqlite));
    let body = include_str!("../fixtures/nmanagement/succeeded.json");
    for program in ["webhooks.mjs", "webhooks.py"] {
        let id = format!("msg-{}", program.len());
        let time = relay::timestamp(0);
        let seconds: i64 = time.parse().expect("seconds");
        let message = json!({
            "secret": relay::text(relay::BANK_SECRET), "id": id, "timestamp": seconds, "body": body,
        });
        let signature = succeeds(program, &["sign"], &message);
        let path = format!("{}R-{}", relay::NMANAGEMENT, program.len());
        let answer = server.relay_as(&path, body, &id, &time, signature.trim());
        assert_eq!(answer.status, 200, "{program}: {}", answer.text());
    }
}

#[test]
fn the_official_standard_webhooks_libraries_verify_a_push() {
    let receiver = Receiver::start(|_| Answer::status(204));
    let config = ConfigBuilder::new(Engine::Sqlite).pushing_to(&receiver.url());
    let server = Server::start(&config);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let pushed = wait_for("a push", || receiver.pushed().first().cloned());
    let seconds: i64 = pushed.header("webhook-timestamp").parse().expect("seconds");
    let mut message = json!({
        "secret": relay::text(relay::SECRET), "id": pushed.header("webhook-id"), "timestamp": seconds,
        "signature": pushed.header("webhook-signature"), "body": pushed.body,
    });
    for program in ["webhooks.mjs", "webhooks.py"] {
        succeeds(program, &["verify"], &message);
    }
    message["body"] = text(&message["body"]).replace("succeeded", "failed").into();
    for program in ["webhooks.mjs", "webhooks.py"] {
        let output = run(program, &["verify"], &message);
        assert!(!output.status.success(), "{program} takes another body");
    }
}
