//! Views of raw bodies: in the trail before they are shown, and bounded.

use super::*;
use crate::harness::payermax::Notice;

#[test]
fn a_view_of_bodies_is_in_the_trail_once_a_minute() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_PENDING"));
    server.wait_until_applied();
    let id = text(&server.refunds("refund_no=R-1")[0]["id"]);
    server.get(&format!("/v1/refunds/{id}")).expect_json(200);
    server.get("/v1/events").expect_json(200);
    assert_eq!(trail(&server), [Value::Null; 0], "no body is in these");
    let callbacks = server.callbacks(&id);
    let callback = text(&callbacks[0]["id"]);
    for _ in 0..20 {
        server
            .get(&format!("/v1/refunds/{id}/callbacks"))
            .expect_json(200);
        server
            .get(&format!("/v1/refunds/{id}/timeline"))
            .expect_json(200);
        server
            .get(&format!("/v1/callbacks/{callback}"))
            .expect_json(200);
    }
    // The minute may have changed once.
    let entries = trail(&server);
    assert!(matches!(entries.len(), 1 | 2), "{entries:#?}");
    for entry in &entries {
        assert_eq!(
            acts(std::slice::from_ref(entry)),
            [format!("bodies_viewed refund {id}")]
        );
        assert_eq!(entry["reader"], "all");
    }
    let nothing = server.get("/v1/refunds/rf_00000000-0000-7000-8000-000000000000/callbacks");
    assert_eq!(nothing.status, 404);
    assert_eq!(trail(&server).len(), entries.len(), "nothing was shown");
}

#[test]
fn a_flood_of_views_is_bounded() {
    const REFUNDS: usize = 130;
    const NAMED_MAX: usize = 100;
    let server = Server::usual(ENGINE);
    for number in 0..REFUNDS {
        server.notified(&Notice::new(&format!("R-{number}"), "REFUND_SUCCESS"));
    }
    server.wait_until_applied();
    let refunds = server.refunds("limit=200");
    assert_eq!(refunds.len(), REFUNDS);
    for refund in &refunds {
        server.callbacks(&text(&refund["id"]));
    }
    let entries = trail(&server);
    let others = entries
        .iter()
        .filter(|entry| entry["about"] == json!({"kind": "refunds", "id": "others"}));
    let (others, all) = (others.count(), entries.len());
    // In one minute, or in two.
    assert!(all <= REFUNDS + 1 && others <= 2, "{all} {others}");
    assert!(
        all == NAMED_MAX + 1 && others == 1 || all > NAMED_MAX + 1,
        "{all} {others}"
    );
    assert_chained(&entries);
}

#[test]
fn nothing_secret_and_no_body_is_in_the_trail() {
    let marker = "marker-of-a-body-5f1c";
    let config = ConfigBuilder::new(ENGINE).pushing_to("http://127.0.0.1:9/hook?key=KEY-IN-QUERY");
    let server = Server::start(&config);
    let notice = Notice::new(marker, "REFUND_SUCCESS");
    server.notified(&notice);
    let id = text(&server.applied(marker)["id"]);
    server.callbacks(&id);
    server.put_simple_order("1", "paid", "1.00");
    server.get("/v1/consumers/c1/events").expect_json(200);
    server
        .post_as_reader("/v1/endpoints/erp/recover", &json!({}))
        .expect_json(200);
    let guessed = "guess-that-is-nearly-a-token-0123456789";
    let order = crate::harness::epay::simple_order("2", "paid", "1.00").to_string();
    assert_eq!(server.put_order_raw("YD-2", guessed, &order).status, 401);
    // A key and a token that a reload brings.
    let path = server.config_path();
    let before = std::fs::read_to_string(&path).expect("the config");
    let token = "token-of-a-reader-that-a-reload-brings-0123";
    let added = format!(
        "{before}\n[[readers]]\nname = \"new\"\ntoken_sha256 = \"{}\"\nscopes = []\n",
        sha256_hex(token)
    );
    std::fs::write(&path, added).expect("it can be edited");
    server
        .post_as_reader("/v1/reload", &json!({}))
        .expect_json(200);
    let entries = crate::harness::wait_for("the rejection", || {
        let is_there = |entry: &Value| entry["act"] == "call_rejected";
        Some(trail(&server)).filter(|entries| entries.iter().any(is_there))
    });
    let said = serde_json::to_string(&entries).expect("JSON");
    for secret in [
        READER_TOKEN,
        FEED_TOKEN,
        crate::harness::config::EPAY_TOKEN,
        guessed,
        token,
        &sha256_hex(READER_TOKEN),
        &sha256_hex(token),
        &sha256_hex(guessed)[..12],
        &crate::harness::relay::text(crate::harness::relay::SECRET),
        "KEY-IN-QUERY",
        "REFUND_SUCCESS",
        "-----BEGIN",
        "MIIB",
    ] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}
