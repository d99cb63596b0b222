//! Named consumers: the service stores the reader's cursor.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::payermax::Notice;
use crate::harness::reader::{expect_problem, text};
use crate::harness::{Reply, Server, wait_for};

fn server_with_events(count: usize) -> Server {
    let server = Server::usual(ENGINE);
    for number in 0..count {
        server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
    }
    wait_for("the events", || {
        (server.events().len() == count).then_some(())
    });
    server
}

/// The numbers that a consumer is given next.
#[track_caller]
fn given(server: &Server, name: &str) -> Vec<i64> {
    let page = server
        .get(&format!("/v1/consumers/{name}/events"))
        .expect_json(200);
    let data = page["data"].as_array().expect("a list");
    data.iter()
        .map(|event| event["sequence"].as_i64().expect("a number"))
        .collect()
}

fn ack(server: &Server, name: &str, sequence: i64) -> Reply {
    let body = json!({ "sequence": sequence });
    server.post_as_reader(&format!("/v1/consumers/{name}/ack"), &body)
}

fn seek(server: &Server, name: &str, to: &Value) -> Reply {
    server.post_as_reader(&format!("/v1/consumers/{name}/seek"), &json!({ "to": to }))
}

#[track_caller]
fn expect_code(reply: &Reply, status: u16, code: &str) {
    expect_problem(reply, status);
    assert_eq!(reply.json()["code"], code, "{}", reply.text());
}

#[test]
fn reading_moves_nothing_and_an_ack_moves_forward_only() {
    let mut server = server_with_events(5);
    assert_eq!(given(&server, "erp"), [1, 2, 3, 4, 5]);
    assert_eq!(
        given(&server, "erp"),
        [1, 2, 3, 4, 5],
        "reading moves nothing"
    );
    let moved = ack(&server, "erp", 3).expect_json(200);
    assert_eq!((&moved["sequence"], &moved["lag"]), (&json!(3), &json!(2)));
    assert_eq!(given(&server, "erp"), [4, 5]);
    let again = ack(&server, "erp", 3).expect_json(200);
    assert_eq!(again, moved, "the same number again changes nothing");
    expect_code(&ack(&server, "erp", 2), 409, "ack_backwards");
    expect_code(&ack(&server, "erp", 6), 422, "sequence_unknown");
    expect_code(&ack(&server, "unknown", 1), 404, "not_found");
    assert_eq!(given(&server, "erp"), [4, 5]);

    server.kill9();
    server.restart();
    assert_eq!(given(&server, "erp"), [4, 5], "the place survives");
    ack(&server, "erp", 5).expect_json(200);
    assert!(given(&server, "erp").is_empty());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let path = "/v1/consumers/erp/events?wait=30s&limit=1";
            server.get(path).expect_json(200)
        });
        server.notified(&Notice::new("R-next", "REFUND_SUCCESS"));
        let page = waiting.join().expect("woken");
        assert_eq!(page["next"], 6, "{page}");
    });
}

#[test]
fn a_consumer_is_put_where_it_is_told() {
    let server = server_with_events(5);
    let fourth = text(&server.events()[3]["timestamp"]);
    for (to, expected) in [
        (json!("latest"), vec![]),
        (json!("earliest"), vec![1, 2, 3, 4, 5]),
        (json!({"sequence": 4}), vec![5]),
        (json!({"sequence": 0}), vec![1, 2, 3, 4, 5]),
        (json!({"time": "2020-01-01T00:00:00Z"}), vec![1, 2, 3, 4, 5]),
        (json!({"time": "2999-01-01T00:00:00+08:00"}), vec![]),
        (json!({"time": "2999-01-01t00:00:00.0123456789z"}), vec![]),
        (json!({"time": "9999-12-31T23:59:59Z"}), vec![]),
    ] {
        seek(&server, "ledger", &to).expect_json(200);
        assert_eq!(given(&server, "ledger"), expected, "{to}");
    }
    seek(&server, "ledger", &json!({"time": fourth})).expect_json(200);
    let first = given(&server, "ledger")[0];
    let events = server.events();
    let time =
        |sequence: i64| text(&events[usize::try_from(sequence - 1).expect("small")]["timestamp"]);
    assert!(time(first) >= fourth, "nothing older");
    assert!(first == 1 || time(first - 1) < fourth, "nothing left out");

    expect_code(
        &seek(&server, "ledger", &json!({"sequence": 6})),
        422,
        "sequence_unknown",
    );
    for wrong in [
        json!("middle"),
        json!({"sequence": -1}),
        json!({"time": "noon"}),
        json!({"time": "2026-11-22T17:57Z"}),
        json!({"time": "20261122T175707Z"}),
        json!({"time": "2026-11-22T17:57:07Z[UTC]"}),
        json!({"time": "2026-11-22T17:57:07-00"}),
        json!({"time": 0}),
        json!({"sequence": 1, "time": "2020-01-01T00:00:00Z"}),
        json!({"earliest": null}),
        json!({"latest": null}),
        json!({"sequence": 1, "earliest": null}),
        json!({"sequence": null}),
        json!({"sequence": "1"}),
        json!({}),
        json!(["earliest"]),
        json!(0),
        json!(null),
    ] {
        expect_code(&seek(&server, "ledger", &wrong), 400, "invalid_body");
    }
}

#[test]
fn a_consumer_belongs_to_the_token_that_made_it() {
    let server = server_with_events(2);
    assert_eq!(given(&server, "same-name"), [1, 2]);
    ack(&server, "same-name", 2).expect_json(200);
    let page = server
        .get_as(FEED_TOKEN, "/v1/consumers/same-name/events")
        .expect_json(200);
    assert_eq!(
        page["data"].as_array().map(Vec::len),
        Some(2),
        "its own place"
    );
    given(&server, "another");

    let names = |token| -> Vec<(String, i64)> {
        let list = server.get_as(token, "/v1/consumers").expect_json(200);
        let data = list["data"].as_array().expect("a list").clone();
        let pair = |one: &Value| (text(&one["name"]), one["lag"].as_i64().expect("a number"));
        data.iter().map(pair).collect()
    };
    let both = [("another".to_owned(), 2), ("same-name".to_owned(), 0)];
    assert_eq!(names(READER_TOKEN), both);
    assert_eq!(names(FEED_TOKEN), [("same-name".to_owned(), 2)]);

    let metrics = server.get("/metrics");
    for (reader, consumer, lag) in [
        ("all", "another", 2),
        ("all", "same-name", 0),
        ("feed", "same-name", 2),
    ] {
        let line = format!(
            "refund_receiver_consumer_lag_events{{reader=\"{reader}\",consumer=\"{consumer}\"}} {lag}\n"
        );
        assert!(metrics.text().contains(&line), "{line}{}", metrics.text());
    }
}

#[test]
fn consumers_are_bounded_in_name_and_number_and_can_be_forgotten() {
    let server = server_with_events(1);
    let long = "n".repeat(65);
    for name in ["a%20b", "%2e%2e%2fx", long.as_str()] {
        expect_problem(&server.get(&format!("/v1/consumers/{name}/events")), 400);
    }
    for number in 0..100 {
        given(&server, &format!("c-{number}"));
    }
    let path = "/v1/consumers/one-too-many/events";
    expect_code(&server.get(path), 409, "too_many_consumers");
    let delete = || server.delete_as(READER_TOKEN, "/v1/consumers/c-7");
    assert_eq!(delete().status, 204);
    expect_problem(&delete(), 404);
    assert_eq!(server.get(path).status, 200);
}

#[test]
fn consumers_need_the_scope_and_a_json_body() {
    let server = server_with_events(1);
    for path in ["/v1/consumers", "/v1/consumers/erp/events"] {
        expect_problem(&server.get_with(path, &[]), 401);
    }
    let url = format!("{}/v1/consumers/erp/ack", server.internal_url);
    let token = format!("Bearer {READER_TOKEN}");
    let mut headers = vec![("authorization", token.as_str())];
    let send = |headers: &[(&str, &str)], body: &str| {
        server.client().send("POST", &url, headers, body.as_bytes())
    };
    expect_problem(&send(&[], "{}"), 401);
    expect_problem(&send(&headers, "{\"sequence\":1}"), 415);
    headers.push(("content-type", "application/json"));
    for wrong in [
        "",
        "{}",
        "[]",
        "{\"sequence\":\"1\"}",
        "{\"sequence\":1.5}",
        "{\"sequence\":1,\"sequence\":1}",
        "{\"sequence\":1,\"more\":1}",
        "{\"sequence\":1} ,",
    ] {
        expect_code(&send(&headers, wrong), 400, "invalid_body");
    }
}
