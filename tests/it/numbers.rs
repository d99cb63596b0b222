//! Numbers are text: exactly as sent, found by filters and reachable as part of a path.

use serde_json::json;

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::reader::{attention, expect_problem, percent_encoded, text};
use crate::harness::relay::{NMANAGEMENT, QUICKPAY, config};
use crate::harness::{ConfigBuilder, Server, paycools};

/// Numbers as shops make them.
const NUMBERS: [&str; 8] = [
    "INV/2025/00001",
    "#1001@web",
    "订单 7",
    "R 1",
    "a+b&c=d?e",
    "100%",
    "a%2Fb",
    "заказ-5",
];

#[test]
fn every_number_of_a_callback_is_kept_as_sent_and_found_by_its_filter() {
    let server = Server::usual(ENGINE);
    for number in NUMBERS {
        let notice = Notice::new(number, "REFUND_SUCCESS");
        server.notified(&notice);
        let refund = server.applied(number);
        let expected = [
            ("refund_no", number.to_owned()),
            ("order_no", format!("P-{number}")),
            ("provider_refund_no", format!("T-{number}")),
        ];
        assert_eq!(refund["status"], "succeeded", "{refund}");
        assert_eq!(refund["attention"], json!([]), "{refund}");
        for (member, value) in expected {
            assert_eq!(refund[member], value.as_str(), "{refund}");
            let found = server.refunds(&format!("{member}={}", percent_encoded(&value)));
            assert_eq!(found, std::slice::from_ref(&refund), "{member}");
        }
    }
    // One is not the other.
    server.notified(&Notice::new("inv/2025/00001", "REFUND_FAILED"));
    assert_eq!(server.applied("inv/2025/00001")["status"], "failed");
    assert_eq!(server.applied("INV/2025/00001")["status"], "succeeded");
    assert_eq!(server.refunds("").len(), NUMBERS.len() + 1);
    server.assert_audit_is_clean(None);
}

#[test]
fn the_documented_case_of_a_shop_that_numbers_with_slashes_takes_effect() {
    let server = Server::usual(ENGINE);
    let body = Notice::new("R-01", "REFUND_SUCCESS")
        .text()
        .replace("P-R-01", "INV/2025/00001");
    server.notify(MAIN, body).expect(200, ACK);
    let refund = server.applied("R-01");
    assert_eq!(refund["status"], "succeeded");
    assert_eq!(refund["order_no"], "INV/2025/00001");
    assert_eq!(attention(&refund), Vec::<String>::new());
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

/// A reply of `QuickPay` about this refund.
fn quickpay(refund_no: &str) -> String {
    let data = json!({"transaction_status": "REFUNDED", "refund_amount": 1234, "refund_order_no": refund_no});
    json!({"code": "SUCCESS", "msg": "", "data": data}).to_string()
}

#[test]
fn a_relay_names_its_refund_by_a_percent_encoded_part_of_the_path() {
    let server = Server::start(&config(ENGINE));
    let long = "退".repeat(128);
    for (message, number) in NUMBERS.into_iter().chain([long.as_str()]).enumerate() {
        let path = format!("{QUICKPAY}{}", percent_encoded(number));
        let reply = server.relay(&path, &format!("msg_{message}"), &quickpay(number));
        let answer = reply.expect_json(200);
        assert_eq!(answer["status"], "succeeded", "{number}");
        let refund = server.applied(number);
        assert_eq!(refund["id"], answer["refund_id"]);
        assert_eq!(attention(&refund), Vec::<String>::new(), "{number}");
    }
    // Decoded once: the reply that names the encoded text is about another refund.
    let twice = server.relay(&format!("{QUICKPAY}b%252Fc"), "msg_twice", &quickpay("b/c"));
    assert_eq!(twice.expect_json(200)["status"], "pending");
    assert_eq!(attention(&server.applied("b%2Fc")), ["invalid_content"]);
}

#[test]
fn a_relay_whose_path_ends_in_no_number_is_told_why() {
    let server = Server::start(&config(ENGINE));
    let long = "9".repeat(129);
    for (part, why) in [
        ("R%", "two hexadecimal digits"),
        ("R%4", "two hexadecimal digits"),
        ("R%zz", "two hexadecimal digits"),
        ("R%ff", "UTF-8"),
        ("R%c0%af", "UTF-8"),
        ("R%00", "cannot be seen"),
        ("R%E2%80%8B1", "cannot be seen"),
        ("%20R", "white space"),
        ("%D0%A0-1", "looks like another"),
        (long.as_str(), "more than 128 characters"),
    ] {
        for (account, body) in [(QUICKPAY, quickpay("R")), (NMANAGEMENT, "{}".to_owned())] {
            let path = format!("{account}{part}");
            let reply = server.relay(&path, &format!("msg_{part}").replace('%', "-"), &body);
            let answer = reply.expect_json(400);
            assert_eq!(answer["error"], "bad_request", "{path}");
            let message = text(&answer["message"]);
            assert!(
                message.contains("refund number") && message.contains(why),
                "{path}: {message}"
            );
        }
    }
    server.assert_refund_tables_are_empty();
}

#[test]
fn an_order_is_registered_and_read_under_a_percent_encoded_number() {
    let server = Server::usual(ENGINE);
    let order = json!({"state": "refund_applied", "payments": [{"trandeno": "T/ 1", "amount": "100.000000"}],
        "refund_applications": [{"batchno": "B 退", "amount": "030.00"}]});
    for number in NUMBERS {
        let part = percent_encoded(number);
        if number == NUMBERS[0] {
            let registered = server.put_order(&part, &order);
            assert_eq!(registered["order_no"], number);
            assert_eq!(registered["payments"][0]["amount"], "100.00");
            assert_eq!(server.epay_errcode("B 退", "T/ 1", "30"), 0);
            let refund = server.applied("B 退/T/ 1");
            assert_eq!(refund["order_no"], number);
        } else {
            let bare = json!({"state": "paid"});
            assert_eq!(server.put_order(&part, &bare)["order_no"], number);
        }
        assert_eq!(server.order(&part)["order_no"], number);
    }
    assert_eq!(
        server.order(&percent_encoded(NUMBERS[0]))["state"],
        "closed"
    );
    for bad in [
        "a%",
        "a%ff",
        "a%20",
        "a%E2%80%8B",
        "%D0%A0-1",
        &"9".repeat(65),
    ] {
        expect_problem(
            &server.put_order_raw(bad, READER_TOKEN, r#"{"state":"paid"}"#),
            400,
        );
        expect_problem(&server.get(&format!("/v1/orders/{bad}")), 404);
    }
    server.assert_audit_is_clean(None);
}

#[test]
fn a_number_may_have_128_characters_where_no_document_limits_it_and_64_elsewhere() {
    let server = Server::start(&paycools::accounts(ConfigBuilder::new(ENGINE)));
    let (fits, long) = ("退".repeat(64), "退".repeat(65));
    let unlimited = "退".repeat(128);
    let param = |refund_no: &str, order_no: &str, provider_no: &str| {
        let param = paycools::PARAM.replace("18184914989277184", refund_no);
        let param = param.replace("CU508022434763373688", order_no);
        param.replace("1818491499290169344", provider_no)
    };
    for (refund_no, order_no, provider_no, flawed) in [
        ("R-1", fits.as_str(), unlimited.as_str(), json!([])),
        (
            "R-2",
            long.as_str(),
            "C-2",
            json!(["originalTransactionId"]),
        ),
        (
            "R-3",
            "P-3",
            &format!("{unlimited}1"),
            json!(["refundTransactionId"]),
        ),
    ] {
        let param = param(refund_no, order_no, provider_no);
        server
            .post_param(paycools::PATH, &param)
            .expect(200, paycools::OPEN_API_ACK);
        let refund = server.applied(refund_no);
        assert_eq!(refund["status"], "succeeded");
        let open = refund["attention"].as_array().expect("a list");
        let named = open
            .first()
            .map_or(json!([]), |open| open["members"].clone());
        assert_eq!(named, flawed, "{refund}");
    }
}
