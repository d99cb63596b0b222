//! Memory has a bound that does not depend on unauthenticated clients: every connection of both listeners in
//! use, with the largest heads and bodies, and callbacks are answered all the same.

use std::io::Write as _;
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::{Engine, Server};

/// More than a listener has slots for.
const CROWD: usize = 1_100;
/// As `docs/operations.md` has it.
pub const MOST_MIB: u64 = 200;
const KIB: usize = 1024;

/// Everything that a sender can make the service hold in memory, one kind per crowd.
fn kinds() -> [(&'static str, Vec<u8>); 5] {
    let post =
        "POST /callbacks/payermax/main HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let filler = |lines: usize| format!("X-Filler: {}\r\n", "y".repeat(1_290)).repeat(lines);
    let body = |length: usize| format!("Content-Length: 65536\r\n\r\n{{{}", "x".repeat(length));
    let get = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    [
        (
            "bodies without their end",
            format!("{post}{}", body(65_000)),
        ),
        ("heads without their end", format!("{post}{}", filler(98))),
        (
            "large heads and bodies",
            format!("{post}{}{}", filler(78), body(65_000)),
        ),
        ("as many requests ahead as are taken", get.repeat(8)),
        (
            "more requests ahead than are taken",
            get.repeat(40 * KIB / get.len()),
        ),
    ]
    .map(|(kind, text)| (kind, text.into_bytes()))
}

#[test]
fn every_connection_with_as_much_as_it_may_send_stays_within_the_bound() {
    // The crowd is in this process, which needs as many files as the service.
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("any process may go up to the hard limit");
    let server = Server::usual(Engine::Sqlite);
    let addresses = [&server.public_url, &server.internal_url]
        .map(|url| url.trim_start_matches("http://").to_owned());
    for (number_of_kind, (kind, bytes)) in kinds().into_iter().enumerate() {
        let answered =
            |number: usize| callbacks_are_answered(&server, &format!("{number_of_kind}-{number}"));
        let mut crowd: Vec<TcpStream> = Vec::new();
        for number in 0..CROWD {
            crowd.extend(addresses.iter().map(|address| send(address, &bytes)));
            if number % 100 == 0 {
                answered(number);
            }
        }
        answered(CROWD);
        let most = server.memory_kib("VmHWM") / 1024;
        crate::harness::server::report(&format!("{kind}: {most} MiB at most so far"));
        assert!(most <= MOST_MIB, "{kind}: {most} MiB");
    }
}

/// A connection that has sent what the server takes of it at once.
fn send(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nonblocking(true).expect("a socket option");
    // What the system does not take the server has not read.
    drop(stream.write(bytes));
    stream
}

/// A usual one, and one as large as it may be.
#[track_caller]
fn callbacks_are_answered(server: &Server, name: &str) {
    let usual = Notice::new(&format!("R-{name}-a"), "REFUND_SUCCESS").text();
    server.notify(MAIN, &usual).expect(200, ACK);
    let large = Notice::new(&format!("R-{name}-b"), "REFUND_SUCCESS").text();
    let large = format!("{large}{}", " ".repeat(64 * KIB - large.len()));
    server.notify(MAIN, &large).expect(200, ACK);
}
