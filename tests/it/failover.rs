//! The primary freezes and its standby takes over; the standby is away. Checks the downtime and
//! the logs, on PostgreSQL as Debian ships it. The drill on a whole cluster is a long test of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::harness::mute::Mute;
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server, now, wait_for};

/// What a sender waits for an answer, and what a busy machine may add.
const ANSWER_MAX: Duration = Duration::from_millis(6_500);
/// An answer of a store that is known to be away, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Most connections of an instance.
const CONNECTIONS_MAX: i64 = 12;

/// A primary with a synchronous standby, and a service that knows both, the primary first.
fn pair(more: &str) -> (Server, [Arc<Postgres>; 2], Arc<Database>) {
    let primary = Postgres::own(&[]);
    let database = primary.database();
    let standby = primary.standby("second");
    primary.set_synchronous(&["second"]);
    let both = format!("{},{}", primary.address(), standby.address());
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .toml(more)
        .usual_accounts()
        .on(&database)
        .by_way_of(&both);
    (Server::start(&config), [primary, standby], database)
}

fn text(server: &Server, path: &str) -> String {
    server.get_with(path, &[]).text().to_owned()
}

#[track_caller]
fn wait_for_text(server: &Server, path: &str, expected: &str) {
    wait_for(&format!("{expected} in {path}"), || {
        text(server, path).contains(expected).then_some(())
    });
}

/// Posts one callback; its status, which was in time.
#[track_caller]
fn posted(server: &Server, refund_no: &str, within: Duration) -> u16 {
    let started = now();
    let reply = server.notify(MAIN, Notice::new(refund_no, "REFUND_SUCCESS").text());
    let took = started.elapsed();
    assert!(
        took < within,
        "{refund_no}: {} after {took:?}",
        reply.status
    );
    assert!(matches!(reply.status, 200 | 503), "{reply:?}");
    reply.status
}

/// Posts until one is acknowledged; gives the numbers of those that were.
#[track_caller]
fn post_until_acked(server: &Server, name: &str) -> String {
    let mut number = 0;
    wait_for("an acknowledgement", || {
        number += 1;
        let refund_no = format!("R-{name}-{number}");
        (posted(server, &refund_no, ANSWER_MAX) == 200).then_some(refund_no)
    })
}

#[test]
fn a_frozen_primary_that_is_named_first_is_passed_over_under_load() {
    let (server, [primary, standby], _database) = pair("");
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    primary.freeze();
    // While no server takes writes, the sender gets 503, soon at once.
    for number in 0..3 {
        posted(&server, &format!("R-frozen-{number}"), ANSWER_MAX);
    }
    wait_for_text(&server, "/readyz", "not ready");
    assert_eq!(posted(&server, "R-at-once", AT_ONCE), 503);
    standby.promote();
    let promoted = now();
    let acked = post_until_acked(&server, "promoted");
    assert!(
        promoted.elapsed() < Duration::from_secs(8),
        "{:?}",
        promoted.elapsed()
    );
    server.wait_until_applied();
    for refund_no in ["R-before", &acked] {
        // Resume applies what failed on the frozen server, and a reader's connection may still lead
        // there.
        let path = format!("/v1/refunds?refund_no={refund_no}");
        wait_for("the refund to be there", || {
            let reply = server.get(&path);
            let is_there = reply.status == 200 && reply.json()["data"].as_array()?.len() == 1;
            is_there.then_some(())
        });
    }
    assert!(text(&server, "/metrics").contains("refund_receiver_store_failovers_total 1\n"));
    let of_new = format!("store_server{{server=\"{} since", standby.address());
    assert!(text(&server, "/metrics").contains(&of_new), "{of_new}");
    wait_for_text(&server, "/readyz", r#""status":"ready""#);
    // Each server is named with its own error.
    assert!(server.log().contains(&format!("{}: ", primary.address())));
    primary.thaw();
}

#[test]
fn an_idle_instance_finds_the_new_primary_by_itself() {
    let (server, [primary, standby], _database) = pair("");
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    primary.freeze();
    standby.promote();
    wait_for_text(
        &server,
        "/metrics",
        "refund_receiver_store_failovers_total 1\n",
    );
    wait_for("the service to be ready on the new primary", || {
        let found = standby
            .query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'refund-receiver'");
        let is_ready = text(&server, "/readyz").contains(r#""status":"ready""#);
        (found.len() >= 4 && is_ready).then_some(())
    });
    assert_eq!(posted(&server, "R-first", Duration::from_secs(3)), 200);
    // Events of others are heard of, too: the listener is not left behind.
    let heard = standby.query(
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%last_sequence, current_setting%'",
    );
    assert!(!heard.is_empty());
    primary.thaw();
}

#[test]
fn a_standby_that_is_away_leaves_no_connection_behind_and_is_told() {
    let (server, [primary, standby], database) = pair("");
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    server.applied("R-before");
    wait_for_text(&server, "/readyz", r#""replication":"synchronous""#);
    standby.crash();
    let mut most = 0;
    let started = now();
    let mut number = 0;
    while started.elapsed() < Duration::from_secs(15) {
        number += 1;
        posted(&server, &format!("R-away-{number}"), ANSWER_MAX);
        most = database.connections().max(most);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(most <= CONNECTIONS_MAX, "{most}");
    let ready = server.get_with("/readyz", &[]);
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert_eq!(posted(&server, "R-at-once", AT_ONCE), 503);
    let lines = server.log().matches("could not be stored").count();
    assert!(lines <= 25, "{lines} lines of {number} callbacks");
    standby.start();
    let acked = post_until_acked(&server, "back");
    wait_for_text(&server, "/readyz", r#""status":"ready""#);
    server.applied(&acked);
    // Patroni without its strict mode empties the list: then commits are on one machine.
    primary.set_synchronous(&[]);
    wait_for_text(&server, "/readyz", r#""replication":"lost""#);
    assert!(text(&server, "/metrics").contains("store_replication_lost 1\n"));
    let log = server.log();
    let lost: Vec<_> = log
        .lines()
        .filter(|line| line.contains("commits do not wait for a standby any more"))
        .collect();
    assert!(
        lost.len() == 1 && lost[0].contains(r#""level":"ERROR""#),
        "{lost:?}"
    );
    assert_eq!(posted(&server, "R-one-copy", ANSWER_MAX), 200);
}

#[test]
fn nothing_is_acknowledged_on_one_copy_where_a_standby_is_required() {
    let (server, [primary, _standby], _database) = pair("require_synchronous = true");
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    primary.set_synchronous(&[]);
    assert_eq!(posted(&server, "R-one-copy", ANSWER_MAX), 503);
    wait_for_text(&server, "/readyz", "not ready");
    assert!(server.log().contains("synchronous_standby_names is empty"));
    primary.set_synchronous(&["second"]);
    wait_for_text(&server, "/readyz", r#""status":"ready""#);
    server
        .notify(MAIN, Notice::new("R-one-copy", "REFUND_SUCCESS").text())
        .expect(200, ACK);
    assert_eq!(server.refunds("refund_no=R-one-copy").len(), 1);
}

#[test]
fn a_start_where_a_standby_is_required_and_none_is_named_is_refused() {
    let primary = Postgres::own(&[]);
    let database = primary.database();
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .toml("require_synchronous = true")
        .usual_accounts()
        .on(&database);
    let mut server = Server::stopped(&config);
    let said = server.refused_start();
    assert!(
        said.contains("synchronous_standby_names is empty"),
        "{said}"
    );
    assert!(said.contains("store.require_synchronous"), "{said}");
}

/// What PostgreSQL says to a start-up message that it likes: no password is asked for, and it is ready.
const GREETING: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

#[test]
fn each_step_of_connecting_has_its_own_limit_and_the_error_names_server_and_step() {
    let [no_start_up, no_role] = [Mute::after(b""), Mute::after(GREETING)];
    let primary = Postgres::own(&[]);
    let (database, standby) = (primary.database(), primary.standby("second"));
    let servers = [
        no_start_up.address(),
        no_role.address(),
        "127.0.0.1:1".to_owned(),
        standby.address(),
        primary.address(),
    ];
    let url = format!("{}?sslmode=disable", database.url_at(&servers.join(",")));
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&database)
        .variable("REFUND_RECEIVER__STORE__URL", &url);
    let started = now();
    let server = Server::start(&config);
    assert!(started.elapsed() < Duration::from_secs(8), "{started:?}");
    let log = server.log();
    for (server, said) in servers.iter().zip([
        "start-up: no answer within 1.5 s",
        "role check: no answer within 1.0 s",
        "connection: error connecting to server: Connection refused",
        "role check: it does not take writes",
    ]) {
        let line = format!("{server}: {said}");
        assert!(log.contains(&line), "`{line}` is not in:\n{log}");
    }
    server.notified(&Notice::new("R-past-them", "REFUND_SUCCESS"));
}

#[test]
fn a_server_that_is_silent_in_the_handshake_of_tls_is_named_with_it() {
    let no_tls = Mute::after(b"S");
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&Postgres::shared().database())
        .variable("REFUND_RECEIVER__STORE__WAIT_AT_START", "1s");
    let mut server = Server::stopped(&config);
    let url = format!(
        "postgres://refunds@{}/refunds?sslmode=require",
        no_tls.address()
    );
    server.set_variable("REFUND_RECEIVER__STORE__URL", Some(&url));
    let said = server.refused_start();
    let line = format!("{}: TLS: no answer within ", no_tls.address());
    assert!(said.contains(&line), "{said}");
}
