//! Odd clocks: the process is stopped for a while, the wall clock jumps. Nothing
//! acknowledged is lost or doubled, and nothing waits for ever.

use std::time::Duration;

use super::ENGINE;
use crate::harness::epay::order_no;
use crate::harness::injection::WallClock;
use crate::harness::ledger::{Answer, Ledger, mixed, register_orders, report};
use crate::harness::{ConfigBuilder, Server, now, wait_for};

/// Deliveries made ready for one round.
const DELIVERIES: usize = 60;
/// Longer than the time after which resume takes over what was accepted and not applied (5 s).
const STANDSTILL: Duration = Duration::from_secs(6);

#[test]
fn a_process_that_stood_still_in_mid_load_goes_on() {
    let (mut server, mut ledger) = (Server::usual(ENGINE), Ledger::default());
    register_orders(&server, 0, DELIVERIES);
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 10, |server| {
        server.freeze();
        let since = now();
        wait_for("the time of the standstill", || {
            (since.elapsed() > STANDSTILL).then_some(())
        });
        server.signal("CONT");
    });
    // A connection that was idle for so long may be closed while its next request is on the way.
    ledger.assert_kept(&server);
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn a_wall_clock_that_jumps_under_load_changes_nothing_but_times() {
    let mut server = Server::stopped(&ConfigBuilder::new(ENGINE));
    let clock = WallClock::of(&mut server);
    server.restart();
    let mut ledger = Ledger::default();
    for (round, offset) in ["+10d", "-10d", "+1s", "-3650d", "+0"]
        .into_iter()
        .enumerate()
    {
        register_orders(&server, round, DELIVERIES);
        ledger.storm(&mut server, &mixed(round, DELIVERIES), 15, |_| {
            clock.jump(offset);
        });
        assert_eq!(ledger.acked(), DELIVERIES * (round + 1), "after {offset}");
    }
    ledger.assert_kept(&server);
    ledger.assert_whole_after_redelivery(&mut server);
    for event in server.events() {
        let time = event["timestamp"].as_str().expect("a text");
        assert!(time.len() == 24 && time.ends_with('Z'), "{event}");
    }
}

#[test]
fn what_was_accepted_in_the_future_is_applied_in_the_present() {
    let mut server = Server::stopped(&ConfigBuilder::new(ENGINE));
    let clock = WallClock::of(&mut server);
    clock.jump("+10d");
    server.restart();
    let (mut ledger, early) = (Ledger::default(), report(1, 0));
    assert_eq!(
        ledger.post(&server, &early),
        Answer::PutOff,
        "its order is not known yet"
    );
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 15, Server::kill9);
    clock.jump("+0");
    server.restart();
    ledger.assert_kept(&server);
    register_orders(&server, 0, DELIVERIES);
    server.put_simple_order("1-0", "refund_applied", "30.00");
    wait_for("the order to be closed", || {
        (server.order(&order_no("1-0"))["state"] == "closed").then_some(())
    });
    ledger.assert_kept(&server);
    ledger.assert_whole_after_redelivery(&mut server);
}
