//! The feed as server-sent events.

use std::io::Write as _;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use super::ENGINE;
use crate::harness::config::{ConfigBuilder, FEED_TOKEN, READER_TOKEN};
use crate::harness::http::{raw, raw_status, raw_until};
use crate::harness::keys::sha256_hex;
use crate::harness::payermax::Notice;
use crate::harness::reader::expect_problem;
use crate::harness::{Server, now, wait_for};

/// The head of a request for the stream; `more` holds further lines, each with its end.
fn head(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: refunds\r\nAuthorization: Bearer {READER_TOKEN}\r\n{more}\r\n"
    )
}

/// Every complete event of a stream so far: the id of its frame.
pub fn ids(text: &str) -> Vec<i64> {
    // An event is complete at its empty line; the last piece may still be on its way.
    let complete = text
        .rsplit_once("\n\n")
        .map_or("", |(complete, _)| complete);
    complete
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .map(|id| {
            let (epoch, number) = id.split_once(':').expect("an id has an epoch");
            assert!(epoch.len() >= 8, "{id}");
            number.parse().expect("and a number")
        })
        .collect()
}

/// Reads the stream after `last`, if any, until `count` events have come; then the connection is
/// dropped without a word.
pub fn stream_until(server: &Server, last: Option<i64>, count: usize) -> String {
    let resume = last.map_or(String::new(), |last| format!("Last-Event-ID: {last}\r\n"));
    let answer = raw_until(
        &server.internal_url,
        head("/v1/events/stream", &resume).as_bytes(),
        |text| ids(text).len() >= count,
    );
    assert_eq!(raw_status(&answer), 200, "{answer}");
    let kind = "content-type: text/event-stream\r\n";
    assert!(answer.to_lowercase().contains(kind), "{answer}");
    answer
}

/// Whether so many streams are open, by the metric.
fn open_streams(server: &Server, expected: usize) -> Option<()> {
    let line = format!("refund_receiver_event_streams {expected}\n");
    server.get("/metrics").text().contains(&line).then_some(())
}

fn three_events() -> Server {
    let server = Server::usual(ENGINE);
    for refund_no in ["R-1", "R-2", "R-3"] {
        server.notified(&Notice::new(refund_no, "REFUND_SUCCESS"));
    }
    wait_for("three events", || {
        (server.events().len() == 3).then_some(())
    });
    server
}

#[test]
fn the_stream_gives_what_is_there_then_what_comes_and_resumes_after_a_number() {
    let server = three_events();
    assert_eq!(ids(&stream_until(&server, None, 3)), [1, 2, 3]);
    assert_eq!(ids(&stream_until(&server, Some(1), 2)), [2, 3]);
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| ids(&stream_until(&server, Some(2), 2)));
        server.notified(&Notice::new("R-live", "REFUND_SUCCESS"));
        assert_eq!(follower.join().expect("the stream goes on"), [3, 4]);
    });
    let by_query = head("/v1/events/stream?after=3", "");
    let answer = raw_until(&server.internal_url, by_query.as_bytes(), |text| {
        !ids(text).is_empty()
    });
    assert_eq!(ids(&answer), [4]);
    // The address of a reader that comes back is still the one it began with.
    let both = head("/v1/events/stream?after=0", "Last-Event-ID: 3\r\n");
    let answer = raw_until(&server.internal_url, both.as_bytes(), |text| {
        !ids(text).is_empty()
    });
    assert_eq!(ids(&answer), [4]);
}

#[test]
fn an_event_of_the_stream_is_the_event_of_the_pages() {
    let server = three_events();
    let answer = stream_until(&server, None, 3);
    let streamed: Vec<serde_json::Value> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("one line of JSON"))
        .collect();
    assert_eq!(streamed, server.events());
    let kinds = answer
        .lines()
        .filter_map(|line| line.strip_prefix("event: "));
    assert_eq!(kinds.collect::<Vec<_>>(), server.event_types());
}

#[test]
fn a_quiet_stream_shows_that_it_lives_and_a_reader_that_left_is_forgotten() {
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml("[feed]\nheartbeat_seconds = 1\n"));
    let request = head("/v1/events/stream", "");
    let beats = |text: &str| text.matches(": heartbeat\n\n").count();
    let answer = raw_until(&server.internal_url, request.as_bytes(), |text| {
        beats(text) == 2
    });
    assert!(ids(&answer).is_empty(), "{answer}");
    wait_for("no stream to be open", || open_streams(&server, 0));
}

#[test]
fn a_stream_ends_in_order_when_the_service_stops() {
    let mut server = three_events();
    let (url, request) = (server.internal_url.clone(), head("/v1/events/stream", ""));
    let follower = std::thread::spawn(move || raw_until(&url, request.as_bytes(), |_| false));
    wait_for("the stream to be open", || open_streams(&server, 1));
    let told = now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(told.elapsed().as_secs() < 5, "{:?}", told.elapsed());
    let answer = follower.join().expect("the stream ends");
    assert_eq!(ids(&answer), [1, 2, 3]);
    assert!(
        answer.ends_with("\r\n0\r\n\r\n"),
        "an end, not a cut: {answer}"
    );
}

#[test]
fn the_stream_needs_its_scope_and_a_place_that_can_be_read() {
    let token = "reader-token-without-the-feed-0123456789abcdef";
    let reader = format!(
        "[[readers]]\nname = \"desk\"\ntoken_sha256 = \"{}\"\nscopes = [\"refunds:read\"]\n",
        sha256_hex(token)
    );
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(&reader));
    expect_problem(&server.get_with("/v1/events/stream", &[]), 401);
    expect_problem(&server.get_as(token, "/v1/events/stream"), 403);
    expect_problem(&server.get("/v1/events/stream?after=x"), 400);
    expect_problem(&server.get("/v1/events/stream?limit=1"), 400);
    for last in ["x", "-1", ":1", "abcdefgh:", "abcdefgh:x"] {
        let authorization = format!("Bearer {FEED_TOKEN}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("last-event-id", last),
        ];
        expect_problem(&server.get_with("/v1/events/stream", &headers), 400);
    }
    let twice = head(
        "/v1/events/stream",
        "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n",
    );
    let answer = raw(&server.internal_url, twice.as_bytes());
    assert_eq!(raw_status(&answer), 400, "{answer}");
}

#[test]
fn a_reader_that_takes_nothing_is_cut() {
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml("[feed]\nstalled_seconds = 1\n"));
    // More than both systems keep for a reader that does not read.
    for number in 0..300 {
        server.notified(&Notice::new(&format!("R-{number:060}"), "REFUND_SUCCESS"));
    }
    wait_for("the events", || {
        (server.events().len() == 300).then_some(())
    });
    let address: SocketAddr = server.internal_url["http://".len()..]
        .parse()
        .expect("an address");
    let stalled = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    stalled
        .set_recv_buffer_size(4 * 1024)
        .expect("a small buffer");
    stalled
        .connect(&address.into())
        .expect("the server listens");
    let request = head("/v1/events/stream", "");
    (&stalled)
        .write_all(request.as_bytes())
        .expect("the server reads");
    wait_for("the stream to be open", || open_streams(&server, 1));
    wait_for("the stream to be cut", || open_streams(&server, 0));
    assert_eq!(server.get("/v1/events").status, 200);
}
