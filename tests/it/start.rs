//! What a start refuses, and what a running service survives.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use super::ENGINE;
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE};
use crate::harness::{Server, now, wait_for};

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

#[test]
fn a_second_signal_cuts_what_the_first_would_wait_for() {
    let mut server = Server::usual(ENGINE);
    let address = server.public_url.strip_prefix("http://").expect("http");
    let mut slow = TcpStream::connect(address).expect("the server listens");
    let head = "POST /callbacks/payermax/main HTTP/1.1\r\nHost: refunds\r\n\
                Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).expect("the server reads");
    let mut asked = [0; 4];
    slow.read_exact(&mut asked).expect("the body is asked for");
    server.signal("TERM");
    wait_for("the stop to begin", || {
        server.log().contains("stopping: requests").then_some(())
    });
    let told_again = now();
    assert!(server.terminate().success());
    assert!(told_again.elapsed() < Duration::from_secs(5), "it waited");
    server.restart();
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
}
