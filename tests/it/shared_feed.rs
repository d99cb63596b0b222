//! Readers of several instances on one database: an event of one instance wakes readers of another,
//! and one instance at a time serves an endpoint.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::receiver::{Answer, Receiver};
use crate::harness::{ConfigBuilder, Engine, Server, wait_for};

#[test]
fn an_event_of_one_instance_wakes_readers_of_another() {
    let config = ConfigBuilder::new(Engine::Postgres);
    let (one, other) = (Server::start(&config), Server::start(&config));
    one.notified(&Notice::new("R-wait", "REFUND_PENDING"));
    let id = text(&one.applied("R-wait")["id"]);
    other.get("/v1/consumers/erp/events").expect_json(200);
    let path = format!("/v1/refunds/{id}?wait=30s");
    std::thread::scope(|scope| {
        let page = scope.spawn(|| other.get("/v1/events?after=1&wait=30s").expect_json(200));
        let refund = scope.spawn(|| other.get(&path).expect_json(200));
        one.notified(&Notice::new("R-wait", "REFUND_SUCCESS"));
        assert_eq!(page.join().expect("answered")["next"], 2);
        assert_eq!(refund.join().expect("answered")["status"], "succeeded");
    });
}

#[test]
fn a_short_page_holds_what_another_instance_committed() {
    let config = ConfigBuilder::new(Engine::Postgres);
    let (one, other) = (Server::start(&config), Server::start(&config));
    for number in 1..=25 {
        let refund_no = format!("R-{number}");
        one.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
        other.applied(&refund_no);
        let page = other.get("/v1/events?after=0&limit=1000").expect_json(200);
        assert_eq!(page["next"], number);
    }
}

#[test]
fn a_counter_that_goes_back_under_a_running_instance_begins_a_new_history() {
    let config = ConfigBuilder::new(Engine::Postgres);
    let servers = [Server::start(&config), Server::start(&config)];
    for number in 0..5 {
        servers[0].notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
    }
    let pages = servers.each_ref().map(|server| {
        wait_for("the events", || {
            let page = server.get("/v1/events?after=0").expect_json(200);
            (page["next"] == 5).then_some(page)
        })
    });
    let old = text(&pages[0]["epoch"]);
    // As a standby has it that lacked the last commits.
    servers[0]
        .change_store("DELETE FROM events WHERE sequence > 2; UPDATE feed SET last_sequence = 2");
    for server in &servers {
        let reply = server.get(&format!("/v1/events?after=5&epoch={old}"));
        let problem = reply.expect_json(409);
        assert_eq!(problem["code"], "feed_restarted", "{problem}");
        assert_eq!(problem["last_sequence"], 2, "{problem}");
    }
    let new = servers
        .each_ref()
        .map(|server| text(&server.get("/v1/events?after=0").expect_json(200)["epoch"]));
    assert_eq!(new[0], new[1], "one new history for all");
    assert_ne!(new[0], old);
    let said = servers.each_ref().map(Server::log).concat();
    assert!(said.contains("the feed's counter has gone back"), "{said}");
    for server in &servers {
        let metrics = server.get_with("/metrics", &[]).text().to_owned();
        let line = "refund_receiver_feed_histories_total 1\n";
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn numbers_that_were_lost_are_not_given_away_again_before_a_new_history_begins() {
    let server = Server::usual(Engine::Postgres);
    let notify = |names: std::ops::Range<usize>| {
        for number in names {
            let refund_no = format!("R-{number}");
            server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
            server.applied(&refund_no);
        }
    };
    notify(0..5);
    let old = text(&server.get("/v1/events?after=0").expect_json(200)["epoch"]);
    // As a standby has it that lacked the last commits; commits go on before any reader comes.
    server.change_store("DELETE FROM events WHERE sequence > 2; UPDATE feed SET last_sequence = 2");
    notify(5..11);
    let reply = server.get(&format!("/v1/events?after=5&epoch={old}"));
    let problem = reply.expect_json(409);
    assert_eq!(problem["code"], "feed_restarted", "{problem}");
    let page = server.get("/v1/events?after=0").expect_json(200);
    assert_eq!(
        (page["next"].as_i64(), &page["epoch"]),
        (Some(8), &problem["epoch"])
    );
}

#[test]
fn a_consumer_is_the_same_wherever_it_is_read() {
    let config = ConfigBuilder::new(Engine::Postgres);
    let (one, other) = (Server::start(&config), Server::start(&config));
    for refund_no in ["R-1", "R-2", "R-3"] {
        one.notified(&Notice::new(refund_no, "REFUND_SUCCESS"));
    }
    wait_for("the events at the other one", || {
        (other.events().len() == 3).then_some(())
    });
    one.get("/v1/consumers/erp/events").expect_json(200);
    let ack = json!({"sequence": 2});
    other
        .post_as_reader("/v1/consumers/erp/ack", &ack)
        .expect_json(200);
    let page = one.get("/v1/consumers/erp/events").expect_json(200);
    assert_eq!(page["data"][0]["sequence"], 3, "{page}");
}

#[test]
fn an_endpoint_is_served_by_one_instance_and_taken_over_when_that_dies() {
    const EACH: usize = 15;
    let receiver = Receiver::start(|_| Answer::status(200));
    let config = ConfigBuilder::new(Engine::Postgres).pushing_to(&receiver.url());
    let mut instances = [Server::start(&config), Server::start(&config)];
    let notify = |server: &Server, round: usize| {
        for number in 0..EACH {
            server.notified(&Notice::new(
                &format!("R-{round}-{number}"),
                "REFUND_SUCCESS",
            ));
        }
    };
    instances
        .iter()
        .enumerate()
        .for_each(|(round, server)| notify(server, round));
    let attempts = |server: &Server| {
        let metrics = server.get("/metrics");
        let name = "refund_receiver_endpoint_attempts_total{endpoint=\"erp\"} ";
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(name));
        line.expect("the metric")
            .parse::<usize>()
            .expect("a number")
    };
    wait_for("every event", || {
        (receiver.pushed().len() == 2 * EACH).then_some(())
    });
    let counted = instances.each_ref().map(attempts);
    assert!(
        counted == [2 * EACH, 0] || counted == [0, 2 * EACH],
        "one alone serves: {counted:?}"
    );

    let serving = usize::from(counted[0] == 0);
    instances[serving].kill9();
    notify(&instances[1 - serving], 2);
    let pushed = wait_for("the other one to take over", || {
        let mut times: BTreeMap<i64, usize> = BTreeMap::new();
        for event in receiver.pushed() {
            *times.entry(event.sequence()).or_default() += 1;
        }
        (times.len() == 3 * EACH).then_some(times)
    });
    let of_this_round = pushed.range(i64::try_from(2 * EACH + 1).expect("small")..);
    assert!(
        of_this_round.clone().all(|(_, times)| *times == 1),
        "{pushed:?}"
    );
}
