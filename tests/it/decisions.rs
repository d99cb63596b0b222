//! What operators decide about open questions: by API and command, alone and by two, over callbacks, requests and
//! close-outs.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::keys::sha256_hex;
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Reply, Server};

mod answers;
mod bad_decisions;
mod close_outs;
mod crash;
mod idempotent;
mod of_requests;
mod races;
mod second_person;
mod shown;

/// Bearer token of a second operator.
const OTHER_TOKEN: &str = "operator-token-of-a-second-person-0123456789";

/// The usual accounts, and a second operator named `other`.
fn config() -> ConfigBuilder {
    let reader = format!(
        "[[readers]]\nname = \"other\"\ntoken_sha256 = \"{}\"\nscopes = [\"refunds:read\", \"operate\"]\n",
        sha256_hex(OTHER_TOKEN)
    );
    ConfigBuilder::new(ENGINE).toml(&reader)
}

fn server() -> Server {
    Server::start(&config())
}

/// A callback in bytes of its own.
fn notice(number: &str, status: &'static str, second: u8) -> Notice {
    Notice {
        notify_time: format!("\"2026-01-17T09:33:{second:02}.540+00:00\""),
        ..Notice::new(number, status)
    }
}

/// A refund that succeeded, and whose failure came later: with a conflict.
#[track_caller]
fn conflict(server: &Server, number: &str) -> Value {
    server.notified(&notice(number, "REFUND_SUCCESS", 1));
    server.notified(&notice(number, "REFUND_FAILED", 2));
    let refund = server.applied(number);
    assert_eq!(refund["attention"][0]["reason"], "conflict", "{refund:#}");
    refund
}

fn id(refund: &Value) -> String {
    text(&refund["id"])
}

/// The callback that raised the first open question.
fn callback(refund: &Value) -> Value {
    refund["attention"][0]["callback_id"].clone()
}

/// POST of a JSON body with this token and these headers.
fn post_with(
    server: &Server,
    token: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Reply {
    let url = format!("{}{path}", server.internal_url);
    let authorization = format!("Bearer {token}");
    let mut all = vec![
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    all.extend_from_slice(headers);
    server
        .client()
        .send("POST", &url, &all, body.to_string().as_bytes())
}

fn post_as(server: &Server, token: &str, path: &str, body: &Value) -> Reply {
    post_with(server, token, path, &[], body)
}

fn decide(server: &Server, refund: &Value, body: &Value) -> Reply {
    decide_as(server, READER_TOKEN, refund, body)
}

fn decide_as(server: &Server, token: &str, refund: &Value, body: &Value) -> Reply {
    let path = format!("/v1/refunds/{}/decisions", id(refund));
    post_as(server, token, &path, body)
}

/// A decision about the first open question.
fn answer(refund: &Value, decision: &str) -> Value {
    let open = &refund["attention"][0];
    json!({
        "question": open["reason"], "callback_id": open["callback_id"], "decision": decision,
        "reason": "the provider confirms it",
    })
}

/// The decisions about a refund, as they are listed.
#[track_caller]
fn decisions(server: &Server, refund: &Value) -> Vec<Value> {
    let list = server.get(&format!("/v1/refunds/{}/decisions", id(refund)));
    list.expect_json(200)["data"]
        .as_array()
        .expect("a list")
        .clone()
}

/// The types of a refund's events in order.
#[track_caller]
fn events_of(server: &Server, refund: &Value) -> Vec<String> {
    let events = server.events();
    let of_it = events
        .iter()
        .filter(|event| event["data"]["id"] == refund["id"]);
    of_it.map(|event| text(&event["type"])).collect()
}

#[track_caller]
fn code(reply: &Reply, status: u16) -> String {
    crate::harness::reader::expect_problem(reply, status);
    text(&reply.json()["code"])
}
