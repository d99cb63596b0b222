//! `EPay` `EndSingle/Success`: answer codes, the two transactions, the close-out of orders.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::epay::{errcode, json_body, order_no, refund_no, simple_order};
use crate::harness::reader::attention;
use crate::harness::{Server, wait_for};

/// The state of the order's only application.
fn application(order: &Value) -> &str {
    let list = order["refund_applications"].as_array().expect("a list");
    assert_eq!(list.len(), 1, "{order}");
    list[0]["state"]
        .as_str()
        .expect("an application has a state")
}

/// The refund of `B-name` and `T-name`.
#[track_caller]
fn refund_of(server: &Server, name: &str) -> Value {
    server.applied_by(&format!("refund_no=B-{name}%2FT-{name}"))
}

#[test]
fn a_reported_refund_closes_the_order_and_handles_the_application() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);

    let order = server.order("YD-1");
    assert_eq!(
        (&order["state"], application(&order)),
        (&json!("closed"), "handled")
    );
    let refund = refund_of(&server, "1");
    let expected = json!({
        "id": refund["id"], "provider": "epay", "account": "default",
        "refund_no": refund_no("B-1", "T-1"),
        "provider_refund_no": refund["provider_refund_no"], "order_no": "YD-1",
        "status": "succeeded", "provider_status": refund["provider_status"],
        "amount": "30.00", "currency": "CNY", "failure": null,
        "finished_at": refund["finished_at"],
        "received_at": refund["received_at"], "updated_at": refund["updated_at"],
        "attention": [], "request": null,
        "closeout":
            {"state": "done", "errcode": 0, "order_no": "YD-1", "order_state": "closed"},
    });
    assert_eq!(refund, expected);

    let events = server.events();
    let event = |kind: &str| {
        let found: Vec<&Value> = events
            .iter()
            .filter(|event| event["type"] == kind)
            .collect();
        assert_eq!(found.len(), 1, "events of type {kind} in {events:#?}");
        found[0]["data"].clone()
    };
    assert_eq!(event("refund.succeeded")["id"], refund["id"]);
    let id = &refund["id"];
    assert_eq!(
        event("refund_application.handled"),
        json!({"order_no": "YD-1", "batchno": "B-1", "trandeno": "T-1", "refund_id": id})
    );
    assert_eq!(
        event("order.closed"),
        json!({"order_no": "YD-1", "state": "closed", "refund_id": id})
    );
    assert_eq!(events.len(), 3);
}

#[test]
fn a_missing_or_unusable_member_is_errcode_1_and_makes_no_refund() {
    let server = Server::usual(ENGINE);
    let bodies = [
        r#"{"trandeno":"T-1","refundmoney":30}"#.to_owned(),
        r#"{"batchno":"B-1","refundmoney":30}"#.to_owned(),
        r#"{"batchno":"B-1","trandeno":"T-1"}"#.to_owned(),
        json_body("", "T-1", "30"),
        json_body("B-1", "   ", "30"),
        json_body("B-1", "T-1", "0"),
        json_body("B-1", "T-1", "-30"),
        json_body("B-1", "T-1", "3.999"),
        json_body("B-1", "T-1", "12345678901234567.00"),
        json_body("B-1", "T-1", "null"),
        json_body("B-1", "T-1", "\"abc\""),
        json_body(&"B".repeat(201), "T-1", "30"),
        json_body("B-1", &"T".repeat(101), "30"),
        json_body("B/1", "T-1", "30"),
    ];
    for body in &bodies {
        assert_eq!(errcode(&server.epay("application/json", body)), 1, "{body}");
    }
    assert!(server.refunds("provider=epay").is_empty());
    assert_eq!(server.events(), Vec::<Value>::new());
}

#[test]
fn the_longest_ids_and_the_largest_money_are_taken() {
    let server = Server::usual(ENGINE);
    let (batchno, trandeno) = ("B".repeat(200), "T".repeat(100));
    assert_eq!(
        server.epay_errcode(&batchno, &trandeno, "9999999999999999.99"),
        2
    );
    let refund = server.applied_by("provider=epay");
    assert_eq!(refund["amount"], "9999999999999999.99");
    assert_eq!(refund["refund_no"], refund_no(&batchno, &trandeno));
}

#[test]
fn a_repeat_is_done_before_and_another_money_is_errcode_5() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    let events = server.events().len();
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    assert_eq!(
        server.epay_errcode("B-1", "T-1", "\"30.00\""),
        0,
        "the same money"
    );
    let form = "batchno=B-1&trandeno=T-1&refundmoney=30.0";
    assert_eq!(
        errcode(&server.epay("application/x-www-form-urlencoded", form)),
        0
    );
    assert_eq!(server.events().len(), events, "a repeat makes no event");

    assert_eq!(server.epay_errcode("B-1", "T-1", "30.01"), 5);
    let refund = refund_of(&server, "1");
    assert_eq!(
        (&refund["amount"], &refund["status"]),
        (&json!("30.00"), &json!("succeeded"))
    );
    assert_eq!(
        server.epay_errcode("B-1", "T-1", "30.00"),
        0,
        "the first one is kept"
    );
}

#[test]
fn a_delivered_order_stays_as_it_is_and_its_application_is_handled() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "delivered", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    let order = server.order("YD-1");
    assert_eq!(
        (&order["state"], application(&order)),
        (&json!("delivered"), "handled")
    );
    assert_eq!(server.count_events("order.closed"), 0);
    assert_eq!(server.count_events("refund_application.handled"), 1);
    assert_eq!(
        refund_of(&server, "1")["closeout"]["order_state"],
        "delivered"
    );
}

#[test]
fn a_paid_order_is_errcode_4_and_nothing_of_the_close_out_stays() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "paid", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 4);
    let order = server.order("YD-1");
    assert_eq!(
        (&order["state"], application(&order)),
        (&json!("paid"), "applied")
    );
    assert_eq!(server.count_events("refund_application.handled"), 0);
    let refund = server.refunds("refund_no=B-1%2FT-1").remove(0);
    assert_eq!(
        refund["status"], "succeeded",
        "the money has moved all the same"
    );
    assert_eq!(
        (&refund["closeout"]["state"], &refund["closeout"]["errcode"]),
        (&json!("pending"), &json!(4))
    );

    server.put_order("YD-1", &json!({"state": "refund_applied"}));
    assert_eq!(
        server.epay_errcode("B-1", "T-1", "30"),
        0,
        "an identical call tries at once"
    );
    assert_eq!(server.order("YD-1")["state"], "closed");
}

#[test]
fn an_order_that_the_merchant_closed_is_errcode_4() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "closed", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 4);
    let order = server.order("YD-1");
    assert_eq!(
        (&order["state"], application(&order)),
        (&json!("closed"), "applied")
    );
}

#[test]
fn an_unknown_payment_is_errcode_2_and_applies_by_itself_once_the_order_is_known() {
    let server = Server::usual(ENGINE);
    assert_eq!(server.epay_errcode("B-late", "T-late", "30"), 2);
    assert_eq!(
        server.count_events("refund.succeeded"),
        1,
        "the money has moved"
    );
    server.put_simple_order("late", "refund_applied", "30.00");
    wait_for("the close-out without a new call", || {
        (server.order("YD-late")["state"] == "closed").then_some(())
    });
    assert_eq!(application(&server.order("YD-late")), "handled");
    let refund = wait_for("the refund to say so", || {
        let refund = refund_of(&server, "late");
        (refund["closeout"]["state"] == "done").then_some(refund)
    });
    assert_eq!(
        (&refund["closeout"]["errcode"], attention(&refund)),
        (&json!(0), vec![])
    );
    assert_eq!(
        (
            server.count_events("refund.succeeded"),
            server.count_events("order.closed")
        ),
        (1, 1)
    );
}

#[test]
fn a_known_payment_without_this_application_is_errcode_3() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    server.put_simple_order("2", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-none", "T-1", "30"), 3);
    assert_eq!(
        server.epay_errcode("B-2", "T-1", "30"),
        3,
        "an application of another order"
    );
    assert_eq!(server.order(&order_no("1"))["state"], "refund_applied");
    assert_eq!(application(&server.order(&order_no("2"))), "applied");
}

#[test]
fn more_than_was_paid_is_errcode_6() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "100.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "100.01"), 6);
    let order = server.order("YD-1");
    assert_eq!(
        (&order["state"], application(&order)),
        (&json!("refund_applied"), "applied")
    );

    server.put_order(
        "YD-2",
        &json!({
            "state": "refund_applied",
            "payments": [{"trandeno": "T-2", "amount": "100.00"}],
            "refund_applications":
                [{"batchno": "C-1", "amount": "60.00"}, {"batchno": "C-2", "amount": "50.00"}],
        }),
    );
    assert_eq!(server.epay_errcode("C-1", "T-2", "60.00"), 0);
    assert_eq!(
        server.epay_errcode("C-2", "T-2", "40.01"),
        6,
        "together more than was paid"
    );
    assert_eq!(
        server.epay_errcode("C-2", "T-2", "40.00"),
        5,
        "the first report is kept"
    );
}

#[test]
fn one_report_from_many_senders_at_once_has_one_effect() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("1", "refund_applied", "30.00");
    std::thread::scope(|scope| {
        for _ in 0..12 {
            // The second one waits for the first one's close-out.
            scope.spawn(|| assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0));
        }
    });
    wait_for("the close-out", || {
        (refund_of(&server, "1")["closeout"]["state"] == "done").then_some(())
    });
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0, "done before");
    let expected = [
        "refund.succeeded",
        "refund_application.handled",
        "order.closed",
    ];
    assert_eq!(server.event_types().len(), expected.len());
    for kind in expected {
        assert_eq!(server.count_events(kind), 1, "{kind}");
    }
}

#[test]
fn two_partial_refunds_at_once_close_the_order_once_and_handle_both() {
    let server = Server::usual(ENGINE);
    for round in 0..8 {
        let (number, trandeno) = (format!("YD-p{round}"), format!("T-p{round}"));
        let (first, second) = (format!("B-p{round}a"), format!("B-p{round}b"));
        server.put_order(
            &number,
            &json!({
                "state": "refund_applied",
                "payments": [{"trandeno": trandeno, "amount": "100.00"}],
                "refund_applications":
                    [{"batchno": first, "amount": "30.00"}, {"batchno": second, "amount": "70.00"}],
            }),
        );
        std::thread::scope(|scope| {
            let one = scope.spawn(|| server.epay_errcode(&first, &trandeno, "30"));
            let two = scope.spawn(|| server.epay_errcode(&second, &trandeno, "70"));
            assert_eq!(
                (one.join().expect("answered"), two.join().expect("answered")),
                (0, 0)
            );
        });
        let order = server.order(&number);
        assert_eq!(order["state"], "closed");
        for handled in order["refund_applications"].as_array().expect("a list") {
            assert_eq!(handled["state"], "handled", "{order}");
        }
    }
    assert_eq!(server.count_events("order.closed"), 8);
    assert_eq!(server.count_events("refund_application.handled"), 16);
    assert_eq!(server.count_events("refund.succeeded"), 16);
}

#[test]
fn a_late_put_never_undoes_the_close_out() {
    let server = Server::usual(ENGINE);
    let order = simple_order("1", "refund_applied", "30.00");
    server.put_order("YD-1", &order);
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    for state in ["refund_applied", "paid", "delivered"] {
        let mut late = order.clone();
        late["state"] = json!(state);
        let answer = server.put_order("YD-1", &late);
        assert_eq!(
            (&answer["state"], application(&answer)),
            (&json!("closed"), "handled")
        );
    }
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    assert_eq!(server.count_events("order.closed"), 1);
}

#[test]
fn a_refund_is_found_by_the_order_that_it_closed() {
    let server = Server::usual(ENGINE);
    server.put_simple_order("7", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-7", "T-7", "30"), 0);
    let order = server.refunds("refund_no=B-7/T-7")[0]["order_no"].clone();
    let found = server.refunds(&format!("order_no={}", order.as_str().expect("a number")));
    assert_eq!(found.len(), 1, "{found:?}");
}
