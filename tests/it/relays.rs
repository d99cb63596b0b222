//! Replies of `QuickPay` and nManagement, relayed by the merchant's own system.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::reader::{attention, text};
use crate::harness::relay::{
    NEXT_SECRET, NMANAGEMENT, QUICKPAY, SECRET, config, signature, timestamp,
};
use crate::harness::{Reply, Server};

/// A `QuickPay` reply over 12.34 yuan in this state.
fn quickpay(refund_no: &str, state: &str) -> String {
    format!(
        r#"{{"code":"SUCCESS","msg":"","data":{{"transaction_status":"{state}","error":null,"store_no":"store-1","paytype":"WECHATPAY_NATIVE","total_amount":5000,"refund_amount":1234,"order_no":"P-{refund_no}","refund_order_no":"{refund_no}","transaction_no":"T-1","refund_transaction_no":"RT-{refund_no}","refund_transaction_time":"2026-01-17 17:33:54"}}}}"#
    )
}

/// The bank's reply of 0.01 yuan with this return code, as the relay system wraps it.
fn nmanagement(success: bool, code: &str) -> String {
    format!(
        r#"{{"status":200,"success":{success},"msg":"退款","msgDev":null,"response":{{"ORDER_NUM":"202112071619204953","PAY_AMOUNT":"0.01","AMOUNT":"0.01","REQUEST_SN":"2021120798745712","CUST_ID":"105000075235505","TX_CODE":"5W1004","RETURN_CODE":"{code}","RETURN_MSG":"","LANGUAGE":"CN"}}}}"#
    )
}

/// Asserts the answer of an applied relay and gives the refund.
#[track_caller]
fn applied(server: &Server, reply: &Reply, status: &str) -> Value {
    let answer = reply.expect_json(200);
    let id = text(&answer["refund_id"]);
    assert_eq!(answer, json!({"refund_id": id, "status": status}));
    let refund = server.get(&format!("/v1/refunds/{id}")).expect_json(200);
    assert_eq!(
        refund["status"], status,
        "the answer comes after both transactions"
    );
    refund
}

#[test]
fn a_relayed_reply_is_applied_before_it_is_answered() {
    let server = Server::start(&config(ENGINE));
    let reply = server.relay(
        &format!("{QUICKPAY}R-1"),
        "msg_1",
        &quickpay("R-1", "REFUNDED"),
    );
    let refund = applied(&server, &reply, "succeeded");
    for (member, expected) in [
        ("provider", json!("quickpay")),
        ("account", json!("store-1")),
        ("refund_no", json!("R-1")),
        ("order_no", json!("P-R-1")),
        ("provider_refund_no", json!("RT-R-1")),
        ("provider_status", json!("REFUNDED")),
        ("amount", json!("12.34")),
        ("currency", json!("CNY")),
        ("attention", json!([])),
    ] {
        assert_eq!(refund[member], expected, "{member} of {refund}");
    }
    let again = server.relay(
        &format!("{QUICKPAY}R-1"),
        "msg_1",
        &quickpay("R-1", "REFUNDED"),
    );
    applied(&server, &again, "succeeded");
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn a_failed_refund_may_succeed_later_under_the_same_number() {
    let server = Server::start(&config(ENGINE));
    let path = format!("{QUICKPAY}R-1");
    for (id, state, status) in [
        ("msg_1", "PAYING", "pending"),
        ("msg_2", "REFUNDFAILED", "failed"),
        ("msg_3", "CREATE", "pending"),
        ("msg_4", "REFUNDED", "succeeded"),
    ] {
        let reply = server.relay(&path, id, &quickpay("R-1", state));
        assert_eq!(
            attention(&applied(&server, &reply, status)),
            Vec::<String>::new(),
            "{state}"
        );
    }
    let late = server.relay(&path, "msg_5", &quickpay("R-1", "REFUNDFAILED"));
    assert_eq!(
        attention(&applied(&server, &late, "succeeded")),
        ["conflict"]
    );
    let expected = [
        "refund.pending",
        "refund.failed",
        "refund.pending",
        "refund.succeeded",
        "refund.conflict",
    ];
    assert_eq!(server.event_types(), expected);
}

#[test]
fn the_banks_return_code_decides_and_not_the_status_of_the_wrapper() {
    let server = Server::start(&config(ENGINE));
    let send = |refund_no: &str, body: &str| {
        server.relay(
            &format!("{NMANAGEMENT}{refund_no}"),
            &format!("msg_{refund_no}"),
            body,
        )
    };
    let refund = applied(
        &server,
        &send("R-good", &nmanagement(true, "000000")),
        "succeeded",
    );
    assert_eq!(
        (&refund["amount"], &refund["currency"]),
        (&json!("0.01"), &json!("CNY"))
    );
    applied(
        &server,
        &send("R-bad", &nmanagement(false, "0130Z110B144")),
        "failed",
    );

    let nothing_known = r#"{"status":200,"success":false,"msg":"服务错误","msgDev":null,"response":{"ORDER_NUM":null,"PAY_AMOUNT":null,"AMOUNT":null,"REQUEST_SN":null,"CUST_ID":null,"TX_CODE":null,"RETURN_CODE":null,"RETURN_MSG":"The operation has timed out.","LANGUAGE":null}}"#;
    for (refund_no, body) in [
        ("R-timeout", nothing_known.to_owned()),
        ("R-uncertain", nmanagement(false, "WLPT_Err1001")),
        ("R-internal", nmanagement(false, "0130Z1109001")),
        ("R-contradiction", nmanagement(true, "0130Z110B144")),
    ] {
        let refund = applied(&server, &send(refund_no, &body), "pending");
        assert_eq!(attention(&refund), ["outcome_unknown"], "{refund_no}");
    }
}

#[test]
fn each_secret_of_a_rotation_is_believed_also_among_foreign_signatures() {
    let server = Server::start(&config(ENGINE));
    let (body, time) = (quickpay("R-1", "REFUNDED"), timestamp(0));
    let path = format!("{QUICKPAY}R-1");
    let foreign = signature(b"a foreign secret", "msg_1", &time, &body);
    for (id, secret) in [("msg_1", SECRET), ("msg_2", NEXT_SECRET)] {
        let good = signature(secret, id, &time, &body);
        let both = format!("{foreign} v2,AAAA {good}");
        applied(
            &server,
            &server.relay_as(&path, &body, id, &time, &both),
            "succeeded",
        );
    }
}

#[test]
fn a_relay_without_a_good_fresh_signature_is_refused() {
    let server = Server::start(&config(ENGINE));
    let body = quickpay("R-1", "REFUNDED");
    let path = format!("{QUICKPAY}R-1");
    let now = timestamp(0);
    let good = signature(SECRET, "msg_1", &now, &body);
    let signed_at = |time: &str| signature(SECRET, "msg_1", time, &body);
    let (old, future) = (timestamp(-310), timestamp(310));
    let cases = [
        ("msg_1", now.as_str(), String::new()),
        ("msg_1", now.as_str(), "v1,AAAA".to_owned()),
        ("msg_1", now.as_str(), good.replace("v1,", "v2,")),
        ("msg_1", now.as_str(), good.replace("v1,", "")),
        (
            "msg_1",
            now.as_str(),
            signature(b"a foreign secret", "msg_1", &now, &body),
        ),
        ("msg_2", now.as_str(), good.clone()),
        ("msg_1", old.as_str(), signed_at(&old)),
        ("msg_1", future.as_str(), signed_at(&future)),
        ("msg_1", "now", signed_at("now")),
        ("msg_1", "", signed_at("")),
    ];
    for (id, time, sign) in &cases {
        let reply = server.relay_as(&path, &body, id, time, sign);
        assert_eq!(reply.status, 401, "{id} {time} {sign}: {}", reply.text());
    }
    let changed = quickpay("R-1", "REFUNDFAILED");
    assert_eq!(
        server
            .relay_as(&path, &changed, "msg_1", &now, &good)
            .status,
        401
    );
    let elsewhere = "/relays/quickpay/unknown/R-1";
    assert_eq!(
        server
            .relay_as(elsewhere, &body, "msg_1", &now, &good)
            .status,
        401
    );
    server.evidence_of(cases.len() + 2);
    server.assert_refund_tables_are_empty();

    let (almost_old, id) = (timestamp(-290), "msg_3");
    let sign = signature(SECRET, id, &almost_old, &body);
    applied(
        &server,
        &server.relay_as(&path, &body, id, &almost_old, &sign),
        "succeeded",
    );
}

#[test]
fn a_provider_that_calls_us_itself_has_no_relay_and_the_other_way_round() {
    let server = Server::start(&config(ENGINE));
    let body = quickpay("R-1", "REFUNDED");
    let reply = server.relay("/relays/payermax/main/R-1", "msg_1", &body);
    assert!(matches!(reply.status, 401 | 404), "{}", reply.status);
    let reply = server.relay("/callbacks/quickpay/store-1", "msg_1", &body);
    assert_eq!(reply.status, 401);
    server.assert_refund_tables_are_empty();
}

#[test]
fn a_known_id_with_other_bytes_is_another_message_and_is_kept() {
    let server = Server::start(&config(ENGINE));
    let path = format!("{QUICKPAY}R-9");
    let first = server.relay(&path, "same", &quickpay("R-9", "PAYING"));
    applied(&server, &first, "pending");
    let second = server.relay(&path, "same", &quickpay("R-9", "REFUNDED"));
    applied(&server, &second, "succeeded");
    assert_eq!(server.event_types(), ["refund.pending", "refund.succeeded"]);
}
