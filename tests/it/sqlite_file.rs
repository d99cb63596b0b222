//! What only a store in a file can show: damage, and a second process on it.

use std::process::Stdio;

use crate::harness::payermax::{ACK, MAIN, SAMPLE};
use crate::harness::{Engine, Server};

#[test]
fn a_damaged_page_is_found_at_the_start() {
    let mut server = Server::usual(Engine::Sqlite);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    assert_eq!(server.terminate().code(), Some(0));
    let path = server.folder().path().join("refunds.db");
    let log = server.folder().path().join("refunds.db-wal");
    assert!(!log.exists(), "an orderly end leaves one file");
    let intact = std::fs::read(&path).expect("the store is there");
    let pages = intact.len() / 4_096;
    assert!(pages > 10, "a page for each table and index");
    for page in 0..pages {
        let mut damaged = intact.clone();
        damaged[page * 4_096..(page + 1) * 4_096].fill(0xA5);
        std::fs::write(&path, &damaged).expect("the store can be written");
        let said = server.refused_start();
        assert!(said.contains("damaged or not ours"), "page {page}: {said}");
        let after = std::fs::read(&path).expect("the store is there");
        assert!(damaged == after, "page {page}: nothing is overwritten");
    }
}

#[test]
fn a_second_process_on_the_same_store_is_refused_and_harms_nobody() {
    let server = Server::usual(Engine::Sqlite);
    let second = server
        .serve_command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let output = second.wait_with_output().expect("it ends by itself");
    assert!(!output.status.success(), "{output:?}");
    assert!(
        !String::from_utf8_lossy(&output.stdout).contains("ready"),
        "{output:?}"
    );
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let clear = ["another process", "already", "in use", "locked"];
    assert!(clear.iter().any(|words| said.contains(words)), "{said}");

    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.event_types().len(), server.refunds("").len());
}
