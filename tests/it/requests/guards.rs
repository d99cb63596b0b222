//! What is not taken, and why.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::Reply;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::reader::{expect_problem, text};
use crate::harness::sandbox::{Circle, NEVER, QUICK, body};
use crate::harness::wait_for;

const REFUNDS: &str = "/v1/refunds";

#[track_caller]
fn code(reply: &Reply, status: u16) -> String {
    expect_problem(reply, status);
    text(&reply.json()["code"])
}

fn pointers(reply: &Reply) -> Vec<String> {
    let problem = reply.json();
    let errors = problem["errors"].as_array().expect("a list");
    let mut pointers: Vec<_> = errors.iter().map(|error| text(&error["pointer"])).collect();
    pointers.sort();
    pointers
}

/// So much of an order of 20.00 at the first provider.
fn part(number: &str, amount: &str) -> Value {
    let mut part = body("quickpay/store-1", number);
    part["order_no"] = json!("ORDER-1");
    part["amount"] = json!(amount);
    part
}

#[test]
fn no_more_is_requested_than_was_paid_and_a_refusal_gives_its_part_back() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let first = circle.request(&part("Q1OK", "15.00"));
    let reply = circle.post(REFUNDS, &part("Q2OK", "5.01"));
    assert_eq!(code(&reply, 422), "over_refund");
    assert_eq!(reply.json()["amount_available"], "5.00");
    // The exact rest is taken; one that the provider fails holds nothing.
    let failing = circle.request(&part("Q3FAIL", "5.00"));
    circle.comes_to(&failing, "failed");
    let second = circle.request(&part("Q4OK", "5.00"));
    for id in [&first, &second] {
        circle.comes_to(id, "done");
    }
    assert_eq!(
        code(&circle.post(REFUNDS, &part("Q5OK", "0.01")), 422),
        "over_refund"
    );
    assert_eq!(
        circle.sandbox.sends("Q2OK") + circle.sandbox.sends("Q5OK"),
        0
    );
    circle.assert_agrees();
}

#[test]
fn one_refund_of_more_than_was_paid_is_over_refund_at_every_provider() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    for account in [
        "payermax/main",
        "paycools/my",
        "quickpay/store-1",
        "nmanagement/ccb",
    ] {
        let mut asked = body(account, "R1OK");
        asked["order_amount"] = json!("9.00");
        let reply = circle.post(REFUNDS, &asked);
        assert_eq!(code(&reply, 422), "over_refund", "{account}");
        let left = text(&reply.json()["amount_available"]);
        assert!(left.starts_with('9'), "{account}: {left}");
    }
    assert_eq!(circle.sandbox.ledger().len(), 0);
}

#[test]
fn a_payment_that_is_spelled_in_another_case_is_the_same_one_where_the_provider_says_so() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let asked = |account: &str, number: &str, order_no: &str, amount: &str| {
        let mut asked = body(account, number);
        asked["order_no"] = json!(order_no);
        asked["amount"] = json!(amount);
        asked["order_amount"] = json!("10000");
        asked
    };
    let first = circle.request(&asked("payermax/main", "R1PEND", "ORDER_1", "6000"));
    circle.comes_to(&first, "accepted");
    let reply = circle.post(REFUNDS, &asked("payermax/main", "R2OK", "order_1", "6000"));
    assert_eq!(code(&reply, 422), "over_refund");
    // And it takes one refund at a time.
    let second = circle.request(&asked("payermax/main", "R3OK", "Order_1", "4000"));
    let other = circle.request(&asked("payermax/main", "R4PEND", "ORDER_2", "6000"));
    circle.comes_to(&other, "accepted");
    assert_eq!(circle.refund(&second)["request"]["state"], "queued");
    assert_eq!(circle.sandbox.sends("R3OK"), 0);
    // QuickPay has two payments.
    for (number, order_no) in [("Q1PEND", "ORDER_1"), ("Q2PEND", "order_1")] {
        circle.request(&asked("quickpay/store-1", number, order_no, "6000"));
    }
    circle.assert_agrees();
}

#[test]
fn a_caller_who_believes_in_another_rest_is_told_the_true_one() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let mut asked = part("Q1OK", "5.00");
    asked["amount_available"] = json!("19.00");
    let reply = circle.post(REFUNDS, &asked);
    assert_eq!(code(&reply, 409), "amount_available_mismatch");
    assert_eq!(reply.json()["amount_available"], "20.00");
    asked["amount_available"] = json!("20.00");
    circle.request(&asked);
    let mut stale = part("Q2OK", "5.00");
    stale["amount_available"] = json!("20.00");
    let reply = circle.post(REFUNDS, &stale);
    assert_eq!(code(&reply, 409), "amount_available_mismatch");
    assert_eq!(reply.json()["amount_available"], "15.00");
    stale["amount_available"] = json!("15.00");
    circle.request(&stale);
}

#[test]
fn parts_that_are_asked_for_at_the_same_moment_are_never_more_than_the_whole() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let taken: usize = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..10)
            .map(|index| {
                let circle = &circle;
                scope.spawn(move || {
                    let reply = circle.post(REFUNDS, &part(&format!("Q{index}OK"), "6.00"));
                    if reply.status != 202 {
                        assert_eq!(code(&reply, 422), "over_refund");
                    }
                    usize::from(reply.status == 202)
                })
            })
            .collect();
        calls
            .into_iter()
            .map(|call| call.join().expect("no panic"))
            .sum()
    });
    assert_eq!(taken, 3, "3 times 6.00 of 20.00");
}

#[test]
fn everything_that_is_wrong_with_a_body_is_named_at_once() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let bad = json!({
        "provider": "payermax", "account": "main", "amount": 10, "currency": "XXY", "refund_no": " R1",
        "reason": "", "mode": "later", "metadata": {"a": 1}, "colour": "red", "amuont": "1.00"
    });
    let reply = circle.post(REFUNDS, &bad);
    assert_eq!(code(&reply, 422), "invalid_refund");
    let expected = [
        "/amount",
        "/amuont",
        "/colour",
        "/currency",
        "/metadata/a",
        "/mode",
        "/reason",
        "/refund_no",
    ];
    assert_eq!(pointers(&reply), expected, "{}", reply.text());

    // The provider's own rules, as many at once.
    let mut bad = body("payermax/main", "R-1");
    bad["amount"] = json!("10.5");
    bad["provider_payment_no"] = json!("T1");
    bad["provider_fields"] = json!({"email": "a@b.c"});
    bad.as_object_mut().expect("an object").remove("order_no");
    let reply = circle.post(REFUNDS, &bad);
    let expected = [
        "/amount",
        "/order_no",
        "/provider_fields/email",
        "/provider_payment_no",
        "/refund_no",
    ];
    assert_eq!(pointers(&reply), expected, "{}", reply.text());
    for (account, member, pointer) in [
        ("payermax/old", "order_amount", "/order_amount"),
        ("paycools/my", "provider_payment_no", "/provider_payment_no"),
        ("quickpay/store-1", "order_no", "/order_no"),
        ("nmanagement/ccb", "order_no", "/order_no"),
        ("quickpay/store-1", "currency", "/currency"),
        ("quickpay/store-1", "amount", "/amount"),
    ] {
        let mut bad = body(account, "R1");
        bad.as_object_mut().expect("an object").remove(member);
        let reply = circle.post(REFUNDS, &bad);
        assert_eq!(
            code(&reply, 422),
            "invalid_refund",
            "{account} without {member}"
        );
        assert_eq!(pointers(&reply), [pointer], "{account} without {member}");
    }
    assert_eq!(circle.server.refunds("limit=10").len(), 0);
    assert!(circle.server.events().is_empty());
}

#[test]
fn a_body_that_is_no_object_or_has_a_key_twice_is_no_request() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    for bad in [json!([]), json!("x"), Value::Null] {
        let reply = circle.post(REFUNDS, &bad);
        assert_eq!(code(&reply, 400), "invalid_body", "{bad}");
    }
    let url = format!("{}{REFUNDS}", circle.server.internal_url);
    let token = format!("Bearer {}", crate::harness::sandbox::CALLER_TOKEN);
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    let twice = br#"{"provider":"quickpay","provider":"payermax"}"#;
    let reply = circle.server.client().send("POST", &url, &headers, twice);
    assert_eq!(code(&reply, 400), "invalid_body");
}

#[test]
fn an_account_that_has_no_api_cannot_submit() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let mut asked = body("payermax/main", "R1");
    asked["account"] = json!("none");
    assert_eq!(
        code(&circle.post(REFUNDS, &asked), 422),
        "account_cannot_submit"
    );
    asked["provider"] = json!("unheard-of");
    assert_eq!(
        code(&circle.post(REFUNDS, &asked), 422),
        "account_cannot_submit"
    );
}

#[test]
fn only_a_reader_who_may_write_refunds_requests_and_cancels_and_only_an_operator_resends() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let id = circle.request(&body("payermax/main", "R1PEND"));
    let calls = [
        (REFUNDS.to_owned(), "refunds:write"),
        (format!("/v1/refunds/{id}/cancel"), "refunds:write"),
    ];
    // May do everything but that.
    for (path, scope) in &calls {
        let reply = circle
            .server
            .post_as_reader(path, &body("payermax/main", "R2"));
        assert_eq!(code(&reply, 403), "forbidden", "{path}");
        assert!(text(&reply.json()["detail"]).contains(scope), "{path}");
    }
    let acts = ["cancel", "ask", "resend"].map(|act| format!("/v1/refunds/{id}/{act}"));
    for path in acts.iter().chain([&REFUNDS.to_owned()]) {
        let url = format!("{}{path}", circle.server.internal_url);
        let token = format!("Bearer {FEED_TOKEN}");
        let headers = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
        ];
        let reply = circle.server.client().send("POST", &url, &headers, b"{}");
        assert_eq!(code(&reply, 403), "forbidden", "{path}");
        let reply = circle
            .server
            .client()
            .send("POST", &url, &headers[1..], b"{}");
        assert_eq!(code(&reply, 401), "unauthorized", "{path}");
    }
    let reply = circle
        .server
        .get_as(FEED_TOKEN, &format!("/v1/refunds/{id}/timeline"));
    assert_eq!(code(&reply, 403), "forbidden");
    // An operator may ask without it.
    circle.comes_to(&id, "accepted");
    let reply = circle
        .server
        .post_as_reader(&format!("/v1/refunds/{id}/ask"), &json!({}));
    assert_eq!(reply.status, 202, "{READER_TOKEN}: {}", reply.text());
    assert_eq!(circle.server.refunds("limit=10").len(), 1);
}

#[test]
fn payermax_is_sent_one_refund_of_an_order_at_a_time() {
    let circle = Circle::start(ENGINE, "manual", QUICK);
    let of_order = |number: &str| {
        let mut asked = body("payermax/main", number);
        asked["order_no"] = json!("ORDER1");
        asked
    };
    let first = circle.request(&of_order("R1OK"));
    circle.comes_to(&first, "accepted");
    let second = circle.request(&of_order("R2OK"));
    let other = circle.request(&body("payermax/main", "R3OK"));
    // Another order's overtakes it.
    circle.comes_to(&other, "accepted");
    wait_for("the first to be asked about", || {
        (circle.asks(&first) >= 2).then_some(())
    });
    assert_eq!(circle.refund(&second)["request"]["state"], "queued");
    assert_eq!(circle.sandbox.sends("R2OK"), 0);
    circle.sandbox.advance("2s");
    circle.comes_to(&first, "done");
    circle.comes_to(&second, "accepted");
    circle.sandbox.advance("2s");
    let refund = circle.comes_to(&second, "done");
    assert_eq!(refund["request"]["attempts"], 1, "{refund:#}");
    circle.assert_agrees();
}

#[test]
fn payermax_numbers_that_differ_by_case_alone_are_one_number() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let id = circle.request(&body("payermax/main", "Rabc1OK"));
    let mut other = body("payermax/main", "RABC1OK");
    other["order_no"] = json!("ANOTHER");
    let reply = circle.post(REFUNDS, &other);
    assert_eq!(code(&reply, 409), "refund_exists");
    assert_eq!(reply.json()["refund_id"], json!(id));
    circle.comes_to(&id, "done");
    // Others tell case apart.
    circle.request(&body("paycools/my", "Rabc1OK"));
    circle.request(&body("paycools/my", "RABC1OK"));
}
