//! The database server fails: it crashes, freezes, is full, turns read-only, is replaced by its standby.
//! A callback then gets 503 and is never lost; every acknowledged callback is stored once.

use std::sync::Arc;

use crate::harness::ledger::{Ledger, mixed, register_orders};
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::{ConfigBuilder, Engine, Postgres, Proxy, Server, wait_for};

/// Deliveries of one test.
const DELIVERIES: usize = 100;

/// A service on a server of its own.
fn on(postgres: &Arc<Postgres>) -> Server {
    Server::start(
        &ConfigBuilder::bare(Engine::Sqlite)
            .usual_accounts()
            .on(&postgres.database()),
    )
}

/// Posts callbacks until one is acknowledged.
#[track_caller]
fn wait_until_it_serves(server: &Server, name: &str) {
    let mut number = 0;
    wait_for("the service to take callbacks again", || {
        number += 1;
        let notice = Notice::new(&format!("R-again-{name}-{number}"), "REFUND_SUCCESS");
        let reply = server.notify(MAIN, notice.text());
        assert!(matches!(reply.status, 200 | 503), "{reply:?}");
        (reply.status == 200).then_some(())
    });
}

/// A new callback gets 503 with `Retry-After`.
#[track_caller]
fn assert_put_off(server: &Server, refund_no: &str) {
    let reply = server.notify(MAIN, Notice::new(refund_no, "REFUND_SUCCESS").text());
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_ne!(reply.header("retry-after"), "");
}

#[test]
fn a_crash_of_the_server_in_mid_load_loses_and_doubles_nothing() {
    let postgres = Postgres::own(&[]);
    let (mut server, mut ledger) = (on(&postgres), Ledger::default());
    register_orders(&server, 0, DELIVERIES);
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 20, |_| {
        postgres.crash();
        postgres.start();
    });
    wait_for("the service to be ready again", || {
        let client = server.client();
        let url = format!("{}/readyz", server.internal_url);
        let reply = client.try_send("GET", &url, &[], b"").ok()?;
        (reply.status == 200).then_some(())
    });
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn a_commit_whose_answer_is_lost_counts_once() {
    let postgres = Postgres::shared();
    let proxy = Proxy::to(&postgres.address());
    let config = ConfigBuilder::new(Engine::Postgres).by_way_of(&proxy.address());
    let (mut server, mut ledger) = (Server::start(&config), Ledger::default());
    register_orders(&server, 0, DELIVERIES);
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 10, |_| {
        proxy.lose_answer(b"COMMIT\0");
        wait_for("an answer to be lost", || proxy.has_lost().then_some(()));
    });
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn a_commit_that_never_arrived_is_not_acknowledged() {
    let postgres = Postgres::shared();
    let proxy = Proxy::to(&postgres.address());
    let config = ConfigBuilder::new(Engine::Postgres).by_way_of(&proxy.address());
    let (mut server, mut ledger) = (Server::start(&config), Ledger::default());
    register_orders(&server, 0, DELIVERIES);
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 10, |_| {
        proxy.lose_request(b"COMMIT\0");
        wait_for("a commit to be lost", || proxy.has_lost().then_some(()));
    });
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn every_connection_is_cut_by_an_operator_and_made_again() {
    let config = ConfigBuilder::new(Engine::Postgres);
    let crate::harness::config::Place::Database(database) = config.place.clone() else {
        panic!("a database was asked for");
    };
    let (mut server, mut ledger) = (Server::start(&config), Ledger::default());
    register_orders(&server, 0, DELIVERIES);
    ledger.storm(&mut server, &mixed(0, DELIVERIES), 20, |_| {
        database.terminate_connections();
    });
    ledger.assert_whole_after_redelivery(&mut server);
}

#[test]
fn a_frozen_server_puts_callbacks_off_and_thaws_into_service() {
    let postgres = Postgres::own(&[]);
    let server = on(&postgres);
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    postgres.freeze();
    assert_put_off(&server, "R-frozen");
    postgres.thaw();
    wait_until_it_serves(&server, "thawed");
    // It may have been committed in the moment of the thaw; sent again it is there once.
    server
        .notify(MAIN, Notice::new("R-frozen", "REFUND_SUCCESS").text())
        .expect(200, ACK);
    server.applied("R-frozen");
    assert_eq!(server.refunds("refund_no=R-frozen").len(), 1);
}

#[test]
fn no_connection_is_left_on_the_server() {
    let postgres = Postgres::own(&[("max_connections", "14")]);
    let database = postgres.database();
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&database);
    let server = Server::start(&config);
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    // Others take each slot that the service loses: it connects again by itself, so they try until none is left to it.
    let (mut operator, mut held, mut number) = (database.client(), Vec::new(), 0);
    wait_for("callbacks to be put off", || {
        operator
            .batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'refund-receiver'",
            )
            .expect("the operator's connection was there first");
        while let Ok(client) = postgres::Client::connect(&database.url(), postgres::NoTls) {
            held.push(client);
        }
        number += 1;
        let notice = Notice::new(&format!("R-crowded-{number}"), "REFUND_SUCCESS");
        let reply = server.notify(MAIN, notice.text());
        assert!(matches!(reply.status, 200 | 503), "{reply:?}");
        (reply.status == 503).then_some(())
    });
    assert!(!held.is_empty(), "there was a free connection");
    drop(held);
    wait_until_it_serves(&server, "free");
}

#[test]
fn a_server_that_turned_read_only_takes_nothing_and_loses_nothing() {
    let postgres = Postgres::own(&[]);
    let server = on(&postgres);
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    postgres.set_read_only(true);
    wait_for("callbacks to be put off", || {
        let notice = Notice::new("R-read-only", "REFUND_SUCCESS");
        let reply = server.notify(MAIN, notice.text());
        (reply.status == 503).then_some(())
    });
    postgres.set_read_only(false);
    wait_until_it_serves(&server, "writable");
    assert_eq!(server.refunds("refund_no=R-before").len(), 1);
}

/// Primary and standby, a service that reaches whichever a proxy leads to, and load until the primary
/// is gone and the standby has replaced it.
fn failed_over(is_synchronous: bool) -> (Server, Ledger, (Proxy, Arc<Postgres>)) {
    let primary = Postgres::own(&[]);
    let database = primary.database();
    let proxy = Proxy::to(&primary.address());
    let standby = primary.standby("standby");
    if is_synchronous {
        primary.set_synchronous(&["standby"]);
    }
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&database)
        .by_way_of(&proxy.address());
    let (mut server, mut ledger) = (Server::start(&config), Ledger::default());
    register_orders(&server, 0, DELIVERIES);
    let load = mixed(0, DELIVERIES);
    if !is_synchronous {
        // The link is down: what is committed from now on does not reach the standby.
        standby.set("primary_conninfo", "");
        wait_for("the link to be down", || {
            let links = primary.query("SELECT 1 FROM pg_stat_replication");
            links.is_empty().then_some(())
        });
    }
    ledger.storm(&mut server, &load, 30, |_| primary.crash());
    standby.promote();
    proxy.retarget(&standby.address());
    proxy.cut();
    wait_until_it_serves(&server, "standby");
    server.wait_until_applied();
    (server, ledger, (proxy, standby))
}

#[test]
fn a_synchronous_standby_takes_over_without_losing_what_was_acknowledged() {
    let (server, ledger, _kept) = failed_over(true);
    assert!(ledger.acked() >= 30);
    assert_eq!(
        ledger.lost(&server),
        [""; 0],
        "acknowledged, so on two disks"
    );
}

#[test]
fn an_asynchronous_standby_may_lack_what_was_acknowledged() {
    let (server, ledger, _kept) = failed_over(false);
    assert!(
        !ledger.lost(&server).is_empty(),
        "the loss that docs/scaling.md warns of could not be shown"
    );
}
