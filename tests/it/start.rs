//! What a start refuses, and what a running service survives.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::config::ConfigBuilder;
use crate::harness::payermax::{ACK, MAIN, SAMPLE};
use crate::harness::{Server, wait_for};

/// Exit code of a store that cannot be used.
const STORE_REFUSED: i32 = 3;

/// A stopped server with one refund in its store.
fn stopped() -> Server {
    let mut server = Server::usual();
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    assert_eq!(server.terminate().code(), Some(0));
    server
}

fn assert_refused(server: &Server, what: &str) {
    let path = server.folder().path().join("refunds.db");
    let before = std::fs::read(&path).expect("the store is there");
    let mut child = server
        .serve_command()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let ended = ends_by_itself(&mut child);
    child.kill().ok();
    let output = child.wait_with_output().expect("our child");
    assert!(ended, "{what}: it was not refused");
    assert_eq!(output.status.code(), Some(STORE_REFUSED), "{what}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("damaged or not ours"), "{what}: {said}");
    let after = std::fs::read(&path).expect("the store is there");
    assert!(before == after, "{what}: nothing is overwritten");
}

/// Whether a start ends before it would serve; one that serves never ends.
fn ends_by_itself(child: &mut Child) -> bool {
    (0..100).any(|_| {
        let ended = child.try_wait().expect("our child").is_some();
        if !ended {
            std::thread::sleep(Duration::from_millis(50));
        }
        ended
    })
}

#[test]
fn a_damaged_page_is_found_at_the_start() {
    let server = stopped();
    let path = server.folder().path().join("refunds.db");
    let log = server.folder().path().join("refunds.db-wal");
    assert!(!log.exists(), "an orderly end leaves one file");
    let intact = std::fs::read(&path).expect("the store is there");
    let pages = intact.len() / 4_096;
    assert!(pages > 10, "a page for each table and index");
    for page in 0..pages {
        let mut damaged = intact.clone();
        damaged[page * 4_096..(page + 1) * 4_096].fill(0xA5);
        std::fs::write(&path, damaged).expect("the store can be written");
        assert_refused(&server, &format!("page {page}"));
    }
}

#[test]
fn a_missing_table_is_found_at_the_start() {
    let server = stopped();
    let path = server.folder().path().join("refunds.db");
    let database = rusqlite::Connection::open(&path).expect("a database");
    database
        .execute_batch("DROP TABLE events; PRAGMA journal_mode = DELETE")
        .expect("it can be dropped");
    drop(database);
    assert_refused(&server, "a table dropped");
}

#[test]
fn a_full_stderr_costs_log_lines_and_nothing_else() {
    let config = ConfigBuilder::new().listen("127.0.0.1:0");
    let mut server = Server::start(&config);
    assert_eq!(server.terminate().code(), Some(0));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut command: Command = server.serve_command();
    let mut child = command
        .env("RUST_LOG", "debug")
        .stdout(Stdio::null())
        .stderr(full)
        .spawn()
        .expect("it can be started");
    let lock = server.folder().path().join("refunds.db-wal");
    wait_for("the start", || lock.exists().then_some(()));
    assert!(
        child.try_wait().expect("our child").is_none(),
        "it still runs"
    );
    child.kill().expect("our child");
    child.wait().expect("our child");
}
