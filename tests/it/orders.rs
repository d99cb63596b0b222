//! Orders as the internal system registers them: merged, never taken back.

use std::collections::BTreeSet;

use serde_json::json;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::config::READER_TOKEN;
use crate::harness::epay::simple_order;
use crate::harness::reader::{expect_problem, text};

#[test]
fn an_order_is_registered_read_back_and_put_again_without_change() {
    let server = Server::usual(ENGINE);
    let order = json!({
        "state": "refund_applied",
        "payments": [{"trandeno": "T-1", "amount": "100.00"}],
        "refund_applications": [{"batchno": "B-1", "amount": "30.00"}],
    });
    let expected = json!({
        "order_no": "YD-1",
        "state": "refund_applied",
        "payments": [{"trandeno": "T-1", "amount": "100.00"}],
        "refund_applications": [{"batchno": "B-1", "amount": "30.00", "state": "applied"}],
    });
    assert_eq!(server.put_order("YD-1", &order), expected);
    assert_eq!(server.order("YD-1"), expected);
    assert_eq!(
        server.put_order("YD-1", &order),
        expected,
        "a PUT is idempotent"
    );
}

#[test]
fn a_put_adds_and_never_removes() {
    let server = Server::usual(ENGINE);
    server.put_order("YD-1", &simple_order("1", "paid", "30.00"));
    let more = json!({
        "state": "refund_applied",
        "payments": [{"trandeno": "T-more", "amount": "5.00"}],
        "refund_applications": [{"batchno": "B-more", "amount": "5.00"}],
    });
    let order = server.put_order("YD-1", &more);
    assert_eq!(order["state"], "refund_applied");
    let member = |list: &str, name: &str| -> BTreeSet<String> {
        order[list]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| text(&row[name]))
            .collect()
    };
    assert_eq!(
        member("payments", "trandeno"),
        ["T-1".into(), "T-more".into()].into()
    );
    assert_eq!(
        member("refund_applications", "batchno"),
        ["B-1".into(), "B-more".into()].into()
    );
}

#[test]
fn a_payment_of_another_order_is_refused_with_409() {
    let server = Server::usual(ENGINE);
    server.put_order("YD-1", &simple_order("1", "paid", "30.00"));
    let body = simple_order("1", "paid", "30.00").to_string();
    expect_problem(&server.put_order_raw("YD-2", READER_TOKEN, &body), 409);
    expect_problem(&server.get("/v1/orders/YD-2"), 404);
}

#[test]
fn an_order_that_makes_no_sense_is_refused_with_400() {
    let server = Server::usual(ENGINE);
    let bodies = [
        "",
        "null",
        "[]",
        "{}",
        r#"{"state":"sold"}"#,
        r#"{"state":"paid","payments":{}}"#,
        r#"{"state":"paid","payments":[{"trandeno":"T-1","amount":"-1.00"}]}"#,
        r#"{"state":"paid","payments":[{"trandeno":"T-1","amount":"1.001"}]}"#,
        r#"{"state":"paid","payments":[{"trandeno":"","amount":"1.00"}]}"#,
        r#"{"state":"paid","payments":[{"amount":"1.00"}]}"#,
    ];
    for body in bodies {
        let reply = server.put_order_raw("YD-1", READER_TOKEN, body);
        assert!(
            matches!(reply.status, 400 | 422),
            "{body}: {} {}",
            reply.status,
            reply.text()
        );
        expect_problem(&reply, reply.status);
    }
    expect_problem(&server.get("/v1/orders/YD-1"), 404);
}
