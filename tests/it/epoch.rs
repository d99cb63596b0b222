//! The feed's identity: a reader whose cursor is of a history that a restore has ended is told so, and no
//! cursor beyond the last event is taken for "nothing new".

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::audit::run;
use crate::harness::config::READER_TOKEN;
use crate::harness::http::{raw_status, raw_until};
use crate::harness::payermax::Notice;
use crate::harness::reader::{expect_problem, text};
use crate::harness::receiver::{Answer, Pushed, Receiver};
use crate::harness::{ConfigBuilder, Reply, Server, wait_for};

/// Events in the store, and those that a restore leaves.
const EVENTS: usize = 9;
const LEFT: usize = 4;

fn notify(server: &Server, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let refund_no = format!("R-{number}");
        server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
        server.applied(&refund_no);
    }
}

fn page(server: &Server, query: &str) -> Reply {
    server.get(&format!("/v1/events?{query}"))
}

fn stream(server: &Server, query: &str, last: &str) -> String {
    let head = format!(
        "GET /v1/events/stream{query} HTTP/1.1\r\nHost: refunds\r\nAuthorization: Bearer {READER_TOKEN}\r\n\
         Last-Event-ID:{last}\r\n\r\n"
    );
    raw_until(&server.internal_url, head.as_bytes(), |text| {
        text.contains("\r\n\r\n") && (raw_status(text) != 200 || text.contains("data: "))
    })
}

/// The store as it was `LEFT` events into its life; the service is stopped.
fn go_back(server: &Server) {
    server.break_store(&format!(
        "DELETE FROM events WHERE sequence > {LEFT}; UPDATE feed SET last_sequence = {LEFT};"
    ));
}

fn renew_epoch(server: &Server) {
    let config = server.config_path();
    let config = config.to_str().expect("a plain path");
    let renewed = run(&["restore", "--new-epoch", "--config", config]);
    assert!(renewed.status.success(), "{renewed:?}");
}

#[track_caller]
fn expect_code(reply: &Reply, status: u16, code: &str) -> Value {
    expect_problem(reply, status);
    let problem = reply.json();
    assert_eq!(problem["code"], code, "{problem}");
    problem
}

#[test]
fn pages_events_and_ids_say_of_which_history_they_are() {
    let server = Server::usual(ENGINE);
    notify(&server, 0..3);
    let first = page(&server, "after=0").expect_json(200);
    let epoch = text(&first["epoch"]);
    assert!((8..=64).contains(&epoch.len()), "{epoch}");
    for event in first["data"].as_array().expect("a list") {
        assert_eq!(event["epoch"], epoch.as_str());
    }
    let kept = server.get("/v1/consumers/c/events").expect_json(200);
    assert_eq!(
        (&kept["epoch"], &kept["data"]),
        (&first["epoch"], &first["data"])
    );

    let same = page(&server, &format!("after=2&epoch={epoch}")).expect_json(200);
    assert_eq!(same["next"], 3, "{same}");
    for query in [
        "after=0&epoch=another-one",
        "after=2&wait=30s&epoch=another-one",
    ] {
        let problem = expect_code(&page(&server, query), 409, "feed_restarted");
        assert_eq!(problem["epoch"], epoch.as_str(), "{problem}");
        assert_eq!(problem["last_sequence"], 3, "{problem}");
    }
    // An empty parameter says nothing: the cursor is taken as one of the present history.
    assert_eq!(page(&server, "after=2&epoch=").expect_json(200)["next"], 3);

    for (query, last) in [
        ("", format!(" {epoch}:2")),
        ("", " 2".to_owned()),
        ("?after=2", String::new()),
        ("?after=2", " ".to_owned()),
        // The address is the first one; what was read last is the stronger.
        ("?after=0&epoch=another-one", format!(" {epoch}:2")),
    ] {
        let answer = stream(&server, query, &last);
        assert!(answer.contains(&format!("\nid: {epoch}:3\n")), "{answer}");
    }
    for (query, last) in [("", " another-one:2"), ("?epoch=another-one", " 2")] {
        let answer = stream(&server, query, last);
        assert_eq!(raw_status(&answer), 409, "{answer}");
        assert!(answer.contains("feed_restarted"), "{answer}");
    }
}

#[test]
fn a_place_beyond_the_last_event_is_unknown_everywhere() {
    let server = Server::usual(ENGINE);
    notify(&server, 0..3);
    for query in ["after=4", "after=4&wait=30s", "after=9223372036854775807"] {
        expect_code(&page(&server, query), 422, "sequence_unknown");
    }
    assert_eq!(page(&server, "after=3").expect_json(200)["data"], json!([]));
    for (query, last) in [("?after=4", ""), ("", " 4")] {
        let answer = stream(&server, query, last);
        assert_eq!(raw_status(&answer), 422, "{answer}");
    }
    let seek = json!({"to": {"sequence": 4}});
    let sought = server.post_as_reader("/v1/consumers/c/seek", &seek);
    expect_code(&sought, 422, "sequence_unknown");
    server.get("/v1/consumers/c/events").expect_json(200);
    let acked = server.post_as_reader("/v1/consumers/c/ack", &json!({"sequence": 4}));
    expect_code(&acked, 422, "sequence_unknown");
}

#[test]
fn a_reader_beyond_the_end_of_a_restored_store_is_told_and_skips_nothing() {
    let receiver = Receiver::start(|_| Answer::status(200));
    let config = ConfigBuilder::new(ENGINE).pushing_to(&receiver.url());
    let mut server = Server::start(&config);
    notify(&server, 0..EVENTS);
    let old = text(&page(&server, "after=0").expect_json(200)["epoch"]);
    server.get("/v1/consumers/c/events").expect_json(200);
    let all = json!({"sequence": EVENTS, "epoch": old});
    server
        .post_as_reader("/v1/consumers/c/ack", &all)
        .expect_json(200);
    wait_for("every push", || {
        (receiver.pushed().len() == EVENTS).then_some(())
    });
    assert_eq!(server.terminate().code(), Some(0));
    go_back(&server);
    renew_epoch(&server);
    server.restart();

    let asked = format!("after={EVENTS}&epoch={old}");
    let problem = expect_code(&page(&server, &asked), 409, "feed_restarted");
    assert_eq!(problem["last_sequence"], LEFT, "{problem}");
    let new = text(&problem["epoch"]);
    assert_ne!(new, old);
    expect_code(
        &page(&server, &format!("after={EVENTS}")),
        422,
        "sequence_unknown",
    );
    let answer = stream(&server, "", &format!(" {old}:{EVENTS}"));
    assert_eq!(raw_status(&answer), 409, "{answer}");
    // The stored cursor lies beyond the end: the reader is told so until it seeks.
    let of_consumer = server.get("/v1/consumers/c/events?wait=30s");
    expect_code(&of_consumer, 409, "feed_restarted");

    notify(&server, 100..100 + EVENTS);
    expect_code(&page(&server, &asked), 409, "feed_restarted");
    // What was read before is not what would be acknowledged.
    let stale = json!({"sequence": EVENTS, "epoch": old});
    let stale = server.post_as_reader("/v1/consumers/c/ack", &stale);
    expect_code(&stale, 409, "feed_restarted");
    server
        .post_as_reader("/v1/consumers/c/seek", &json!({"to": "earliest"}))
        .expect_json(200);
    let sought = server.get("/v1/consumers/c/events").expect_json(200);
    assert_eq!(sought["next"], LEFT + EVENTS, "{sought}");

    // The endpoint goes on behind the last event that there was, and says so.
    let after = i64::try_from(LEFT).expect("small");
    wait_for("the new events", || {
        let pushed = receiver.pushed();
        let of_new = pushed.iter().skip(EVENTS).map(Pushed::sequence);
        let mut of_new: Vec<_> = of_new.collect();
        of_new.sort_unstable();
        (of_new.len() == EVENTS && of_new[0] == after + 1).then_some(())
    });
    assert!(server.log().contains("cursor is beyond the last event"));
}
