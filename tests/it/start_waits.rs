//! A start while the database server is away waits for it, as long as waiting can help.

use std::process::Stdio;

use crate::harness::payermax::Notice;
use crate::harness::{ConfigBuilder, Engine, Postgres, Proxy, Server, wait_for};

const WAITS: &str = "the start waits for it";

/// A stopped server whose database is reached through a proxy that takes no connection.
fn away() -> (Proxy, Server) {
    let postgres = Postgres::shared();
    let proxy = Proxy::to(&postgres.address());
    proxy.refuse();
    let config = ConfigBuilder::bare(Engine::Postgres).by_way_of(&proxy.address());
    let server = Server::stopped(&config);
    (proxy, server)
}

#[test]
fn a_database_that_is_away_at_the_start_is_waited_for() {
    let (proxy, mut server) = away();
    let log = server.folder().path().join("stderr.log");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_for("the start to wait", || {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                said.contains(WAITS).then_some(())
            });
            proxy.pass();
        });
        server.restart();
    });
    assert_eq!(server.get("/v1/refunds").status, 200);
}

#[test]
fn a_signal_ends_the_wait_for_a_database() {
    let (_proxy, server) = away();
    let path = server.folder().path().join("waiting.log");
    let log = std::fs::File::create(&path).expect("the log file");
    let mut child = server
        .serve_command()
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("it can be started");
    let said = || std::fs::read_to_string(&path).unwrap_or_default();
    wait_for("the start to wait", || said().contains(WAITS).then_some(()));
    let sent = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status();
    assert!(sent.expect("kill is installed").success());
    let status = wait_for("an orderly end", || child.try_wait().expect("our child"));
    assert_eq!(status.code(), Some(0), "{}", said());
}

#[test]
fn the_wait_for_a_database_is_bounded_and_what_it_cannot_mend_is_said_at_once() {
    let (_proxy, mut server) = away();
    server.set_variable("REFUND_RECEIVER__STORE__WAIT_AT_START", Some("2s"));
    let said = server.refused_start();
    assert!(
        said.contains(WAITS) && said.contains("the database server is away"),
        "{said}"
    );

    // The wait would be longer than the test waits for a refusal.
    server.set_variable("REFUND_RECEIVER__STORE__WAIT_AT_START", Some("10m"));
    let nowhere = Postgres::shared()
        .database()
        .url()
        .replace("/refund", "/no_refund");
    server.set_variable("REFUND_RECEIVER__STORE__URL", Some(&nowhere));
    let said = server.refused_start();
    assert!(!said.contains(WAITS), "{said}");
}

/// What an earlier process has left is applied while serving, if it cannot be applied, or not even be looked for,
/// at the start.
#[test]
fn a_start_does_not_wait_for_what_only_applying_needs() {
    let database = Postgres::shared().database();
    let config = ConfigBuilder::bare(Engine::Postgres)
        .usual_accounts()
        .on(&database);
    let mut server = Server::start(&config);
    for (number, lock) in [
        "LOCK TABLE refunds IN SHARE MODE",
        "LOCK TABLE close_outs IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE callbacks IN ACCESS EXCLUSIVE MODE",
    ]
    .iter()
    .enumerate()
    {
        let (refund_no, later) = (format!("R-{number}"), format!("R-later-{number}"));
        let mut person = database.client();
        let mut held = person.transaction().expect("a transaction");
        held.batch_execute("LOCK TABLE refunds IN SHARE MODE")
            .expect("a lock");
        server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
        server.kill9();
        held.rollback().expect("it ends");
        // As if the lease of the killed process had ended long ago.
        server.change_store("UPDATE callbacks SET settle_after = 1 WHERE settled_at IS NULL");
        let mut held = person.transaction().expect("a transaction");
        held.batch_execute(lock).expect(lock);
        server.restart();
        held.rollback().expect("it ends");
        server.applied(&refund_no);
        server.notified(&Notice::new(&later, "REFUND_SUCCESS"));
        server.applied(&later);
    }
    let said = server.log();
    assert!(said.contains("the backlog of an earlier process"), "{said}");
}
