//! What a start refuses, and what a running service survives.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::payermax::{ACK, MAIN, SAMPLE};

#[test]
fn a_missing_table_is_found_at_the_start_and_nothing_is_mended() {
    let mut server = Server::usual(ENGINE);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    assert_eq!(server.terminate().code(), Some(0));
    server.change_store("DROP TABLE events");
    let before = server.tables();
    assert!(!before.is_empty() && !before.contains(&"events".to_owned()));

    let said = server.refused_start();
    assert!(said.contains("damaged or not ours"), "{said}");
    assert_eq!(server.tables(), before);
    assert_eq!(server.count_rows("refunds"), 1);
}

#[test]
fn a_full_stderr_costs_log_lines_and_nothing_else() {
    let mut server = Server::usual(ENGINE);
    assert_eq!(server.terminate().code(), Some(0));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut child = server
        .serve_command()
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(full)
        .spawn()
        .expect("it can be started");
    let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut lines = stdout.lines().map_while(Result::ok);
    let is_ready = lines.any(|line| line == "ready");
    child.kill().ok();
    child.wait().expect("our child");
    assert!(is_ready, "it comes up all the same");
}
