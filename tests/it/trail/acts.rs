//! Which act leaves which entry.

use super::*;
use crate::harness::payermax::Notice;
use crate::harness::reader::{expect_problem, is_utc_milliseconds};
use crate::harness::sandbox::{CALLER_TOKEN, Circle, NEVER, body};
use crate::harness::wait_for;

/// A server on which each act of these was done once, and some twice.
fn acted_on() -> Server {
    let server = Server::start(&ConfigBuilder::new(ENGINE).pushing_to("http://127.0.0.1:9/"));
    server.put_order_twice_and_changed();
    server.get("/v1/consumers/c1/events").expect_json(200);
    server.get("/v1/consumers/c1/events").expect_json(200);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-2", "REFUND_SUCCESS"));
    wait_for("two events", || (server.events().len() == 2).then_some(()));
    for sequence in [1, 1, 2] {
        server
            .post_as_reader("/v1/consumers/c1/ack", &json!({ "sequence": sequence }))
            .expect_json(200);
    }
    server
        .post_as_reader("/v1/consumers/c1/seek", &json!({"to": "earliest"}))
        .expect_json(200);
    assert_eq!(
        server.delete_as(READER_TOKEN, "/v1/consumers/c1").status,
        204
    );
    assert_eq!(
        server.delete_as(READER_TOKEN, "/v1/consumers/c1").status,
        404
    );
    server
        .post_as_reader("/v1/endpoints/erp/recover", &json!({"since": "earliest"}))
        .expect_json(200);
    server
        .post_as_reader("/v1/reload", &json!({}))
        .expect_json(200);
    server
}

/// What each found and left.
#[track_caller]
fn assert_before_and_after(entries: &[Value]) {
    let [
        registered,
        changed,
        made,
        moved,
        deleted,
        recovered,
        reloaded,
    ] = entries
    else {
        panic!("seven entries");
    };
    assert!(registered["before"].is_null());
    assert_eq!(
        registered["after"],
        json!({
            "state": "paid",
            "payments": {"T-1": "100.00"},
            "refund_applications": {"B-1": {"amount": "30.00", "state": "applied"}}
        })
    );
    assert_eq!(
        (&changed["before"], &changed["after"]),
        (
            &json!({"state": "paid", "payments": {"T-1": "100.00"}}),
            &json!({"state": "delivered", "payments": {"T-1": "1.00"}})
        )
    );
    assert_eq!(made["after"], json!({"sequence": 0}));
    assert_eq!(
        (&moved["before"], &moved["after"]),
        (&json!({"sequence": 2}), &json!({"sequence": 0}))
    );
    assert_eq!(
        (&deleted["before"], &deleted["after"]),
        (&json!({"sequence": 0}), &Value::Null)
    );
    assert_eq!(recovered["after"]["disabled"], false);
    assert_eq!(
        (&reloaded["before"], &reloaded["after"]),
        (&json!({}), &json!({})),
        "nothing was edited"
    );
}

#[test]
fn each_change_leaves_one_entry_with_who_what_before_and_after() {
    let server = acted_on();
    let entries = trail(&server);
    // Whether the second ack is in the minute of the first is up to the clock.
    let mut entries_of_acts = entries.clone();
    let acks = |entry: &Value| entry["act"] == "consumer_acked";
    let acked: Vec<_> = entries.iter().filter(|entry| acks(entry)).collect();
    assert!(matches!(acked.len(), 1 | 2), "{acked:#?}");
    assert_eq!(
        (&acked[0]["before"], &acked[0]["after"]),
        (&json!({"sequence": 0}), &json!({"sequence": 1}))
    );
    entries_of_acts.retain(|entry| !acks(entry));
    assert_eq!(
        acts(&entries_of_acts),
        [
            "order_changed order YD-1",
            "order_changed order YD-1",
            "consumer_made consumer c1",
            "consumer_moved consumer c1",
            "consumer_deleted consumer c1",
            "endpoint_recovered endpoint erp",
            "reload service config",
        ],
        "what changes nothing leaves none"
    );
    assert_before_and_after(&entries_of_acts);
    for entry in &entries {
        assert_eq!(entry["reader"], "all");
        assert_eq!(entry["token_id"], sha256_hex(READER_TOKEN)[..12]);
        assert!(text(&entry["from"]).starts_with("127.0.0.1:"), "{entry}");
        assert!(is_utc_milliseconds(&entry["at"]), "{entry}");
    }
    assert_chained(&entries);
}

/// Why, and what each found and left.
#[track_caller]
fn assert_reasons_and_states(entries: &[Value]) {
    assert_eq!(entries[0]["reason"], "a test");
    assert_eq!(
        (&entries[0]["before"], &entries[0]["after"]),
        (&json!({"stopped": false}), &json!({"stopped": true}))
    );
    assert_eq!(entries[1]["reason"], "returned");
    assert_eq!(
        entries[1]["after"],
        json!({
            "provider": "payermax", "account": "main", "refund_no": "R1OK", "payment": "PR1OK",
            "amount": "10000.00", "currency": "IDR", "mode": "submit", "state": "queued"
        })
    );
    assert_eq!(
        (
            &entries[2]["before"]["state"],
            &entries[2]["after"]["state"]
        ),
        (&json!("queued"), &json!("canceled"))
    );
    let was = &entries[3]["before"];
    assert_eq!(
        (&was["by"], &was["reason"]),
        (&json!("caller"), &json!("a test"))
    );
    assert_eq!(
        (
            &entries[5]["before"]["state"],
            &entries[5]["after"]["state"]
        ),
        (&json!("accepted"), &json!("accepted"))
    );
    assert_eq!(entries[7]["reason"], "the provider says that it never came");
    assert_eq!(
        (
            &entries[7]["before"]["state"],
            &entries[7]["after"]["state"]
        ),
        (&json!("failed"), &json!("queued"))
    );
}

#[test]
fn acts_on_requests_and_accounts_leave_entries_with_their_reasons() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    circle.switch("payermax/main", "stop");
    circle.switch("payermax/main", "stop");
    let canceled = circle.request(&body("payermax/main", "R1OK"));
    // The same again is no act.
    assert_eq!(
        circle
            .post("/v1/refunds", &body("payermax/main", "R1OK"))
            .status,
        200
    );
    circle
        .post(&format!("/v1/refunds/{canceled}/cancel"), &json!({}))
        .expect_json(200);
    circle.switch("payermax/main", "resume");
    let asked = circle.request(&body("payermax/main", "R2PEND"));
    circle.comes_to(&asked, "accepted");
    circle.ask(&asked);
    let failed = circle.request(&body("quickpay/store-1", "Q1FAIL"));
    circle.comes_to(&failed, "failed");
    assert_eq!(circle.resend(&failed).status, 202);
    assert_eq!(circle.resend(&failed).status, 409);

    let entries = trail_as(&circle.server, CALLER_TOKEN, "");
    assert_eq!(
        acts(&entries),
        [
            "account_stopped account payermax/main".to_owned(),
            format!("refund_requested refund {canceled}"),
            format!("refund_canceled refund {canceled}"),
            "account_resumed account payermax/main".to_owned(),
            format!("refund_requested refund {asked}"),
            format!("refund_asked refund {asked}"),
            format!("refund_requested refund {failed}"),
            format!("refund_resent refund {failed}"),
        ]
    );
    assert_reasons_and_states(&entries);
    assert_chained(&entries);
}

#[test]
fn a_reload_says_whose_tokens_and_keys_it_changed() {
    let server = Server::usual(ENGINE);
    let path = server.config_path();
    let before = std::fs::read_to_string(&path).expect("the config");
    let digest = sha256_hex("token-of-a-new-reader-0123456789abcdef");
    let added = format!(
        "{before}\n[[readers]]\nname = \"new\"\ntoken_sha256 = \"{digest}\"\nscopes = [\"refunds:read\"]\n"
    );
    std::fs::write(&path, &added).expect("it can be edited");
    server
        .post_as_reader("/v1/reload", &json!({}))
        .expect_json(200);
    std::fs::write(&path, &before).expect("it can be edited");
    server.signal("HUP");
    let entries = wait_for("both reloads", || {
        Some(trail(&server)).filter(|entries| entries.len() == 2)
    });
    let new = json!({"reader new": {"token_id": digest[..12], "scopes": ["refunds:read"]}});
    assert_eq!(
        (&entries[0]["before"], &entries[0]["after"]),
        (&json!({}), &new)
    );
    assert_eq!(
        (&entries[1]["before"], &entries[1]["after"]),
        (&new, &json!({}))
    );
    assert_eq!(
        (&entries[0]["reader"], &entries[1]["reader"]),
        (&json!("all"), &Value::Null)
    );
    assert_eq!(entries[1]["from"], "SIGHUP");
    // A config that is rejected changes nothing.
    std::fs::write(&path, "nonsense").expect("it can be edited");
    assert_eq!(server.post_as_reader("/v1/reload", &json!({})).status, 422);
    assert_eq!(trail(&server).len(), 2);
}

#[test]
fn rejected_attempts_to_act_leave_one_entry_a_minute_and_no_part_of_the_token() {
    let server = Server::usual(ENGINE);
    for attempt in 0..30 {
        let body = json!({"reason": "mine"});
        let path = "/v1/accounts/payermax/main/stop";
        for token in [FEED_TOKEN.to_owned(), format!("guess-number-{attempt}")] {
            let reply = server.post_as(&token, path, body.to_string());
            assert!(matches!(reply.status, 401 | 403), "{}", reply.status);
        }
        // To read is no attempt to act.
        assert_eq!(server.get_as("guess", "/v1/refunds").status, 401);
    }
    let entries = wait_for("both kinds", || {
        Some(trail(&server)).filter(|entries| entries.len() >= 2)
    });
    // The minute may have changed once.
    assert!(entries.len() <= 4, "{entries:#?}");
    let shown: std::collections::BTreeSet<_> = entries
        .iter()
        .map(|entry| {
            (
                text(&entry["after"]["code"]),
                entry["reader"].clone().to_string(),
            )
        })
        .collect();
    let expected = [("forbidden", "\"feed\""), ("unauthorized", "null")];
    let expected = expected.map(|(code, reader)| (code.to_owned(), reader.to_owned()));
    assert_eq!(shown, expected.into());
    for entry in &entries {
        assert_eq!(entry["act"], "call_rejected");
        let call = "POST /v1/accounts/{provider}/{account}/stop";
        assert_eq!(entry["about"], json!({"kind": "call", "id": call}));
        assert!(!entry.to_string().contains("guess"), "{entry}");
    }
}

#[test]
fn the_trail_is_read_in_pages_by_reader_act_subject_and_time() {
    let server = Server::usual(ENGINE);
    for number in 0..7 {
        server.put_simple_order(&number.to_string(), "paid", "1.00");
    }
    server.get("/v1/consumers/c1/events").expect_json(200);
    let all = trail(&server);
    assert_eq!(all.len(), 8);
    let newest = server.get("/v1/audit?limit=3").expect_json(200);
    assert_eq!(newest["data"][0], all[7]);
    assert_eq!(newest["next_cursor"], "6");
    assert_eq!(
        newest["head"],
        json!({"sequence": 8, "hash": all[7]["hash"]})
    );
    let next = server.get("/v1/audit?limit=200&cursor=6").expect_json(200);
    assert_eq!(next["data"][4], all[0]);
    assert_eq!(
        (&next["next_cursor"], &next["has_more"]),
        (&Value::Null, &json!(false))
    );
    let times: Vec<_> = all.iter().map(|entry| text(&entry["at"])).collect();
    let at_or_after = |time: &str| times.iter().filter(|at| at.as_str() >= time).count();
    for (filter, count) in [
        ("&reader=all".to_owned(), 8),
        ("&reader=feed".to_owned(), 0),
        ("&act=consumer_made".to_owned(), 1),
        ("&about=YD-3".to_owned(), 1),
        ("&about=YD-3&act=consumer_made".to_owned(), 0),
        (format!("&since={}", times[4]), at_or_after(&times[4])),
        (format!("&until={}", times[4]), 8 - at_or_after(&times[4])),
        ("&since=2100-01-01T00:00:00Z".to_owned(), 0),
        ("&until=2001-01-01T00:00:00Z".to_owned(), 0),
        (
            "&since=2001-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&reader=all".to_owned(),
            8,
        ),
    ] {
        let found = trail_as(&server, READER_TOKEN, &filter);
        assert_eq!(found.len(), count, "{filter}");
    }
    for bad in [
        "act=none",
        "order=up",
        "limit=201",
        "limit=0",
        "cursor=-1",
        "cursor=x",
        "since=soon",
        "until=1",
        "readers=all",
        "reader=a&reader=b",
        "about=%00",
    ] {
        expect_problem(&server.get(&format!("/v1/audit?{bad}")), 400);
    }
    expect_problem(&server.get_as(FEED_TOKEN, "/v1/audit"), 403);
    expect_problem(&server.get_as("unknown", "/v1/audit"), 401);
    assert_eq!(trail(&server).len(), 8, "reading it is no act");
}
