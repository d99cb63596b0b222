//! Crashes and graceful shutdowns under load: every acknowledged callback is stored and applied once.
//!
//! A request without an answer may or may not have been stored; after it is sent again the result
//! must be that of one delivery.

use std::time::{Duration, Instant};

use super::ENGINE;
use crate::harness::Server;
use crate::harness::ledger::{Ledger, mixed, register_orders};
use crate::harness::payermax::Notice;

/// How often the process is killed in one test.
const ROUNDS: usize = 12;
/// Deliveries made ready for one round.
const DELIVERIES: usize = 150;

#[test]
fn what_was_acknowledged_survives_kill_9_and_takes_effect_exactly_once() {
    let mut server = Server::usual(ENGINE);
    let mut ledger = Ledger::default();
    for round in 0..ROUNDS {
        register_orders(&server, round, DELIVERIES);
        let load = mixed(round, DELIVERIES);
        ledger.storm(&mut server, &load, 15 + 37 * round % 80, Server::kill9);
        server.restart();
        if round % 3 == 0 {
            // Killed again while it applies the backlog of the first kill.
            server.kill9();
            server.restart();
        }
    }
    ledger.assert_kept(&server);
    let kills = ROUNDS + ROUNDS.div_ceil(3);
    ledger.measured(&server, &format!("kill -9 ({ENGINE:?})"), kills);
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn sigterm_under_load_drains_and_exits_0_and_loses_nothing() {
    let mut server = Server::usual(ENGINE);
    let mut ledger = Ledger::default();
    register_orders(&server, 0, DELIVERIES);
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 25, |server| {
        assert_eq!(server.terminate().code(), Some(0), "an orderly end");
    });
    ledger.audit(&server);
    server.restart();
    ledger.assert_kept(&server);
}

#[test]
fn sigterm_while_readers_wait_ends_promptly() {
    let mut server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let (url, client) = (server.internal_url.clone(), server.client());
    let (asking, asked) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let token = format!("Bearer {}", crate::harness::config::READER_TOKEN);
        let url = format!("{url}/v1/events?after=1&wait=60s");
        asking.send(()).expect("the test goes on");
        client
            .try_send("GET", &url, &[("authorization", &token)], b"")
            .expect("a reader that waits is answered, not cut")
    });
    asked.recv().expect("the reader is about to ask");
    // The listener has answered others since, so the reader waits by the time of the signal.
    for _ in 0..3 {
        assert_eq!(server.refunds("status=succeeded").len(), 1);
    }
    #[expect(clippy::disallowed_methods, reason = "how long it takes is the rule")]
    let told = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    let reply = waiting.join().expect("the reader came back");
    assert_eq!(reply.status, 200, "{reply:?}");
}
