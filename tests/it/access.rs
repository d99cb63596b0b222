//! The internal listener: scopes, wrong requests, health and metrics.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::epay::simple_order;
use crate::harness::payermax::Notice;
use crate::harness::reader::{expect_problem, text};

#[test]
fn reading_needs_a_token_and_stays_within_its_scopes() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-scope", "REFUND_SUCCESS"));
    let id = text(&server.applied("R-scope")["id"]);
    let refund = format!("/v1/refunds/{id}");
    let callbacks = format!("{refund}/callbacks");
    let paths = [
        "/v1/refunds",
        &refund,
        &callbacks,
        "/v1/orders/YD-1",
        "/v1/events?after=0",
    ];
    for path in paths {
        expect_problem(&server.get_with(path, &[]), 401);
        expect_problem(&server.get_as("wrong", path), 401);
        expect_problem(
            &server.get_with(path, &[("authorization", READER_TOKEN)]),
            401,
        );
        if !path.starts_with("/v1/events") {
            expect_problem(&server.get_as(FEED_TOKEN, path), 403);
        }
    }
    let order = simple_order("1", "paid", "1.00").to_string();
    expect_problem(&server.put_order_raw("YD-1", "wrong", &order), 401);
    expect_problem(&server.put_order_raw("YD-1", FEED_TOKEN, &order), 403);
    expect_problem(&server.get("/v1/orders/YD-1"), 404);
    server
        .get_as(FEED_TOKEN, "/v1/events?after=0")
        .expect_json(200);
}

#[test]
fn what_does_not_exist_is_404() {
    let server = Server::usual(ENGINE);
    let unknown = "/v1/refunds/rf_01890a5d-ac96-774b-bcce-b302099a8057";
    for path in [
        unknown,
        &format!("{unknown}/callbacks"),
        "/v1/orders/nothing",
        "/v1/nothing",
    ] {
        expect_problem(&server.get(path), 404);
    }
}

#[test]
fn a_malformed_parameter_is_400() {
    let server = Server::usual(ENGINE);
    for path in [
        "/v1/refunds?limit=many",
        "/v1/refunds?limit=0",
        "/v1/refunds?limit=-1",
        "/v1/refunds?limit=201",
        "/v1/refunds?status=gone",
        "/v1/refunds?attention=hunger",
        "/v1/refunds?limit=05",
        "/v1/refunds?limit=%2B5",
        "/v1/refunds?refund_no=%00",
        "/v1/refunds?provider=a%0Ab",
        "/v1/refunds?limit=1&limit=2",
        "/v1/refunds?stauts=failed",
        "/v1/refunds?cursor=%00",
        "/v1/refunds?cursor=garbage",
        "/v1/refunds?updated_after=yesterday",
        "/v1/events?after=-1",
        "/v1/events?after=x",
        "/v1/events?after=01",
        "/v1/events?after=9223372036854775808",
        "/v1/orders/YD-1?x=1",
        "/v1/events?after=0&limit=1001",
        "/v1/events?after=0&limit=0",
        "/v1/events?after=0&wait=soon",
        "/v1/events?after=0&wait=61s",
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        expect_problem(&reply, 400);
    }
}

#[test]
fn health_and_metrics_need_no_token_and_stay_inside() {
    let server = Server::usual(ENGINE);
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.get_with(path, &[]).status, 200, "{path}");
    }
    let metrics = server.get_with("/metrics", &[]);
    assert_eq!(metrics.status, 200);
    let kind = metrics.header("content-type");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");

    for path in [
        "/livez",
        "/metrics",
        "/openapi.json",
        "/v1/refunds",
        "/v1/events",
    ] {
        let url = format!("{}{path}", server.public_url);
        let reply = server.client().send("GET", &url, &[], b"");
        assert_eq!(reply.status, 404, "{path} on the public listener");
    }
}
