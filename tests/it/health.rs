//! Health and metrics do not depend on what readers do.

use std::time::Duration;

use super::ENGINE;
use crate::harness::config::{ConfigBuilder, FEED_TOKEN, Place, READER_TOKEN};
use crate::harness::keys::sha256_hex;
use crate::harness::payermax::Notice;
use crate::harness::reader::expect_problem;
use crate::harness::wire::Wire;
use crate::harness::{Server, now, wait_for};

/// Open files of a server that has 66 connections a listener.
const FEW_FILES: u32 = 520;
/// Contract §9: one second; as much again for a machine that runs other tests.
const PROMPT: Duration = Duration::from_secs(2);
/// More streams than the server has connections.
const LEAKED: usize = 120;

const OTHER_TOKEN: &str = "reader-token-of-a-reader-with-few-connections";

fn stream(server: &Server, token: &str) -> Wire {
    let mut wire = Wire::open(&server.internal_url);
    let head = format!(
        "GET /v1/events/stream HTTP/1.1\r\nHost: refunds\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    wire.send(head.as_bytes());
    wire
}

#[track_caller]
fn is_healthy(server: &Server) {
    for path in ["/livez", "/readyz", "/metrics"] {
        let asked = now();
        assert_eq!(server.get_with(path, &[]).status, 200, "{path}");
        assert!(asked.elapsed() < PROMPT, "{path}: {:?}", asked.elapsed());
    }
}

#[test]
fn a_reader_that_leaks_streams_takes_neither_health_nor_other_readers() {
    let server = Server::start_with_open_files(&ConfigBuilder::new(ENGINE), FEW_FILES);
    let mut leaked = Vec::new();
    for number in 1..=LEAKED {
        leaked.push(stream(&server, FEED_TOKEN));
        if number % 20 == 0 {
            is_healthy(&server);
            server.get("/v1/refunds").expect_json(200);
        }
    }
    let turned_away = server.get_as(FEED_TOKEN, "/v1/events?after=0");
    expect_problem(&turned_away, 429);
    let problem = turned_away.json();
    assert_eq!(problem["code"], "too_many_connections", "{problem}");
    assert!(!turned_away.header("retry-after").is_empty());
    let metrics = server.get("/metrics");
    let held = "refund_receiver_reader_connections{reader=\"feed\"} ";
    assert!(metrics.text().contains(held), "{}", metrics.text());
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");

    drop(leaked);
    wait_for("the places of streams that have gone", || {
        let page = server.get_as(FEED_TOKEN, "/v1/events?after=0");
        (page.status == 200).then_some(())
    });
}

#[test]
fn a_reader_has_as_many_requests_under_way_as_its_config_says() {
    let reader = format!(
        "[[readers]]\nname = \"few\"\ntoken_sha256 = \"{}\"\nscopes = [\"events:read\"]\n\
         max_connections = 3\n",
        sha256_hex(OTHER_TOKEN)
    );
    let server = Server::start(&ConfigBuilder::new(ENGINE).toml(&reader));
    let mut open: Vec<_> = (0..3).map(|_| stream(&server, OTHER_TOKEN)).collect();
    wait_for("three open streams", || {
        let line = "refund_receiver_reader_connections{reader=\"few\"} 3\n";
        server.get("/metrics").text().contains(line).then_some(())
    });
    let turned_away = server.get_as(OTHER_TOKEN, "/v1/events?after=0");
    assert_eq!(turned_away.json()["code"], "too_many_connections");
    let counted = "refund_receiver_connection_limited_requests_total{reader=\"few\"} 1\n";
    assert!(server.get("/metrics").text().contains(counted));
    server
        .get_as(FEED_TOKEN, "/v1/events?after=0")
        .expect_json(200);
    open.pop();
    wait_for("a place", || {
        let page = server.get_as(OTHER_TOKEN, "/v1/events?after=0");
        (page.status == 200).then_some(())
    });
}

/// Refunds that a list of nothing has to look at, which takes it many milliseconds.
const MANY: u32 = 100_000;
/// Such lists at once.
const LISTS: usize = 60;

/// Stores refunds by SQL; no callback is about them.
fn fill(server: &Server) {
    let (numbers, id) = match server.place {
        Place::Folder => (
            format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
            ),
            "randomblob(16)",
        ),
        Place::Database(_) => (
            format!("WITH n(i) AS (SELECT generate_series(1, {MANY}))"),
            "decode(md5(i::text), 'hex')",
        ),
    };
    let (columns, values) = (
        "id, provider, account, refund_no, received_at, status, amount, currency, updated_at, attention",
        "'payermax', 'main', 'F-' || i, 1, 'succeeded', '1.00', 'USD', 1, \
         CASE WHEN i = 7 THEN '[]' ELSE '[{\"reason\":\"order_unknown\"}]' END",
    );
    let sql = match server.place {
        Place::Folder => {
            format!("{numbers} INSERT INTO refunds ({columns}) SELECT {id}, {values} FROM n")
        }
        Place::Database(_) => {
            format!("INSERT INTO refunds ({columns}) {numbers} SELECT {id}, {values} FROM n")
        }
    };
    server.change_store(&sql);
}

/// Sends a request for a list that finds nothing, and does not wait for the answer.
fn list(server: &Server) -> Wire {
    let mut wire = Wire::open(&server.internal_url);
    let head = format!(
        "GET /v1/refunds?attention=conflict HTTP/1.1\r\nHost: refunds\r\n\
         Authorization: Bearer {READER_TOKEN}\r\n\r\n"
    );
    wire.send(head.as_bytes());
    wire
}

#[test]
fn slow_lists_delay_neither_health_nor_look_ups() {
    let server = Server::usual(ENGINE);
    fill(&server);
    let asked = now();
    server.get("/v1/refunds?provider=none").expect_json(200);
    let one = asked.elapsed();
    let mut lists: Vec<_> = (0..LISTS).map(|_| list(&server)).collect();
    is_healthy(&server);
    let asked = now();
    assert_eq!(server.refunds("refund_no=F-7").len(), 1);
    let look_up = asked.elapsed();
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    let waited = now();
    for list in &mut lists {
        assert_eq!(list.answers(1).statuses, [200]);
    }
    let lists = waited.elapsed();
    assert!(
        look_up < PROMPT,
        "one list alone took {one:?}, the look-up {look_up:?}, the lists after it {lists:?}"
    );
}

#[test]
fn lists_without_a_waiting_reader_are_given_up() {
    let server = Server::usual(ENGINE);
    fill(&server);
    for _ in 0..4 {
        let lists: Vec<_> = (0..LISTS).map(|_| list(&server)).collect();
        wait_for("lists to be in flight", || {
            let line = "refund_receiver_reader_connections{reader=\"all\"} ";
            let metrics = server.get("/metrics");
            let held = metrics
                .text()
                .lines()
                .find_map(|l| l.strip_prefix(line)?.parse().ok());
            held.is_some_and(|held: usize| held > LISTS / 2)
                .then_some(())
        });
        drop(lists);
        wait_for("none of them to be in flight", || {
            let line = "refund_receiver_reader_connections{reader=\"all\"} 0\n";
            server
                .get_with("/metrics", &[])
                .text()
                .contains(line)
                .then_some(())
        });
    }
    let asked = now();
    server.get("/v1/refunds?provider=none").expect_json(200);
    assert!(asked.elapsed() < PROMPT, "{:?}", asked.elapsed());
}
