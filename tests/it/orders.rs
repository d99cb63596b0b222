//! Registrations of orders: merged, a close-out is never undone.

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
fn a_payment_never_falls_below_what_was_taken_back() {
    let server = Server::usual(ENGINE);
    server.put_order(
        "YD-1",
        &json!({
            "state": "refund_applied",
            "payments": [{"trandeno": "T-1", "amount": "100.00"}],
            "refund_applications":
                [{"batchno": "B-1", "amount": "30.00"}, {"batchno": "B-2", "amount": "20.00"}],
        }),
    );
    let stands_after = |amount: &str| {
        let payments = json!([{"trandeno": "T-1", "amount": amount}]);
        let body = json!({"state": "refund_applied", "payments": payments});
        text(&server.put_order("YD-1", &body)["payments"][0]["amount"])
    };
    assert_eq!(stands_after("1.00"), "1.00", "nothing is taken back yet");
    assert_eq!(stands_after("100.00"), "100.00");
    for (batchno, money, sum) in [("B-1", "30", "30.00"), ("B-2", "20", "50.00")] {
        assert_eq!(server.epay_errcode(batchno, "T-1", money), 0);
        for below in ["1.00", "29.99", "9.00"] {
            assert_eq!(stands_after(below), "100.00", "{below} after {sum}");
        }
        assert_eq!(stands_after(sum), sum, "all of it may be taken back");
        assert_eq!(stands_after("100.00"), "100.00");
    }
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0, "done before");
    server.assert_audit_is_clean(None);
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
