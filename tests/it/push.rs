//! Push: events posted to a reader's own server, signed, in order for each refund, at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::FEED_TOKEN;
use crate::harness::payermax::Notice;
use crate::harness::reader::{expect_problem, text};
use crate::harness::receiver::{Answer, Pushed, Receiver};
use crate::harness::relay::{self, signature};
use crate::harness::{ConfigBuilder, Server, now, wait_for};

mod faults;
mod gateway;
mod operating;

/// The secrets before their Base64, as `relay` has them.
const SECRET: &[u8] = relay::SECRET;
const NEXT_SECRET: &[u8] = relay::NEXT_SECRET;
/// The schedule that [`endpoint`] gives, for tests that need another one.
const QUICK: &str = "[1, 1, 1, 1, 1]";

/// The config of one endpoint with quick retries; `more` holds further lines.
fn endpoint(name: &str, url: &str, more: &str) -> String {
    format!(
        "[[endpoints]]\nname = \"{name}\"\nurl = \"{url}\"\nsecrets = [\"file:push.secret\"]\n\
         allow_private = true\nretry_schedule_seconds = {QUICK}\n{more}\n"
    )
}

fn config() -> ConfigBuilder {
    ConfigBuilder::new(ENGINE).file("push.secret", &relay::text(SECRET))
}

/// A server that pushes to this receiver.
fn pushing_to(receiver: &Receiver) -> Server {
    Server::start(&config().toml(&endpoint("erp", &receiver.url(), "")))
}

fn ok(_: &Pushed) -> Answer {
    Answer::status(204)
}

/// Sends one callback whose event an endpoint is to get.
fn notify(server: &Server, refund_no: &str, status: &'static str) {
    server.notified(&Notice::new(refund_no, status));
}

/// Waits until so many events, repeats not counted, have come.
fn wait_for_events(receiver: &Receiver, count: usize) -> Vec<Pushed> {
    wait_for(&format!("{count} different events to be pushed"), || {
        let pushed = receiver.pushed();
        let different: BTreeSet<_> = pushed.iter().map(Pushed::sequence).collect();
        (different.len() >= count).then_some(pushed)
    })
}

/// The state of an endpoint as the service shows it.
fn state(server: &Server, name: &str) -> Value {
    let list = server.get("/v1/endpoints").expect_json(200);
    let data = list["data"].as_array().expect("a list");
    let found = data.iter().find(|endpoint| endpoint["name"] == name);
    found.expect("the endpoint is listed").clone()
}

/// Waits until a member of an endpoint's state has this value.
fn wait_for_state(server: &Server, name: &str, member: &str, value: &Value) -> Value {
    wait_for(&format!("{member} of {name} to be {value}"), || {
        let state = state(server, name);
        (state[member] == *value).then_some(state)
    })
}

/// Waits until everything is delivered. One view says so: a view lags, and what was failing at one moment may not be so
/// at the next.
fn wait_until_delivered(server: &Server, name: &str) {
    wait_for(&format!("all of {name} to be delivered"), || {
        let state = state(server, name);
        let is_delivered = state["state"] == "active" && state["parked"] == 0 && state["lag"] == 0;
        is_delivered.then_some(())
    });
}

/// Asserts that within each refund no event came for the first time after a later one.
fn assert_order_within_refunds(pushed: &[Pushed]) {
    let mut seen: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for event in pushed {
        let (refund_no, sequence) = (event.refund_no(), event.sequence());
        let seen = seen.entry(refund_no.clone()).or_default();
        if !seen.contains(&sequence) {
            let is_next = seen.last().is_none_or(|last| *last < sequence);
            assert!(is_next, "{refund_no}: {sequence} came after {seen:?}");
            seen.insert(sequence);
        }
    }
}

#[test]
fn every_event_is_posted_signed_and_as_the_feed_has_it() {
    let receiver = Receiver::start(ok);
    let server = pushing_to(&receiver);
    notify(&server, "R-1", "REFUND_PENDING");
    notify(&server, "R-1", "REFUND_SUCCESS");
    notify(&server, "R-2", "REFUND_FAILED");
    let pushed = wait_for_events(&receiver, 3);
    assert_eq!(pushed.len(), 3, "once each");
    let mut bodies: Vec<_> = pushed.iter().map(Pushed::json).collect();
    bodies.sort_by_key(|event| event["sequence"].as_i64());
    assert_eq!(bodies, server.events());
    for event in &pushed {
        assert_eq!(event.path, "/events");
        assert_eq!(event.header("content-type"), "application/json");
        let (id, time) = (
            event.header("webhook-id"),
            event.header("webhook-timestamp"),
        );
        assert_eq!(id, text(&event.json()["id"]));
        let sent: i64 = time.parse().expect("seconds");
        let present: i64 = relay::timestamp(0).parse().expect("seconds");
        assert!((present - sent).abs() < 60, "{sent} at {present}");
        let expected = signature(SECRET, id, time, &event.body);
        assert_eq!(event.header("webhook-signature"), expected);
    }
    assert_order_within_refunds(&pushed);
    let state = wait_for_state(&server, "erp", "lag", &json!(0));
    assert_eq!(state["state"], "active", "{state}");
    assert_eq!(state["sequence"], 3, "{state}");
}

#[test]
fn during_a_rotation_every_event_carries_both_signatures() {
    let receiver = Receiver::start(ok);
    let toml = endpoint("erp", &receiver.url(), "").replace(
        "[\"file:push.secret\"]",
        "[\"file:push.secret\", \"env:NEXT_PUSH_SECRET\"]",
    );
    let next = relay::text(NEXT_SECRET);
    let server = Server::start(&config().toml(&toml).variable("NEXT_PUSH_SECRET", &next));
    notify(&server, "R-1", "REFUND_SUCCESS");
    let event = wait_for_events(&receiver, 1).remove(0);
    let (id, time) = (
        event.header("webhook-id"),
        event.header("webhook-timestamp"),
    );
    let both = [SECRET, NEXT_SECRET].map(|secret| signature(secret, id, time, &event.body));
    assert_eq!(event.header("webhook-signature"), both.join(" "));
}

#[test]
fn an_endpoint_gets_the_kinds_that_it_wants() {
    let (some, all) = (Receiver::start(ok), Receiver::start(ok));
    let wanted = "events = [\"refund.failed\", \"refund.conflict\"]";
    let toml = endpoint("some", &some.url(), wanted) + &endpoint("all", &all.url(), "");
    let server = Server::start(&config().toml(&toml));
    notify(&server, "R-1", "REFUND_SUCCESS");
    notify(&server, "R-2", "REFUND_FAILED");
    notify(&server, "R-3", "REFUND_SUCCESS");
    wait_for_events(&all, 3);
    wait_for_state(&server, "some", "sequence", &json!(3));
    let pushed = some.pushed();
    let kinds = pushed.iter().map(|event| text(&event.json()["type"]));
    assert_eq!(kinds.collect::<Vec<_>>(), ["refund.failed"]);
}

#[test]
fn a_refund_that_is_not_taken_waits_in_order_and_holds_up_no_other() {
    let receiver = Receiver::start(|event| {
        let is_bad = event.refund_no() == "R-bad";
        Answer::status(if is_bad { 500 } else { 200 })
    });
    let server = pushing_to(&receiver);
    notify(&server, "R-bad", "REFUND_PENDING");
    notify(&server, "R-bad", "REFUND_SUCCESS");
    // Its events are 1 and 2 then: those of different refunds have no order.
    server.applied("R-bad");
    for number in 0..10 {
        notify(&server, &format!("R-{number}"), "REFUND_SUCCESS");
    }
    let state = wait_for_state(&server, "erp", "lag", &json!(0));
    assert_eq!(state["parked"], 2, "{state}");
    let of_the_bad_one = || -> Vec<i64> {
        let pushed = receiver.pushed();
        let bad = pushed.iter().filter(|event| event.refund_no() == "R-bad");
        bad.map(Pushed::sequence).collect()
    };
    let tried = of_the_bad_one();
    assert!(tried.iter().all(|at| *at == 1), "{tried:?}");
    receiver.answer(ok);
    wait_for_state(&server, "erp", "parked", &json!(0));
    assert_eq!(of_the_bad_one().last(), Some(&2), "then the next");
    let pushed = receiver.pushed();
    assert_order_within_refunds(&pushed);
    let ids: BTreeSet<_> = pushed
        .iter()
        .filter(|event| event.sequence() == 1)
        .map(|event| event.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 1, "one id for all attempts: {ids:?}");
}

#[test]
fn an_event_that_is_never_taken_is_given_up_and_its_refund_goes_on() {
    let receiver = Receiver::start(|event| {
        let is_bad = event.sequence() == 1;
        Answer::status(if is_bad { 400 } else { 200 })
    });
    let once_more = endpoint("erp", &receiver.url(), "").replace(QUICK, "[2]");
    let server = Server::start(&config().toml(&once_more));
    notify(&server, "R-bad", "REFUND_PENDING");
    notify(&server, "R-bad", "REFUND_SUCCESS");
    wait_for_events(&receiver, 1);
    // Others are delivered at the same time, so the endpoint itself is not failing.
    notify(&server, "R-good", "REFUND_SUCCESS");
    let state = wait_for_state(&server, "erp", "given_up", &json!(1));
    assert!(text(&state["last_error"]).contains("400"), "{state}");
    let pushed = wait_for_events(&receiver, 3);
    let attempts = pushed.iter().filter(|event| event.sequence() == 1);
    assert_eq!(attempts.count(), 2);
    wait_for_state(&server, "erp", "parked", &json!(0));
    assert_eq!(server.events().len(), 3, "the event is still in the feed");
}

#[test]
fn retry_after_is_honoured() {
    let receiver = Receiver::start(|_| Answer::Status(503, "Retry-After: 4\r\n".to_owned()));
    let server = pushing_to(&receiver);
    notify(&server, "R-1", "REFUND_SUCCESS");
    let first = wait_for_events(&receiver, 1)[0].at;
    receiver.answer(ok);
    let second = wait_for("the second attempt", || receiver.pushed().get(1).cloned());
    let pause = second.at - first;
    assert!(pause >= Duration::from_secs(4), "it came after {pause:?}");
}

#[test]
fn endpoints_are_for_operators() {
    let receiver = Receiver::start(ok);
    let server = pushing_to(&receiver);
    expect_problem(&server.get_with("/v1/endpoints", &[]), 401);
    expect_problem(&server.get_as(FEED_TOKEN, "/v1/endpoints"), 403);
    let recover = |name: &str, body: &Value| {
        server.post_as_reader(&format!("/v1/endpoints/{name}/recover"), body)
    };
    expect_problem(&recover("unknown", &json!({})), 404);
    expect_problem(&recover("erp", &json!({"since": "soon"})), 400);
    expect_problem(&recover("erp", &json!({"since": {"sequence": 9}})), 422);
    assert_eq!(recover("erp", &json!({})).status, 200);
    let metrics = server.get("/metrics");
    for (name, value) in [("lag_events", 0), ("parked_events", 0), ("disabled", 0)] {
        let line = format!("refund_receiver_endpoint_{name}{{endpoint=\"erp\"}} {value}\n");
        assert!(metrics.text().contains(&line), "{line}{}", metrics.text());
    }
}
