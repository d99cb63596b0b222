//! Bodies, replies and rules of the client.

use std::collections::BTreeMap;

use serde_json::json;

use super::client::QuickpayClient;
use super::codes::STATUSES;
use crate::domain::claim::{Outcome, Reason, Status};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::request::Class;
use crate::domain::request::intent::Intent;
use crate::providers::outgoing::{Answer, Client as _, HeaderValue, Outgoing, Reply, Step};

const REFUNDED: &str = include_str!("../../../tests/fixtures/quickpay/refunded.json");
const FAILED: &str = include_str!("../../../tests/fixtures/quickpay/refundfailed.json");

fn client() -> QuickpayClient {
    QuickpayClient {
        base_url: "https://pay.example.com".to_owned(),
        refund_query_path: "QuickPay/RefundQuery".to_owned(),
        store_no: Some("S02".to_owned()),
        operator: Some("op-1".to_owned()),
        headers: vec![("x-key".to_owned(), "sesame".to_owned().into())],
    }
}

fn intent() -> Intent {
    Intent {
        order_no: Some("T01-S02-0001".parse().unwrap()),
        provider_payment_no: None,
        money: Money {
            amount: Amount::parse("12.34").unwrap(),
            currency: Currency::CNY,
        },
        order_amount: None,
        paid_at: None,
        reason: None,
        metadata: BTreeMap::new(),
        provider_fields: BTreeMap::new(),
    }
}

fn outgoing(intent: &Intent) -> Outgoing<'_> {
    Outgoing {
        refund_no: "T01-S02-0003",
        intent,
        provider_refund_no: None,
        now: jiff::Timestamp::UNIX_EPOCH,
        serial: 1,
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn refund(status: u16, body: &str) -> Answer {
    client().read_refund(&outgoing(&intent()), &reply(status, body))
}

fn query(status: u16, body: &str) -> Answer {
    match client().read_query(&outgoing(&intent()), &[reply(status, body)]) {
        Step::Answer(answer) => *answer,
        Step::Call(_) => panic!("another call"),
    }
}

fn outcome(answer: &Answer) -> Option<Outcome> {
    answer.claim.as_ref()?.claim().map(|claim| claim.outcome)
}

#[test]
fn the_bodies_are_those_of_the_help_pages() {
    let mut intent = intent();
    let call = client().refund(&outgoing(&intent));
    assert_eq!(call.url, "https://pay.example.com/QuickPay/Refund");
    assert_eq!(
        String::from_utf8(call.body).unwrap(),
        r#"{"store_no":"S02","operator":"op-1","refund_amount":1234,"order_no":"T01-S02-0001","refund_no":"T01-S02-0003"}"#
    );
    let secret = call.headers.iter().find(|(name, _)| name == "x-key");
    assert!(matches!(&secret.unwrap().1, HeaderValue::Secret(_)));
    assert_eq!(secret.unwrap().1.expose(), "sesame");

    intent.order_amount = Some(Amount::parse("50").unwrap());
    intent.reason = Some("返品 \"x\"".to_owned());
    let own = [
        ("store_no", json!("S09")),
        ("operator", json!("op-9")),
        ("itemlist", json!([{"item_id": "1", "quantity": 2}])),
    ];
    intent.provider_fields = own.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(
        client().check(None, &intent, jiff::Timestamp::UNIX_EPOCH),
        []
    );
    let call = client().refund(&outgoing(&intent));
    assert_eq!(
        String::from_utf8(call.body).unwrap(),
        r#"{"store_no":"S09","operator":"op-9","amount":5000,"refund_amount":1234,"order_no":"T01-S02-0001","refund_no":"T01-S02-0003","refund_desc":"返品 \"x\"","itemlist":[{"item_id":"1","quantity":2}]}"#
    );
    let call = client().query(&outgoing(&intent)).unwrap();
    assert_eq!(
        call.shown_url,
        "https://pay.example.com/QuickPay/RefundQuery"
    );
    assert_eq!(
        String::from_utf8(call.body).unwrap(),
        r#"{"store_no":"S09","order_no":"T01-S02-0001","refund_order_no":"T01-S02-0003"}"#
    );
}

#[test]
fn a_final_answer_comes_with_its_claim() {
    for read in [refund, query] {
        let done = read(200, REFUNDED);
        assert_eq!(done.class, Class::Done);
        assert_eq!(outcome(&done), Some(Outcome::Reported(Status::Succeeded)));
        assert_eq!(done.code.as_deref(), Some("REFUNDED"));
        for word in ["CREATE", "PAYING", "UNKNOWN"] {
            let open = read(
                200,
                &REFUNDED.replace("\"REFUNDED\"", &format!("\"{word}\"")),
            );
            assert_eq!(open.class, Class::Accepted, "{word}");
            assert_eq!(outcome(&open), Some(Outcome::Reported(Status::Pending)));
        }
        for word in ["SUCCESSED", "FAILED", "NEW"] {
            let open = read(
                200,
                &REFUNDED.replace("\"REFUNDED\"", &format!("\"{word}\"")),
            );
            assert_eq!(open.class, Class::Unknown, "{word}");
            assert_eq!(
                outcome(&open),
                Some(Outcome::Unclear(Reason::StatusUnknown))
            );
        }
    }
    let mut intent = intent();
    let sent = serde_json::from_str::<serde_json::Value>(FAILED).unwrap();
    intent.order_no = sent["data"]["order_no"]
        .as_str()
        .and_then(|it| it.parse().ok());
    let fen = sent["data"]["refund_amount"].as_u64().unwrap();
    let yuan = format!("{}.{:02}", fen / 100, fen % 100);
    intent.money.amount = Amount::parse(&yuan).unwrap();
    let number = sent["data"]["refund_order_no"].as_str().unwrap();
    let outgoing = Outgoing {
        refund_no: number,
        ..outgoing(&intent)
    };
    let failed = client().read_refund(&outgoing, &reply(200, FAILED));
    assert_eq!(failed.class, Class::Failed);
    assert_eq!(failed.message.as_deref(), Some("余额不足"));
    assert_eq!(outcome(&failed), Some(Outcome::Reported(Status::Failed)));
}

#[test]
fn a_status_under_another_code_is_not_believed() {
    for status in ["REFUNDED", "REFUNDFAILED"] {
        let text = REFUNDED.replace("\"REFUNDED\"", &format!("\"{status}\""));
        let text = text.replace(r#""code":"SUCCESS""#, r#""code":"FAIL""#);
        for answer in [refund(200, &text), query(200, &text)] {
            assert_eq!(answer.class, Class::Unknown);
            assert!(answer.claim.is_none() && answer.question.is_none());
        }
    }
}

#[test]
fn a_reply_about_something_else_moves_nothing() {
    for (ours, other) in [
        (
            r#""refund_order_no":"T01-S02-0003""#,
            r#""refund_order_no":"T01-S02-0004""#,
        ),
        (
            r#""order_no":"T01-S02-0001""#,
            r#""order_no":"T01-S02-0002""#,
        ),
        (r#""refund_amount":1234"#, r#""refund_amount":1235"#),
    ] {
        let text = REFUNDED.replacen(ours, other, 1);
        assert_ne!(text, REFUNDED);
        for answer in [refund(200, &text), query(200, &text)] {
            assert_eq!(answer.class, Class::Unknown, "{other}");
            assert_eq!(answer.question, Some(Reason::ReplyMismatch), "{other}");
            assert!(answer.claim.is_none(), "{other}");
        }
    }
}

#[test]
fn http_statuses_follow_the_table() {
    let model = r#"{"Message":"The request is invalid.","ModelState":{}}"#;
    for (status, body, class, stops) in [
        (400, model, Class::Refused, false),
        (400, "<html>", Class::Unknown, false),
        (400, r#"{"message":"bad gateway"}"#, Class::Unknown, false),
        (401, model, Class::Refused, true),
        (403, "", Class::Refused, true),
        (404, "", Class::Refused, true),
        (405, "", Class::Refused, true),
        (415, "", Class::Refused, true),
        (429, "", Class::Later, false),
        (
            500,
            r#"{"Message":"An error has occurred."}"#,
            Class::Unknown,
            false,
        ),
        (502, "", Class::Unknown, false),
        (504, "", Class::Unknown, false),
        (302, "", Class::Unknown, false),
        (200, "<html>", Class::Unknown, false),
        (
            200,
            r#"{"code":"SYSTEMERROR","data":null}"#,
            Class::Unknown,
            false,
        ),
        (
            200,
            r#"{"code":"SUCCESS","data":null}"#,
            Class::Unknown,
            false,
        ),
    ] {
        let answer = refund(status, body);
        assert_eq!(
            (answer.class, answer.stops_account),
            (class, stops),
            "{status} {body}"
        );
        assert!(answer.claim.is_none(), "{status} {body}");
    }
    assert_eq!(refund(429, "").retry_after.map(|it| it.as_secs()), Some(7));
    assert_eq!(
        refund(400, model).message.as_deref(),
        Some("The request is invalid.")
    );
}

#[test]
fn a_query_that_knows_nothing_is_told_from_one_that_failed() {
    for (status, body, class, stops) in [
        (
            200,
            r#"{"code":"ORDERNOTEXIST","msg":"x","data":null}"#,
            Class::NotFound,
            false,
        ),
        (
            200,
            r#"{"code":"FAIL","data":{"transaction_status":null}}"#,
            Class::NotFound,
            false,
        ),
        (200, r#"{"data":null}"#, Class::Unknown, false),
        (
            200,
            r#"{"code":"SUCCESS","data":null}"#,
            Class::Unknown,
            false,
        ),
        (
            200,
            r#"{"code":"FAIL","data":{"transaction_status":"PAYING"}}"#,
            Class::Unknown,
            false,
        ),
        (404, "", Class::Unknown, false),
        (400, "{\"Message\":\"x\"}", Class::Unknown, false),
        (401, "", Class::Unknown, true),
        (429, "", Class::Later, false),
    ] {
        let answer = query(status, body);
        assert_eq!(
            (answer.class, answer.stops_account),
            (class, stops),
            "{status} {body}"
        );
    }
}

#[test]
fn the_table_agrees_with_the_reader_of_relayed_replies() {
    for entry in STATUSES {
        let answer = query(
            200,
            &REFUNDED.replace("\"REFUNDED\"", &format!("\"{}\"", entry.code)),
        );
        let expected = match outcome(&answer) {
            Some(Outcome::Reported(Status::Succeeded)) => Class::Done,
            Some(Outcome::Reported(Status::Failed)) => Class::Failed,
            Some(Outcome::Reported(Status::Pending)) => Class::Accepted,
            other => panic!("{}: {other:?}", entry.code),
        };
        assert_eq!(
            (answer.class, entry.class),
            (expected, expected),
            "{}",
            entry.code
        );
    }
}

#[test]
fn what_quickpay_does_not_take_is_named() {
    let pointers = |change: &dyn Fn(&mut Intent, &mut QuickpayClient)| {
        let (mut intent, mut client) = (intent(), client());
        change(&mut intent, &mut client);
        let errors = client.check(None, &intent, jiff::Timestamp::UNIX_EPOCH);
        errors.into_iter().map(|it| it.pointer).collect::<Vec<_>>()
    };
    let field = |intent: &mut Intent, name: &str, value| {
        intent.provider_fields.insert(name.to_owned(), value);
    };
    assert_eq!(pointers(&|_, _| {}), Vec::<String>::new());
    assert_eq!(
        pointers(&|it, _| it.money.currency = "USD".parse().unwrap()),
        ["/currency"]
    );
    let amount = |text| Amount::parse(text).unwrap();
    assert_eq!(
        pointers(&|it, _| it.money.amount = amount("0.001")),
        ["/amount"]
    );
    assert_eq!(
        pointers(&|it, _| it.money.amount = amount("100000000")),
        ["/amount"]
    );
    assert_eq!(pointers(&|it, _| it.order_no = None), ["/order_no"]);
    assert_eq!(
        pointers(&|it, _| it.order_no = "9".repeat(33).parse().ok()),
        ["/order_no"]
    );
    assert_eq!(
        pointers(&|it, _| it.provider_payment_no = "9".parse().ok()),
        ["/provider_payment_no"]
    );
    assert_eq!(
        pointers(&|_, it| it.store_no = None),
        ["/provider_fields/store_no"]
    );
    assert_eq!(
        pointers(&|_, it| it.operator = None),
        ["/provider_fields/operator"]
    );
    for (name, value, pointer) in [
        ("store_no", json!(1), "/provider_fields/store_no"),
        (
            "operator",
            json!("12345678901234567"),
            "/provider_fields/operator",
        ),
        ("itemlist", json!([]), "/provider_fields/itemlist"),
        (
            "itemlist",
            json!([{"price": 1.5}]),
            "/provider_fields/itemlist",
        ),
        (
            "itemlist",
            json!([{"other": 1}]),
            "/provider_fields/itemlist",
        ),
        ("a/b~", json!(1), "/provider_fields/a~1b~0"),
    ] {
        assert_eq!(
            pointers(&|it, _| field(it, name, value.clone())),
            [pointer],
            "{name}"
        );
    }
}
