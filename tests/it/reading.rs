//! The internal listener: finding refunds, waiting for them, and following the feed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::payermax::Notice;
use crate::harness::reader::{expect_problem, text};
use crate::harness::{Server, now, wait_for};

/// Sends `count` good callbacks `R-000`, `R-001` … and waits until all are applied, one after the other: refunds of
/// the same moment have no order.
fn fill(server: &Server, count: usize) {
    for number in 0..count {
        let number = format!("R-{number:03}");
        server.notified(&Notice::new(&number, "REFUND_SUCCESS"));
        server.applied(&number);
    }
    wait_for("every refund to have its event", || {
        (server.events().len() == count).then_some(())
    });
}

fn numbers(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().expect("`data` is a list");
    data.iter()
        .map(|refund| text(&refund["refund_no"]))
        .collect()
}

#[test]
fn refunds_are_found_by_each_of_their_filters() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-good", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-bad", "REFUND_FAILED"));
    server.notified(&Notice::new("R-odd", "REFUND_REVERSED"));
    for refund_no in ["R-good", "R-bad", "R-odd"] {
        server.applied(refund_no);
    }
    let last = server.applied("R-odd");
    for (query, expected) in [
        ("provider=payermax", vec!["R-odd", "R-bad", "R-good"]),
        ("provider=paycools", vec![]),
        ("account=main", vec!["R-odd", "R-bad", "R-good"]),
        ("account=old", vec![]),
        ("status=succeeded", vec!["R-good"]),
        ("status=failed", vec!["R-bad"]),
        ("status=canceled", vec![]),
        ("order_no=P-R-bad", vec!["R-bad"]),
        ("refund_no=R-good", vec!["R-good"]),
        ("provider_refund_no=T-R-good", vec!["R-good"]),
        ("attention=status_unknown", vec!["R-odd"]),
        ("attention=conflict", vec![]),
        ("status=succeeded&refund_no=R-bad", vec![]),
        ("updated_after=2999-01-01T00:00:00Z", vec![]),
        ("updated_after=9999-12-31t23:59:59.0123456789z", vec![]),
        ("updated_after=2999-01-01T00:00:00%2B08:00", vec![]),
        (
            "updated_after=2020-01-01T00:00:00Z",
            vec!["R-odd", "R-bad", "R-good"],
        ),
    ] {
        let page = server.get(&format!("/v1/refunds?{query}")).expect_json(200);
        assert_eq!(numbers(&page), expected, "{query}");
        assert_eq!(page["has_more"], false, "{query}");
    }
    let after = format!("updated_after={}", text(&last["updated_at"]));
    assert!(
        !numbers(&server.get(&format!("/v1/refunds?{after}")).expect_json(200))
            .contains(&"R-good".to_owned())
    );
}

#[test]
fn pages_are_newest_first_and_stable_while_new_refunds_arrive() {
    let server = Server::usual(ENGINE);
    fill(&server, 12);
    let mut seen = Vec::new();
    let mut page = server.get("/v1/refunds?limit=5").expect_json(200);
    for round in 0.. {
        seen.extend(numbers(&page));
        if page["has_more"] == false {
            break;
        }
        server.notified(&Notice::new(&format!("R-new-{round}"), "REFUND_SUCCESS"));
        server.applied(&format!("R-new-{round}"));
        let cursor = text(&page["next_cursor"]);
        page = server
            .get(&format!("/v1/refunds?limit=5&cursor={cursor}"))
            .expect_json(200);
    }
    let expected: Vec<String> = (0..12)
        .rev()
        .map(|number| format!("R-{number:03}"))
        .collect();
    assert_eq!(seen, expected, "neither skipped nor doubled");
    assert_eq!(
        page["next_cursor"],
        json!(null),
        "the last page leads nowhere"
    );
}

#[test]
fn notifications_of_a_refund_come_page_by_page_the_oldest_first() {
    let server = Server::usual(ENGINE);
    for second in 0..5 {
        let mut notice = Notice::new("R-many", "REFUND_PENDING");
        notice.notify_time = format!("\"2026-01-17T09:33:5{second}.000+00:00\"");
        server.notified(&notice);
    }
    let id = text(&server.applied("R-many")["id"]);
    let path = format!("/v1/refunds/{id}/callbacks");
    let all = server.get(&path).expect_json(200);
    assert_eq!(
        (&all["next_cursor"], &all["has_more"]),
        (&json!(null), &json!(false))
    );
    let all = all["data"].as_array().expect("a list").clone();
    let oldest = text(&all[0]["body"]);
    assert!(
        all.len() == 5 && oldest.contains("09:33:50.000"),
        "{all:#?}"
    );

    let mut seen = Vec::new();
    let mut page = server.get(&format!("{path}?limit=2")).expect_json(200);
    loop {
        let data = page["data"].as_array().expect("a list");
        assert!(!data.is_empty() && data.len() <= 2, "{page}");
        seen.extend(data.clone());
        if page["has_more"] == false {
            break;
        }
        let cursor = text(&page["next_cursor"]);
        let next = format!("{path}?limit=2&cursor={cursor}");
        page = server.get(&next).expect_json(200);
    }
    assert_eq!(seen, all, "neither skipped nor doubled");
    assert_eq!(
        page["next_cursor"],
        json!(null),
        "the last page leads nowhere"
    );
    let exactly = server.get(&format!("{path}?limit=5")).expect_json(200);
    assert_eq!(
        exactly["has_more"], false,
        "a full page is no sign of another"
    );
    for wrong in ["limit=0", "limit=1001", "cursor=x", "cursor=rf_1", "x=1"] {
        expect_problem(&server.get(&format!("{path}?{wrong}")), 400);
    }
}

#[test]
fn a_filter_holds_over_all_pages() {
    let server = Server::usual(ENGINE);
    fill(&server, 6);
    server.notified(&Notice::new("R-failed", "REFUND_FAILED"));
    server.applied("R-failed");
    let first = server
        .get("/v1/refunds?status=succeeded&limit=4")
        .expect_json(200);
    let cursor = text(&first["next_cursor"]);
    let second = server
        .get(&format!(
            "/v1/refunds?status=succeeded&limit=4&cursor={cursor}"
        ))
        .expect_json(200);
    assert_eq!((numbers(&first).len(), numbers(&second).len()), (4, 2));
    assert_eq!(
        (&first["has_more"], &second["has_more"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn an_unchanged_refund_answers_304_and_a_changed_one_does_not() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-tag", "REFUND_PENDING"));
    let path = format!("/v1/refunds/{}", text(&server.applied("R-tag")["id"]));
    let tag = server.get(&path).header("etag").to_owned();
    assert!(tag.ends_with('"'), "an entity tag is quoted: {tag}");
    let authorization = format!("Bearer {READER_TOKEN}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("if-none-match", tag.as_str()),
    ];
    let unchanged = server.get_with(&path, &headers);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), tag);

    server.notified(&Notice::new("R-tag", "REFUND_SUCCESS"));
    wait_for("the final status", || {
        (server.applied("R-tag")["status"] == "succeeded").then_some(())
    });
    let changed = server.get_with(&path, &headers);
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), tag);
}

#[test]
fn entity_tags_in_several_lines_are_one_list() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-tag", "REFUND_SUCCESS"));
    let path = format!("/v1/refunds/{}", text(&server.applied("R-tag")["id"]));
    let tag = server.get(&path).header("etag").to_owned();
    let weak = format!("W/{tag}");
    let weaker = format!("W/{weak}");
    let among = format!("\"a,b\" ,\t{tag}");
    for (lines, status) in [
        (&["\"a\"", &tag][..], 304),
        (&[&weak, "\"a\""], 304),
        (&["W/\"a\", \"b\"", "\"c\"", &among], 304),
        (&["*"], 304),
        (&["\"a\"", "\"b\""], 200),
        (&[&weaker], 200),
        (&[&format!("w/{tag}")], 200),
        (&[tag.trim_matches('"')], 200),
        (&[""], 200),
    ] {
        let authorization = format!("Bearer {READER_TOKEN}");
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(lines.iter().map(|line| ("if-none-match", *line)));
        let answer = server.get_with(&path, &headers);
        assert_eq!(answer.status, status, "{lines:?}");
        assert_eq!(answer.header("etag"), tag);
    }
}

#[test]
fn lists_notifications_and_orders_answer_304_until_they_change() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_PENDING"));
    let id = text(&server.applied("R-1")["id"]);
    server.put_simple_order("1", "paid", "30.00");
    let authorization = format!("Bearer {READER_TOKEN}");
    let paths = [
        "/v1/refunds?status=pending".to_owned(),
        format!("/v1/refunds/{id}/callbacks"),
        "/v1/orders/YD-1".to_owned(),
    ];
    let tags = paths
        .clone()
        .map(|path| server.get(&path).header("etag").to_owned());
    let status = |path: &str, tag: &str| {
        let known = format!("\"other\", W/{tag}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("if-none-match", known.as_str()),
        ];
        server.get_with(path, &headers).status
    };
    for (path, tag) in paths.iter().zip(&tags) {
        assert_eq!(status(path, tag), 304, "{path}");
    }
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.applied("R-1");
    server.put_simple_order("1", "refund_applied", "30.00");
    for (path, tag) in paths.iter().zip(&tags) {
        assert_eq!(status(path, tag), 200, "{path}");
    }
}

#[test]
fn a_waiting_reader_is_answered_when_the_refund_becomes_final() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-wait", "REFUND_PENDING"));
    let path = format!("/v1/refunds/{}", text(&server.applied("R-wait")["id"]));
    let started = now();
    let still = server.get(&format!("{path}?wait=1s")).expect_json(200);
    assert_eq!(still["status"], "pending");
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "it waited its second"
    );

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let started = now();
            let refund = server.get(&format!("{path}?wait=30s")).expect_json(200);
            (refund, started.elapsed())
        });
        server.notified(&Notice::new("R-wait", "REFUND_SUCCESS"));
        let (refund, waited) = waiting.join().expect("the reader is answered");
        assert_eq!(refund["status"], "succeeded");
        assert!(
            waited < Duration::from_secs(25),
            "woken by the change, after {waited:?}"
        );
    });
    let started = now();
    assert_eq!(
        server.get(&format!("{path}?wait=30s")).expect_json(200)["status"],
        "succeeded"
    );
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "a final refund needs no waiting"
    );
}

#[test]
fn the_feed_is_gapless_in_pages_and_wakes_a_waiting_reader() {
    let server = Server::usual(ENGINE);
    let empty = server.get("/v1/events?after=0").expect_json(200);
    assert_eq!((&empty["data"], &empty["next"]), (&json!([]), &json!(0)));
    fill(&server, 7);
    let mut sequences = Vec::new();
    let mut after = 0;
    while sequences.len() < 7 {
        let page = server
            .get(&format!("/v1/events?after={after}&limit=3"))
            .expect_json(200);
        let data = page["data"].as_array().expect("a list");
        assert!(!data.is_empty() && data.len() <= 3);
        sequences.extend(
            data.iter()
                .map(|event| event["sequence"].as_i64().expect("a number")),
        );
        after = page["next"].as_i64().expect("a number");
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7]);
    let nothing = server.get("/v1/events?after=7").expect_json(200);
    assert_eq!(
        (&nothing["data"], &nothing["next"]),
        (&json!([]), &json!(7))
    );

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get("/v1/events?after=7&wait=30s").expect_json(200));
        server.notified(&Notice::new("R-wake", "REFUND_SUCCESS"));
        let page = waiting.join().expect("the reader is answered");
        assert_eq!(
            (&page["data"][0]["sequence"], &page["next"]),
            (&json!(8), &json!(8))
        );
    });
}

#[test]
fn a_follower_of_the_feed_misses_nothing_under_concurrent_writers() {
    let server = Server::usual(ENGINE);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..25 {
                    let refund_no = format!("R-{writer}-{number}");
                    server.notified(&Notice::new(&refund_no, "REFUND_SUCCESS"));
                }
            });
        }
        let mut seen = BTreeSet::new();
        let mut after = 0;
        while seen.len() < 100 {
            let url = format!("/v1/events?after={after}&limit=10&wait=30s");
            let page = server.get(&url).expect_json(200);
            let events = page["data"].as_array().expect("a list");
            assert!(!events.is_empty(), "only {after} events");
            for event in events {
                after += 1;
                assert_eq!(event["sequence"], after, "no number is skipped");
                assert!(
                    seen.insert(text(&event["data"]["refund_no"])),
                    "one event each"
                );
            }
        }
    });
    assert_eq!(server.events().len(), 100);
}
