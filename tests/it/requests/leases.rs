//! A worker whose lease ends while it still works.

use serde_json::{Value, json};
use std::sync::Arc;

use super::{ENGINE, SEND, comes_to, refund, requested};
use crate::harness::config::Place;
use crate::harness::injection::WallClock;
use crate::harness::provider::{Gate, Provider, quickpay, refunded};
use crate::harness::reader::text;
use crate::harness::sandbox::CALLER_TOKEN;
use crate::harness::{Server, wait_for};

/// The sends of a refund as its timeline has them.
fn sends(server: &Server, id: &str) -> Vec<Value> {
    let path = format!("/v1/refunds/{id}/timeline");
    let timeline = server.get_as(CALLER_TOKEN, &path).expect_json(200);
    let entries = timeline["data"].as_array().expect("a list");
    let mut sends = entries.clone();
    sends.retain(|entry| entry["kind"] == "attempt");
    sends
}

/// The first worker hears late that its refund was not taken. By then its lease has ended, a person had the number
/// sent again, and the second send is under way: if the late reply counted, there would be a third one.
#[test]
fn a_worker_whose_lease_has_ended_moves_nothing_by_its_late_reply() {
    let gates = [Arc::new(Gate::default()), Arc::new(Gate::default())];
    let held = gates.clone();
    let provider = Provider::start(move |call| match (call.path.as_str(), call.nth) {
        (SEND, 1) => {
            held[0].wait();
            (429, "{}".to_owned())
        }
        (SEND, 2) => {
            held[1].wait();
            (200, refunded("Q1"))
        }
        // Neither the query nor a third send says anything.
        _ => (500, "{}".to_owned()),
    });
    let mut server = Server::stopped(&quickpay(ENGINE, &provider.url(), ""));
    let clock = WallClock::of(&mut server);
    server.restart();
    let id = requested(&server, "Q1");
    wait_for("the first send", || {
        (provider.count(SEND) == 1).then_some(())
    });
    match &server.place {
        // The clock of a server is not ours to set.
        Place::Database(database) => {
            database.execute("UPDATE requests SET next_at = 0 WHERE next_at > 0");
        }
        Place::Folder => clock.jump("+3m"),
    }
    comes_to(&server, &id, "unknown");
    let why = json!({"reason": "the provider's books do not have it"});
    let resent = server.post_as_caller(&format!("/v1/refunds/{id}/resend"), &[], &why);
    assert_eq!(resent.status, 202, "{}", resent.text());
    wait_for("the second send", || {
        (provider.count(SEND) == 2).then_some(())
    });
    gates[0].open();
    wait_for("the end of the first send", || {
        (sends(&server, &id)[0]["class"] == "later").then_some(())
    });
    let seen = refund(&server, &id);
    assert_eq!(seen["request"]["state"], "sending", "{seen:#}");
    gates[1].open();
    comes_to(&server, &id, "done");
    assert_eq!(provider.count(SEND), 2);
    let classes: Vec<_> = sends(&server, &id)
        .iter()
        .map(|it| text(&it["class"]))
        .collect();
    assert_eq!(classes, ["later", "done"]);
}
