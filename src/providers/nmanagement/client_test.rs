//! Bodies, replies and rules of the client, with and without the bank's client program.

use std::collections::BTreeMap;

use serde_json::json;

use super::bank_client::BankClient;
use super::client::NmanagementClient;
use super::codes::CODES;
use super::login::Credential;
use crate::domain::claim::{Outcome, Reason, Status};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::request::intent::Intent;
use crate::domain::request::timetable::{NotFoundRule, When};
use crate::domain::request::{Class, Progress, State};
use crate::providers::outgoing::{
    Answer, Client as _, HeaderValue, Outgoing, Preparation, Purpose, Reply, Step,
};

const SUCCEEDED: &str = include_str!("../../../tests/fixtures/nmanagement/succeeded.json");
const FAILED: &str = include_str!("../../../tests/fixtures/nmanagement/failed.json");
const TIMEOUT: &str = include_str!("../../../tests/fixtures/nmanagement/timeout.json");
const UNAUTHORIZED: &str = include_str!("../../../tests/fixtures/nmanagement/unauthorized.json");

pub(super) fn client(bank: Option<BankClient>) -> NmanagementClient {
    NmanagementClient {
        base_url: "https://n.example.com/svc".to_owned(),
        credential: Credential::Fixed("token-1".to_owned().into()),
        bank,
    }
}

pub(super) fn bank() -> BankClient {
    BankClient {
        url: "http://127.0.0.1:12345".to_owned(),
        cust_id: "105000075235505".to_owned(),
        user_id: "WLPT01".to_owned(),
        password: "a<b&c".to_owned().into(),
    }
}

pub(super) fn intent() -> Intent {
    Intent {
        order_no: Some("202112071619204953".parse().unwrap()),
        provider_payment_no: None,
        money: Money {
            amount: Amount::parse("0.01").unwrap(),
            currency: Currency::CNY,
        },
        order_amount: None,
        paid_at: None,
        reason: Some("not sent".to_owned()),
        metadata: BTreeMap::new(),
        provider_fields: BTreeMap::new(),
    }
}

pub(super) fn outgoing(intent: &Intent) -> Outgoing<'_> {
    Outgoing {
        refund_no: "RF0001",
        intent,
        provider_refund_no: None,
        now: "2026-11-26T20:05:06Z".parse().unwrap(),
        serial: 3,
    }
}

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn refund(status: u16, body: &str) -> Answer {
    client(None).read_refund(&outgoing(&intent()), &reply(status, body))
}

pub(super) fn outcome(answer: &Answer) -> Option<Outcome> {
    answer.claim.as_ref()?.claim().map(|claim| claim.outcome)
}

fn with_code(code: &str) -> String {
    FAILED.replace("0130Z110B144", code)
}

#[test]
fn the_body_names_order_money_and_refund() {
    let mut intent = intent();
    let call = client(None).refund(&outgoing(&intent));
    assert_eq!(call.url, "https://n.example.com/svc/api/Pay/PayRefund");
    assert_eq!(
        String::from_utf8(call.body).unwrap(),
        r#"{"ORDER":"202112071619204953","MONEY":"0.01","REFUND_CODE":"RF0001"}"#
    );
    let authorization = call
        .headers
        .iter()
        .find(|(name, _)| name == "authorization");
    assert!(matches!(&authorization.unwrap().1, HeaderValue::Secret(_)));
    assert_eq!(authorization.unwrap().1.expose(), "Bearer token-1");
    intent.money.amount = Amount::parse("1200").unwrap();
    let call = client(None).refund(&outgoing(&intent));
    assert!(
        String::from_utf8(call.body)
            .unwrap()
            .contains(r#""MONEY":"1200.00""#)
    );
}

#[test]
fn a_success_comes_with_its_claim() {
    let answer = refund(200, SUCCEEDED);
    assert_eq!(
        (answer.class, answer.code.as_deref()),
        (Class::Done, Some("000000"))
    );
    assert_eq!(outcome(&answer), Some(Outcome::Reported(Status::Succeeded)));
    let no_amount = SUCCEEDED.replace(r#""AMOUNT":"0.01","REQ"#, r#""AMOUNT":null,"REQ"#);
    let answer = refund(200, &no_amount);
    assert_eq!(answer.class, Class::Unknown);
    assert_eq!(
        outcome(&answer),
        Some(Outcome::Unclear(Reason::InvalidContent))
    );
    for (ours, other) in [
        (r#""AMOUNT":"0.01","REQ"#, r#""AMOUNT":"0.02","REQ"#),
        (
            r#""ORDER_NUM":"202112071619204953""#,
            r#""ORDER_NUM":"202112071619204954""#,
        ),
    ] {
        let text = SUCCEEDED.replacen(ours, other, 1);
        assert_ne!(text, SUCCEEDED);
        let answer = refund(200, &text);
        assert_eq!(
            (answer.class, answer.question),
            (Class::Unknown, Some(Reason::ReplyMismatch))
        );
        assert!(answer.claim.is_none());
    }
}

#[test]
fn every_code_has_the_class_of_the_table() {
    for entry in CODES.iter().filter(|entry| entry.class != Class::Done) {
        let answer = refund(200, &with_code(entry.code));
        assert_eq!(answer.class, entry.class, "{}", entry.code);
        assert_eq!(answer.stops_account, entry.stops_account, "{}", entry.code);
        assert_eq!(answer.code.as_deref(), Some(entry.code));
        assert!(answer.claim.is_none(), "{}", entry.code);
        let contradicting = with_code(entry.code).replace("false", "true");
        assert_eq!(
            refund(200, &contradicting).class,
            Class::Unknown,
            "{}",
            entry.code
        );
    }
    let mut codes: Vec<_> = CODES
        .iter()
        .map(|entry| entry.code.to_ascii_uppercase())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), CODES.len(), "each code once");
    let counted = |class| CODES.iter().filter(|entry| entry.class == class).count();
    let counts = [
        Class::Done,
        Class::Unknown,
        Class::Later,
        Class::Refused,
        Class::Known,
        Class::NotFound,
    ]
    .map(counted);
    assert_eq!(
        counts,
        [1, 24, 5, 35, 1, 3],
        "as the bank's manual lists them"
    );
}

#[test]
fn what_is_not_listed_leaves_the_outcome_open() {
    for body in [
        TIMEOUT,
        "<html>",
        "{}",
        &with_code("SOMETHING_NEW"),
        &with_code("000000"),
        &with_code("0130Z1101021 "),
        r#"{"msg":"x","msgDev":null,"response":null,"status":500,"success":false}"#,
    ] {
        let answer = refund(200, body);
        assert_eq!(
            (answer.class, answer.stops_account),
            (Class::Unknown, false),
            "{body}"
        );
        assert!(answer.claim.is_none(), "{body}");
    }
    for (status, class, stops) in [
        (400, Class::Unknown, false),
        (401, Class::Refused, true),
        (403, Class::Refused, true),
        (404, Class::Refused, true),
        (405, Class::Refused, true),
        (415, Class::Refused, true),
        (429, Class::Later, false),
        (500, Class::Unknown, false),
        (502, Class::Unknown, false),
        (302, Class::Unknown, false),
    ] {
        let answer = refund(status, UNAUTHORIZED);
        assert_eq!(
            (answer.class, answer.stops_account),
            (class, stops),
            "{status}"
        );
    }
}

#[test]
fn what_could_reach_into_the_banks_xml_is_rejected() {
    let pointers = |refund_no: Option<&str>, change: &dyn Fn(&mut Intent)| {
        let mut intent = intent();
        change(&mut intent);
        let errors = client(None).check(refund_no, &intent, jiff::Timestamp::UNIX_EPOCH);
        errors.into_iter().map(|it| it.pointer).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    assert_eq!(pointers(None, &|_| {}), none);
    assert_eq!(pointers(Some("RF0123456789ABC"), &|_| {}), none);
    for bad in ["", "RF0123456789ABCD", "rf1", "R-1", "R<1", "R&1", "退1"] {
        assert_eq!(pointers(Some(bad), &|_| {}), ["/refund_no"], "{bad}");
    }
    for bad in [
        "<ORDER>",
        "a&b",
        "a\"b",
        "a b",
        "a/b",
        "订单1",
        &"9".repeat(31),
    ] {
        let change = |it: &mut Intent| it.order_no = bad.parse().ok();
        assert_eq!(pointers(None, &change), ["/order_no"], "{bad}");
    }
    let amount = |text| Amount::parse(text).unwrap();
    assert_eq!(pointers(None, &|it| it.order_no = None), ["/order_no"]);
    assert_eq!(
        pointers(None, &|it| it.money.amount = amount("0.001")),
        ["/amount"]
    );
    assert_eq!(
        pointers(None, &|it| it.money.amount = amount("9999999999999")),
        none
    );
    assert_eq!(
        pointers(None, &|it| it.money.amount = amount("10000000000000")),
        ["/amount"]
    );
    assert_eq!(
        pointers(None, &|it| it.money.currency = "USD".parse().unwrap()),
        ["/currency"]
    );
    let own = |it: &mut Intent| {
        it.provider_fields.insert("operator".to_owned(), json!("x"));
    };
    assert_eq!(pointers(None, &own), ["/provider_fields/operator"]);
}

#[test]
fn without_the_banks_client_nothing_can_be_asked() {
    let (intent, client) = (intent(), client(None));
    assert!(!client.can_ask() && client.query(&outgoing(&intent)).is_none());
    let table = client.timetable();
    let at = crate::domain::time::Timestamp::from_millis(1_000);
    let overdue = table.overdue_at(&Progress::default(), at);
    assert_eq!(overdue, at, "a person is asked at once");
    assert_eq!(
        table.next_ask((State::Unknown, &Progress::default()), (at, None), at, 0),
        None
    );
}

#[test]
fn the_banks_client_is_asked_without_a_login() {
    let login = super::login::Login::new("n".to_owned(), "p".to_owned().into());
    let client = NmanagementClient {
        credential: Credential::Login(login),
        ..client(Some(bank()))
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    assert!(matches!(
        client.prepare(Purpose::Query, now),
        Preparation::Ready
    ));
    assert!(matches!(
        client.prepare(Purpose::Refund, now),
        Preparation::Call(_)
    ));
    assert!(client.can_ask());
    let table = client.timetable();
    assert_eq!(table.not_found, NotFoundRule::NeverProves);
    assert_eq!(table.unknown.last(), Some(&When::NextMorning));
    assert_eq!(table.accepted, [When::NextMorning]);
    let read = client.read_query(&outgoing(&intent()), &[reply(500, "")]);
    assert!(matches!(read, Step::Answer(answer) if answer.class == Class::Unknown));
}
