//! The service dies between the attempt and the reply, or has company.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Barrier;

use serde_json::json;

use super::ENGINE;
use crate::crash_points::IN_REQUEST;
use crate::harness::config::Place;
use crate::harness::faulty;
use crate::harness::faulty::VARIABLE;
use crate::harness::reader::text;
use crate::harness::sandbox::{CALLER_TOKEN, Circle, QUICK, Setting, body};
use crate::harness::server::program;
use crate::harness::{Engine, Server, wait_for};

/// Refunds of the test of two instances.
const REFUNDS: usize = 100;

#[test]
fn a_service_that_is_killed_before_the_reply_asks_after_its_start_and_money_moves_once() {
    let mut circle = Circle::start(ENGINE, "real", QUICK);
    let accounts = [
        "payermax/main",
        "paycools/my",
        "quickpay/store-1",
        "nmanagement/ccb",
    ];
    let mut ids = Vec::new();
    for (index, account) in accounts.into_iter().enumerate() {
        let provider = account.split('/').next().expect("a provider");
        let number = format!("K{index}OK");
        // It is done, and no answer ever comes; nor does a callback.
        for (call, fault) in [("refund", "after-accept-hang"), ("callback", "drop")] {
            circle.sandbox.arm_with(
                &json!({"provider": provider, "call": call, "number": number, "fault": fault}),
            );
        }
        ids.push((circle.request(&body(account, &number)), number));
    }
    for (_, number) in &ids {
        wait_for("the provider to have it", || {
            (circle.sandbox.moved(number) + u64::from(!circle.sandbox.entry(number).is_null()) > 0)
                .then_some(())
        });
    }
    circle.server.kill9();
    if ENGINE == Engine::Postgres {
        // Another instance might be at work: the leases, of minutes, have to end.
        let Place::Database(database) = &circle.server.place else {
            unreachable!("it is on PostgreSQL");
        };
        database.execute("UPDATE requests SET next_at = 0 WHERE next_at > 0");
    }
    circle.restart();
    for (id, number) in &ids {
        let refund = circle.comes_to(id, "done");
        assert_eq!(refund["status"], "succeeded");
        assert_eq!(refund["request"]["attempts"], 1, "{refund:#}");
        assert_eq!(
            (circle.sandbox.moved(number), circle.sandbox.sends(number)),
            (1, 1)
        );
        assert!(circle.asks(id) >= 1, "{number}");
        let sent = circle.wait_for_entries(id, "attempt", 1);
        assert!(sent[0]["reply"].is_null(), "{:#}", sent[0]);
    }
    circle.assert_agrees();
}

#[test]
fn an_end_at_any_place_of_a_request_moves_money_once() {
    let mut circle = Circle::start(ENGINE, "fast", QUICK);
    // The one that ends an ask comes first: no other refund is open then.
    for point in IN_REQUEST.into_iter().rev() {
        let number = format!("Z{}OK", point.replace('-', "").to_uppercase());
        if point == "ask-attempted" {
            circle.sandbox.arm("quickpay", "refund", "after-accept-500");
        }
        circle.server.kill9();
        circle.server.use_program(faulty::program());
        let action = format!("{point}=return");
        circle.server.set_variable(VARIABLE, Some(&action));
        circle.restart();
        let asked = body("quickpay/store-1", &number);
        circle.server.try_post_as_caller("/v1/refunds", &asked);
        let status = circle.server.wait_end();
        assert!(status.signal().is_some(), "{point}: {status:?}");
        circle.server.use_program(program());
        circle.server.set_variable(VARIABLE, None);
        if let Place::Database(database) = &circle.server.place {
            database.execute("UPDATE requests SET next_at = 0 WHERE next_at > 0");
        }
        circle.restart();
        // The same call again: the same refund.
        let reply = circle.post("/v1/refunds", &asked);
        assert!(matches!(reply.status, 200 | 202), "{point}: {reply:?}");
        let id = text(&reply.json()["id"]);
        let was_never_sent = point == "request-attempted";
        let refund = circle.until(&id, "an end", |refund| {
            let state = text(&refund["request"]["state"]);
            state == "done" || was_never_sent && state == "unknown" && circle.asks(&id) >= 2
        });
        assert!(circle.sandbox.sends(&number) <= 1, "{point}");
        // Before the first byte it was never taken, which only time proves.
        let is_done = refund["request"]["state"] == "done";
        assert_eq!(is_done, point != "request-attempted", "{point}: {refund:#}");
        assert_eq!(circle.sandbox.moved(&number), u64::from(is_done), "{point}");
    }
}

#[test]
fn intents_that_were_answered_survive_kill_9_and_are_sent_after_the_start() {
    let mut circle = Circle::start(ENGINE, "fast", QUICK);
    circle.switch("quickpay/store-1", "stop");
    let ids: Vec<_> = (0..20)
        .map(|index| circle.request(&body("quickpay/store-1", &format!("S{index}OK"))))
        .collect();
    circle.server.kill9();
    circle.restart();
    assert!(
        circle.stopped("quickpay/store-1").is_object(),
        "a stop survives, too"
    );
    for id in &ids {
        assert_eq!(circle.refund(id)["request"]["state"], "queued");
    }
    circle.switch("quickpay/store-1", "resume");
    for (index, id) in ids.iter().enumerate() {
        circle.comes_to(id, "done");
        assert_eq!(circle.sandbox.sends(&format!("S{index}OK")), 1);
    }
    circle.assert_agrees();
}

#[test]
fn kill_9_under_load_sends_no_number_twice() {
    let mut circle = Circle::start(ENGINE, "fast", QUICK);
    let mut ids = Vec::new();
    for round in 0..3 {
        for index in 0..20 {
            let account = ["payermax/main", "paycools/my"][index % 2];
            let number = format!("L{round}X{index}OK");
            ids.push((circle.request(&body(account, &number)), number));
        }
        circle.server.kill9();
        if let Place::Database(database) = &circle.server.place {
            database.execute("UPDATE requests SET next_at = 0 WHERE next_at > 0");
        }
        circle.restart();
    }
    for (id, number) in &ids {
        // One that died between its commit and its first byte was never taken; only time proves that. Asks that died
        // with their process count, too, and found nothing out.
        let refund = circle.until(id, "an end", |refund| {
            let state = text(&refund["request"]["state"]);
            let was_taken = !circle.sandbox.entry(number).is_null();
            state == "done" || state == "unknown" && circle.asks(id) >= 2 && !was_taken
        });
        if refund["request"]["state"] == "done" {
            assert_eq!(circle.sandbox.moved(number), 1, "{number}");
        }
        assert!(circle.sandbox.sends(number) <= 1, "{number}");
    }
    circle.assert_agrees();
}

#[test]
fn two_instances_on_one_database_send_each_number_once() {
    if ENGINE != Engine::Postgres {
        return;
    }
    let setting = Setting::new(ENGINE, "fast", QUICK);
    let other = Server::start(&setting.config);
    let circle = setting.serve();
    let together = Barrier::new(2);
    let ids: BTreeSet<String> = std::thread::scope(|scope| {
        let servers = [&circle.server, &other];
        let asking = servers.map(|server| {
            let together = &together;
            scope.spawn(move || {
                let ask = |index: usize| {
                    let account = ["payermax/main", "paycools/my", "quickpay/store-1"][index % 3];
                    // Both ask for the same.
                    let body = body(account, &format!("T{index}OK"));
                    let reply = server.post_as_caller("/v1/refunds", &[], &body);
                    assert!(matches!(reply.status, 200 | 202), "{}", reply.text());
                    text(&reply.json()["id"])
                };
                together.wait();
                (0..REFUNDS).map(ask).collect::<Vec<_>>()
            })
        });
        asking
            .into_iter()
            .flat_map(|asking| asking.join().expect("no panic"))
            .collect()
    });
    assert_eq!(ids.len(), REFUNDS, "one refund of each number");
    for id in &ids {
        let refund = circle.comes_to(id, "done");
        assert_eq!(refund["request"]["attempts"], 1, "{refund:#}");
    }
    for index in 0..REFUNDS {
        let number = format!("T{index}OK");
        assert_eq!(
            (circle.sandbox.moved(&number), circle.sandbox.sends(&number)),
            (1, 1),
            "{number}"
        );
    }
    let told = other
        .get_as(CALLER_TOKEN, "/v1/refunds?limit=200&status=succeeded")
        .expect_json(200);
    assert_eq!(told["data"].as_array().map(Vec::len), Some(REFUNDS));
    circle.assert_agrees();
}
