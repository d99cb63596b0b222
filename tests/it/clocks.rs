//! Clocks of instances that differ: the database's counts.

use std::time::Duration;

use crate::harness::config::Place;
use crate::harness::injection::{WallClock, wait_for_log};
use crate::harness::payermax::Notice;
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Engine, Server, now, wait_for};

/// A lease of ten seconds, as much again for a machine that runs other tests, and far less than the clocks
/// differ by.
const TAKEN_OVER: Duration = Duration::from_secs(25);

/// Two services on one database; the clock of the first is ninety seconds ahead.
fn ahead_and_right() -> (Server, Server) {
    let config = ConfigBuilder::new(Engine::Postgres);
    let mut ahead = Server::stopped(&config);
    WallClock::of(&mut ahead).jump("+90s");
    ahead.restart();
    (ahead, Server::start(&config))
}

#[test]
fn what_an_instance_accepted_whose_clock_is_ahead_is_applied_in_time_when_it_dies() {
    let (mut ahead, right) = ahead_and_right();
    let Place::Database(database) = &ahead.place else {
        unreachable!("it is on PostgreSQL");
    };
    let mut person = database.client();
    let mut locked = person.transaction().expect("a transaction");
    locked
        .batch_execute("LOCK TABLE refunds IN SHARE MODE")
        .expect("a lock");
    ahead.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    ahead.kill9();
    locked.rollback().expect("it ends");
    let died = now();
    right.applied("R-1");
    assert!(died.elapsed() < TAKEN_OVER, "after {:?}", died.elapsed());
}

#[test]
fn a_clock_that_differs_is_shown_and_times_and_pages_follow_the_database() {
    let (ahead, right) = ahead_and_right();
    wait_for_log(&ahead, "this machine's clock and the database's differ");
    let metrics = ahead.get("/metrics");
    let name = "refund_receiver_clock_skew_seconds ";
    let skew = metrics.text().lines().find_map(|l| l.strip_prefix(name));
    let skew: f64 = skew.expect("a gauge").parse().expect("a number");
    assert!((80.0..100.0).contains(&skew), "{skew}");

    for number in 0..3 {
        let refund_no = format!("R-{number}");
        ahead.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
        ahead.applied(&refund_no);
    }
    let page = right.get("/v1/refunds?limit=1").expect_json(200);
    let cursor = text(&page["next_cursor"]);
    right.notified(&Notice::new("R-new", "REFUND_SUCCESS"));
    let new = right.applied("R-new");
    let rest = right.refunds(&format!("limit=50&cursor={cursor}"));
    assert!(rest.iter().all(|refund| refund["refund_no"] != "R-new"));
    let old = ahead.applied("R-0");
    assert!(text(&old["received_at"]) < text(&new["received_at"]));
    wait_for("both to tell the same", || {
        (ahead.events() == right.events()).then_some(())
    });
}
