//! A snapshot that is held for long, as by a backup, leaves a large WAL. Copying it afterwards delays no ack.

use std::time::Duration;

use rusqlite::Connection;

use crate::harness::payermax::Notice;
use crate::harness::{Engine, Server, now};

/// Bytes of the WAL when the snapshot ends.
const WAL_BYTES: u64 = 2_000_000_000;
/// No ack takes longer; copying the WAL takes some seconds.
const ACK_MAX: Duration = Duration::from_secs(1);
const CALLBACKS: usize = 60;

#[test]
#[ignore = "writes two gigabytes; tests/long runs it"]
fn a_wal_that_a_snapshot_held_up_is_copied_without_a_pause_of_acks() {
    let server = Server::usual(Engine::Sqlite);
    server.notified(&Notice::new("R-before", "REFUND_SUCCESS"));
    let path = server.folder().path().join("refunds.db");
    let open = || Connection::open(&path).expect("the database can be opened");
    let held = open();
    held.execute_batch("BEGIN; SELECT count(*) FROM refunds")
        .expect("a snapshot");
    // What the service would write in that time, by a second writer to spare half a million callbacks.
    let other = open();
    other
        .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF; CREATE TABLE ballast (x BLOB)")
        .expect("a table");
    let wal = server.folder().path().join("refunds.db-wal");
    while std::fs::metadata(&wal).expect("the WAL").len() < WAL_BYTES {
        other
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 INSERT INTO ballast SELECT randomblob(3000) FROM n",
            )
            .expect("rows");
    }
    drop(other);
    drop(held);
    // The writer copies the rest itself once nothing was written for half a second.
    std::thread::sleep(Duration::from_millis(620));
    let mut longest = Duration::ZERO;
    for number in 0..CALLBACKS {
        let sent = now();
        server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
        longest = longest.max(sent.elapsed());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(longest < ACK_MAX, "{longest:?}");
}
