//! The public listener: framing, slow clients, crowds and floods. None of them stores anything or delays
//! the answer to a good callback.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use socket2::{Domain, Socket, Type};

use crate::harness::keys::{other_key, provider_key};
use crate::harness::over::Over;
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE};
use crate::harness::reader::text;
use crate::harness::server::PROGRAM;
use crate::harness::shapes::{HIDDEN, Shape, shapes};
use crate::harness::wire::{Answers, Bent, Wire, silent};
use crate::harness::{ConfigBuilder, Engine, Server, now, wait_for};

#[test]
fn every_shape_has_its_answer() {
    let server = Server::usual(Engine::Sqlite);
    answered(&server, &server.public_url, |shape| shape.direct);
}

/// Sends every shape to `url` and holds the answers to those expected: one callback is stored for each
/// shape that was answered with success, none for the others, and never the hidden one.
pub fn answered(server: &Server, url: &str, expected: fn(&Shape) -> &'static str) {
    let shapes = shapes();
    let mut wrong = Vec::new();
    let mut succeeded = HashMap::new();
    for shape in &shapes {
        let expected = expected(shape);
        let (statuses, closes) = match expected.strip_suffix('.') {
            Some(statuses) => (statuses, true),
            None => (expected, false),
        };
        let finals = statuses
            .split(' ')
            .filter(|status| *status != "100")
            .count();
        let mut wire = Wire::open(url);
        wire.send(&shape.bytes);
        let Answers {
            statuses: got,
            closed,
        } = if closes {
            wire.all_answers()
        } else {
            wire.answers(finals)
        };
        let got: Vec<_> = got.iter().map(u16::to_string).collect();
        if got.join(" ") != statuses || closed != closes {
            let name = shape.name;
            wrong.push(format!(
                "{name}: expected `{expected}`, got {got:?}, closed: {closed}"
            ));
        }
        succeeded.insert(
            shape.refund_no.as_str(),
            got.iter().any(|status| status == "200"),
        );
        // It leaves no state behind that affects the next request.
        let next = Bent::notice("R-next").host().length().bytes();
        let answers = Wire::open(url).send(&next).answers(1);
        assert_eq!(answers.statuses, [200], "after: {}", shape.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(server.refunds(&format!("refund_no={HIDDEN}")).len(), 0);
    for (refund_no, succeeded) in succeeded {
        if succeeded {
            let refund = server.applied(refund_no);
            let bodies = server.callbacks(&text(&refund["id"]));
            let sent = Notice::new(refund_no, "REFUND_SUCCESS").text();
            assert_eq!(
                (bodies.len(), &bodies[0]["body"]),
                (1, &sent.into()),
                "{refund_no}"
            );
        } else {
            assert_eq!(
                server.refunds(&format!("refund_no={refund_no}")).len(),
                0,
                "{refund_no}"
            );
        }
    }
}

/// A way to be slow.
struct Slow {
    name: &'static str,
    at_once: Vec<u8>,
    byte_by_byte: Vec<u8>,
    statuses: &'static [u16],
    /// When the connection is closed.
    seconds: Range<u64>,
}

/// Each limit on time, met from several sides.
fn slow_ways() -> Vec<Slow> {
    let bent = Bent::notice("R-slow").host().length();
    let (head, body) = (bent.head(), bent.body_bytes().to_vec());
    let endless = Bent::notice("R-slow")
        .host()
        .header("Transfer-Encoding: chunked")
        .body(b"ffffffffffffffff\r\n");
    let get = b"GET /nowhere HTTP/1.1\r\nHost: refunds\r\n\r\n".to_vec();
    let chunked =
        b"POST /nowhere HTTP/1.1\r\nHost: refunds\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunks = b"1\r\nx\r\n".repeat(200);
    let started = [head.as_slice(), &body[..9]].concat();
    let way = |name, at_once, byte_by_byte, statuses, seconds| Slow {
        name,
        at_once,
        byte_by_byte,
        statuses,
        seconds,
    };
    vec![
        way("says nothing", vec![], vec![], &[408], 4..12),
        way(
            "stops in the head",
            head[..40].to_vec(),
            vec![],
            &[408],
            4..12,
        ),
        way("a slow head", vec![], head.clone(), &[408], 4..12),
        way("stops in the body", started, vec![], &[408], 9..20),
        way("a slow body", head.clone(), body.clone(), &[408], 9..20),
        way("never ends", endless.bytes(), body, &[408], 9..35),
        way("says nothing more", get.clone(), vec![], &[404], 14..30),
        way("a slow second head", get, head, &[404], 14..30),
        way("an unwanted body", chunked, chunks, &[404], 14..30),
    ]
}

#[test]
fn slow_clients_are_given_up() {
    let server = Server::usual(Engine::Sqlite);
    std::thread::scope(|scope| {
        for way in slow_ways() {
            let url = &server.public_url;
            scope.spawn(move || {
                let name = way.name;
                let mut wire = Wire::open(url);
                wire.send(&way.at_once);
                let (answers, took) = wire.dribble(&way.byte_by_byte, Duration::from_millis(250));
                assert_eq!(answers.statuses, way.statuses, "{name}: {}", wire.text());
                assert!(answers.closed, "{name}: still open after {took:?}");
                let seconds = took.as_secs();
                assert!(
                    way.seconds.contains(&seconds),
                    "{name}: closed after {took:?}"
                );
            });
        }
    });
    server.assert_refund_tables_are_empty();
    server.notify(MAIN, SAMPLE).expect(200, ACK);
}

/// Open files of a server that has 192 connections a listener.
const FEW_FILES: u32 = 1_024;
/// More connections than it has.
const CROWD: usize = 600;
/// A good callback must not take longer, whatever the load. It is a matter of milliseconds, unless
/// many tests share the machine; without its own slot it would wait for 5 s or more.
const PROMPT: Duration = Duration::from_secs(4);

#[test]
fn a_crowd_that_waits_makes_room() {
    let server = Server::start_with_open_files(&ConfigBuilder::new(Engine::Sqlite), FEW_FILES);
    let address = address(&server);
    let mut crowd = silent(address, CROWD);
    promptly(&server, "R-silent");
    let half = Bent::notice("R-half").host().length();
    let half = [half.head().as_slice(), b"{"].concat();
    for _ in 0..CROWD {
        let mut wire = Wire::open(&server.public_url);
        wire.send(&half);
        crowd.push(wire);
    }
    promptly(&server, "R-half-bodies");
    wait_for("a line in the log about it", || {
        let log = server.log();
        log.contains("waiting connections were closed")
            .then_some(())
    });
}

#[test]
fn a_crowd_of_one_address_leaves_the_others_alone() {
    let server = Server::start_with_open_files(&ConfigBuilder::new(Engine::Sqlite), FEW_FILES);
    let address = address(&server);
    let mut kept = Wire::open(&server.public_url);
    let first = Bent::notice("R-first").host().length().bytes();
    assert_eq!(kept.send(&first).answers(1).statuses, [200]);
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| connect_from("127.0.0.2", address))
        .collect();
    let second = Bent::notice("R-second").host().length().bytes();
    let answers = kept.send(&second).answers(2);
    assert_eq!((answers.statuses, answers.closed), (vec![200, 200], false));
    drop(crowd);
}

#[test]
fn too_few_files_stop_the_start() {
    let mut server = Server::start_with_open_files(&ConfigBuilder::new(Engine::Sqlite), FEW_FILES);
    assert!(server.terminate().success());
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 300; exec \"$0\" \"$@\"", PROGRAM]);
    shell.arg("serve").arg("--config").arg(server.config_path());
    let output = shell.output().expect("there is a shell");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("ulimit -n"), "{complaint}");
}

#[test]
fn a_flood_of_bad_signatures_waits_and_good_ones_do_not() {
    let server = Server::usual(Engine::Sqlite);
    let address = address(&server);
    let over = Over::default();
    let bad = bad_signature();
    let (floods, quickest) = std::thread::scope(|scope| {
        let flooded = over.until_dropped();
        let flooders: Vec<_> = (0..FLOODERS)
            .map(|_| scope.spawn(|| flood(&bad, address, &over)))
            .collect();
        wait_for("the first refusal to be late", || {
            promptly(&server, "R-during");
            (counted(&server, "rejected_requests_delayed_total ") > 0).then_some(())
        });
        let took = (0..20).map(|number| {
            let good = Bent::notice(&format!("R-{number}")).host().length();
            let asked = now();
            // From the address of the flood, as all are behind a proxy.
            let answers = connect_from("127.0.0.2", address)
                .send(&good.bytes())
                .answers(1);
            assert_eq!(answers.statuses, [200]);
            asked.elapsed()
        });
        let quickest = took.min();
        drop(flooded);
        let floods = flooders
            .into_iter()
            .map(|flooder| flooder.join().expect("no flooder panicked"))
            .collect::<Vec<_>>();
        (floods, quickest)
    });
    let refused: usize = floods.iter().map(|(refused, _)| refused).sum();
    let waited: usize = floods.iter().map(|(_, waited)| waited).sum();
    assert!(quickest < Some(PENALTY), "the quickest took {quickest:?}");
    let reason = "rejected_requests_total{reason=\"unauthorized\"} ";
    assert_eq!(counted(&server, reason), refused);
    let late = counted(&server, "rejected_requests_delayed_total ");
    assert!(
        late <= waited,
        "{late} were late, but only {waited} s were waited"
    );
    let in_time = refused - late;
    assert_eq!(server.evidence_of(in_time).len(), in_time);
}

/// Connections of the flood, and its requests in one write.
const FLOODERS: usize = 8;
const AT_ONCE: usize = 10;
/// How late a rejection beyond the budget is answered.
const PENALTY: Duration = Duration::from_secs(1);

/// A good callback under a foreign signature.
fn bad_signature() -> Vec<u8> {
    let good = Bent::notice("R-bad").host().length();
    let sign = provider_key().sign(good.body_bytes());
    let other = other_key().sign(good.body_bytes());
    let text = String::from_utf8(good.bytes()).expect("it is text");
    text.replace(&sign, &other).into_bytes()
}

/// Sends until it is over, and returns how many were rejected and the whole seconds waited for them.
fn flood(bad: &[u8], to: SocketAddr, over: &Over) -> (usize, usize) {
    let mut wire = connect_from("127.0.0.2", to);
    let bad = bad.repeat(AT_ONCE);
    let (mut sent, mut waited) = (0, 0);
    while !over.is_over() {
        sent += AT_ONCE;
        let asked = now();
        let answers = wire.send(&bad).next_answers(AT_ONCE);
        assert_eq!(answers.statuses, [401; AT_ONCE]);
        waited += asked.elapsed().as_secs();
    }
    (sent, usize::try_from(waited).expect("a test ends"))
}

/// The number behind this in the metrics.
fn counted(server: &Server, name: &str) -> usize {
    let metrics = server.get_with("/metrics", &[]);
    let mut lines = metrics.text().lines();
    lines
        .find_map(|line| line.strip_prefix("refund_receiver_")?.strip_prefix(name))
        .unwrap_or_else(|| panic!("no metric {name}"))
        .parse()
        .expect("a number")
}

#[track_caller]
fn promptly(server: &Server, refund_no: &str) {
    let asked = now();
    let notice = Bent::notice(refund_no).host().length().bytes();
    let answers = Wire::open(&server.public_url).send(&notice).answers(1);
    assert_eq!(answers.statuses, [200], "{refund_no}");
    assert!(
        asked.elapsed() < PROMPT,
        "{refund_no} took {:?}",
        asked.elapsed()
    );
}

fn address(server: &Server) -> SocketAddr {
    let address = server.public_url.trim_start_matches("http://");
    address.parse().expect("an address")
}

/// Connects from another address of the loopback network, as another machine would.
fn connect_from(own: &str, to: SocketAddr) -> Wire {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own: SocketAddr = format!("{own}:0").parse().expect("an address");
    socket
        .bind(&own.into())
        .expect("an address of this machine");
    socket.connect(&to.into()).expect("the server listens");
    Wire::of(TcpStream::from(socket))
}

/// Sends a good callback about this refund and does not wait for the answer.
pub fn sent(server: &Server, refund_no: &str) -> Wire {
    let body = Notice::new(refund_no, "REFUND_SUCCESS").text();
    let head = format!(
        "POST {MAIN} HTTP/1.1\r\nHost: refunds\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nsign: {}\r\n\r\n",
        body.len(),
        provider_key().sign(body.as_bytes())
    );
    let mut wire = Wire::open(&server.public_url);
    wire.send(format!("{head}{body}").as_bytes());
    wire
}

#[test]
fn a_queued_callback_is_dropped_when_its_sender_resets_and_not_when_it_only_has_sent_everything() {
    let server = Server::usual(Engine::Sqlite);
    let other = Connection::open(server.folder().path().join("refunds.db")).expect("the database");
    let run = |sql| other.execute_batch(sql).expect("the statement runs");
    let pause = || std::thread::sleep(Duration::from_millis(300));
    run("BEGIN IMMEDIATE");
    // The first is in the batch that waits for the file; the others are queued behind it.
    let mut first = sent(&server, "R-first");
    pause();
    let (reset, mut half) = (sent(&server, "R-reset"), sent(&server, "R-half"));
    half.end_sending();
    pause();
    reset.reset();
    pause();
    run("ROLLBACK");
    for wire in [&mut first, &mut half] {
        assert_eq!(wire.answers(1).statuses, [200], "{}", wire.text());
    }
    server.applied("R-first");
    server.applied("R-half");
    assert_eq!(server.refunds("").len(), 2);
    assert_eq!(server.count_rows("callbacks"), 2);
}
