//! The bytes of calls, the rules of intents, and what replies mean.

use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

use super::*;
use crate::crypto::{hex, sha256};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::ExternalId;
use crate::domain::money::{Amount, Money};
use crate::providers::json::{Object, Value};
use crate::providers::outgoing::Method;

const REFUND_NO: &str = "refund488455057142";

fn intent() -> Intent {
    Intent {
        order_no: None,
        provider_payment_no: Some("CU518563189147832780".parse().unwrap()),
        money: money("100"),
        order_amount: None,
        paid_at: None,
        reason: Some("testRefund".to_owned()),
        metadata: BTreeMap::new(),
        provider_fields: BTreeMap::new(),
    }
}

fn money(amount: &str) -> Money {
    Money {
        amount: Amount::parse(amount).unwrap(),
        currency: "MYR".parse().unwrap(),
    }
}

fn outgoing(intent: &Intent) -> Outgoing<'_> {
    Outgoing {
        refund_no: REFUND_NO,
        intent,
        provider_refund_no: None,
        now: "2024-07-31T08:37:39.25Z".parse().unwrap(),
        serial: 1,
    }
}

fn client(form: Form) -> PaycoolsClient {
    PaycoolsClient {
        key: RequestKey::generate().unwrap(),
        app_id: "733b887a4a784708bb369524db5b6ded".to_owned(),
        base_url: "https://pay.example.com".to_owned(),
        callback_url: "http://www.test.com".to_owned(),
        shown_callback_url: "http://www.test.com".to_owned(),
        locale: Locale {
            currency: "MYR".parse().unwrap(),
            minor_digits: 2,
            utc_offset: jiff::tz::Offset::constant(8),
        },
        refund_no_prefix: None,
        form,
    }
}

fn open_api() -> PaycoolsClient {
    client(Form::OpenApi(TimestampUnit::Seconds))
}

fn flat() -> PaycoolsClient {
    client(Form::Flat { secret: None })
}

/// The members of the open-api envelope.
fn envelope(body: &[u8]) -> (String, String) {
    let body = Object::parse(body).unwrap();
    let text = |name| match body.get(name) {
        Value::Text(text) => text.into_owned(),
        other => panic!("{name}: {other:?}"),
    };
    (text("param"), text("sign"))
}

#[test]
fn the_documented_param_is_written_byte_for_byte_and_signed_as_text() {
    let client = open_api();
    let intent = intent();
    let call = client.refund(&outgoing(&intent));
    assert_eq!(call.url, "https://pay.example.com/open-api/payment/refund");
    let (param, sign) = envelope(&call.body);
    assert_eq!(param.len(), 202);
    assert_eq!(
        hex(&sha256(param.as_bytes())),
        "172fa432d3695dfb386abef7b15fb432ef4a2e3fce2641824439c4a3c989aa73"
    );
    assert_eq!(sign, client.key.sign_sha256_base64(param.as_bytes()));
    assert!(
        call.body
            .starts_with(br#"{"appId":"733b887a4a784708bb369524db5b6ded","sign":""#)
    );
    assert!(call.shown_body.is_none());
}

#[test]
fn the_query_asks_by_the_payment_until_the_refund_has_a_number() {
    let client = client(Form::OpenApi(TimestampUnit::Millis));
    let mut intent = intent();
    let call = client.query(&outgoing(&intent)).unwrap();
    assert_eq!(call.url, "https://pay.example.com/open-api/refund/payments");
    let (param, sign) = envelope(&call.body);
    assert_eq!(
        param,
        r#"{"originalTransactionId":"CU518563189147832780","timestamp":1722415059250}"#
    );
    assert_eq!(sign, client.key.sign_sha256_base64(param.as_bytes()));
    let number: ExternalId = "1818566685947728".parse().unwrap();
    let known = Outgoing {
        provider_refund_no: Some(&number),
        ..outgoing(&intent)
    };
    let (param, _) = envelope(&client.query(&known).unwrap().body);
    assert!(param.starts_with(r#"{"refundTransactionId":"1818566685947728","#));
    intent.provider_payment_no = None;
    assert!(client.query(&outgoing(&intent)).is_none());
}

#[test]
fn the_documented_flat_text_is_signed() {
    let pairs = [
        ("appId", "f90addc4861540ef9312e87d8f360e08"),
        ("mchRefundOrderId", "CCP20220428011068111"),
        ("originalTransactionId", "R2022042801106815674"),
        ("refundAmount", "10000"),
        ("refundReason", "refund reason"),
        ("refundCallbackUrl", "https://example.com/cb"),
    ];
    let text = calls::signed_text(&pairs);
    assert_eq!(
        hex(&sha256(text.as_bytes())),
        "3ced38a35f4c6840294e2696e474612735cf01fcaa13d421ad3af81b8991b917"
    );
}

#[test]
fn the_flat_form_signs_its_sorted_members() {
    let mut intent = intent();
    let waybill = serde_json::Value::from("W1");
    intent
        .provider_fields
        .insert("subOrderId".to_owned(), waybill);
    for secret in [None, Some("s3cret")] {
        let client = client(Form::Flat {
            secret: secret.map(SecretString::from),
        });
        let call = client.refund(&outgoing(&intent));
        assert_eq!(call.url, "https://pay.example.com/api/payment/refund");
        let suffix = secret.map_or(String::new(), |secret| format!("&secret={secret}"));
        let signed = format!(
            "appId=733b887a4a784708bb369524db5b6ded&mchRefundOrderId=refund488455057142&originalTransactionId=CU518563189147832780&refundAmount=10000&refundCallbackUrl=http://www.test.com&refundReason=testRefund&subOrderId=W1{suffix}"
        );
        let sign = client.key.sign_sha256_base64(signed.as_bytes());
        let expected = format!(
            r#"{{"appId":"733b887a4a784708bb369524db5b6ded","mchRefundOrderId":"refund488455057142","originalTransactionId":"CU518563189147832780","refundAmount":10000,"refundCallbackUrl":"http://www.test.com","refundReason":"testRefund","subOrderId":"W1","sign":"{sign}"}}"#
        );
        assert_eq!(std::str::from_utf8(&call.body), Ok(expected.as_str()));
        let query = client.query(&outgoing(&intent)).unwrap();
        let signed = format!(
            "appId=733b887a4a784708bb369524db5b6ded&originalTransactionId=CU518563189147832780{suffix}"
        );
        let sign = client.key.sign_sha256_base64(signed.as_bytes());
        let sign = sign
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        assert_eq!(
            query.url,
            format!(
                "https://pay.example.com/api/refund/payments?appId=733b887a4a784708bb369524db5b6ded&originalTransactionId=CU518563189147832780&sign={sign}"
            )
        );
        assert_eq!((query.method, query.body.len()), (Method::Get, 0));
    }
}

#[test]
fn a_secret_path_is_not_stored() {
    for form in [
        Form::OpenApi(TimestampUnit::Seconds),
        Form::Flat { secret: None },
    ] {
        let mut client = client(form);
        client.callback_url =
            "https://r.example.com/callbacks/paycools/my/0123456789abcdef".to_owned();
        client.shown_callback_url = "https://r.example.com/callbacks/paycools/my/***".to_owned();
        let intent = intent();
        let call = client.refund(&outgoing(&intent));
        let holds = |body: &[u8], text: &str| std::str::from_utf8(body).unwrap().contains(text);
        assert!(holds(&call.body, "/my/0123456789abcdef"));
        let shown = call.shown_body.unwrap();
        assert!(holds(&shown, "/my/***") && !holds(&shown, "0123456789abcdef"));
    }
}

#[test]
fn amounts_are_whole_numbers_of_the_smallest_unit() {
    for (amount, digits, written) in [
        ("100", 2, "10000"),
        ("0.05", 2, "5"),
        ("500.1", 2, "50010"),
        ("10000", 0, "10000"),
        ("1.234", 3, "1234"),
        ("1.5", 0, "1.5"),
        ("9999999999999999.99", 2, "999999999999999999"),
    ] {
        let mut client = open_api();
        client.locale.minor_digits = digits;
        let amount = Amount::parse(amount).unwrap();
        assert_eq!(client.minor_text(amount), written);
    }
}

fn reply(body: &str) -> Reply {
    Reply {
        status: 200,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn to_refund(client: &PaycoolsClient, body: &str) -> Answer {
    client.read_refund(&outgoing(&intent()), &reply(body))
}

fn to_query(client: &PaycoolsClient, body: &str) -> Answer {
    match client.read_query(&outgoing(&intent()), &[reply(body)]) {
        Step::Answer(answer) => *answer,
        Step::Call(_) => panic!("one call is enough"),
    }
}

fn claim(answer: &Answer) -> &Claim {
    answer
        .claim
        .as_ref()
        .and_then(crate::providers::VerifiedClaim::claim)
        .unwrap()
}

/// The published reply.
const TAKEN: &str = r#"{"code":10000,"message":"Success","data":{"mchRefundOrderId":"refund488455057142","refundTransactionId":"1818566685947728","refundCreateTime":"2024-07-31 16:37:40","refundAmount":10000,"refundStatus":"PENDING"}}"#;

#[test]
fn statuses_are_those_of_callbacks() {
    for (client, body) in [
        (open_api(), TAKEN.to_owned()),
        (flat(), TAKEN.replace("10000,\"m", "1000,\"m")),
    ] {
        for (word, class, status) in [
            ("PENDING", Class::Accepted, Status::Pending),
            ("PROCESSING", Class::Accepted, Status::Pending),
            ("COMPLETE", Class::Done, Status::Succeeded),
            ("SUCCESS", Class::Done, Status::Succeeded),
            ("FAIL", Class::Failed, Status::Failed),
            ("CANCELED", Class::Failed, Status::Canceled),
        ] {
            let answer = to_refund(&client, &body.replace("PENDING", word));
            assert_eq!((answer.class, answer.question), (class, None), "{word}");
            let read = claim(&answer);
            assert_eq!(read.outcome, Outcome::Reported(status));
            assert_eq!(read.money, Some(money("100")));
            assert_eq!(
                read.refund_no.as_ref().map(RefundNo::as_str),
                Some(REFUND_NO)
            );
            let (_, key_id, _) = answer.claim.unwrap().into_parts();
            assert_eq!(key_id, "tls");
        }
        let odd = to_refund(&client, &body.replace("PENDING", "ODD"));
        assert_eq!(
            (odd.class, odd.question),
            (Class::Unknown, Some(Reason::StatusUnknown))
        );
        // A success of the other form, or without data, is none.
        let other = body.replace("\"code\":1000", "\"code\":100");
        assert_eq!(to_refund(&client, &other).class, Class::Unknown);
    }
    assert_eq!(
        to_refund(&open_api(), r#"{"code":10000}"#).class,
        Class::Unknown
    );
}

#[test]
fn of_a_list_the_entry_with_our_number_counts() {
    let entry = |number: &str, status: &str| {
        format!(
            r#"{{"mchRefundOrderId":"{number}","originalTransactionId":"CU518563189147832780","refundTransactionId":"T{number}","refundAmount":10000,"feeRefunded":0,"refundStatus":"{status}","refundReturnTime":"2024-07-31 11:38:55","failedCode":-10009,"failedMessage":"no"}}"#
        )
    };
    let list = |entries: &[String]| {
        format!(
            r#"{{"code":10000,"message":"Success","data":[{}]}}"#,
            entries.join(",")
        )
    };
    let client = open_api();
    let (ours, other) = (
        entry(REFUND_NO, "COMPLETE"),
        entry("REFUND488455057142", "FAILED"),
    );
    let answer = to_query(&client, &list(&[other.clone(), ours.clone()]));
    assert_eq!(answer.class, Class::Done);
    let read = claim(&answer);
    assert_eq!(
        read.finished_at.map(Timestamp::as_millis),
        Some(1_722_397_135_000)
    );
    let number = read.provider_refund_no.as_ref().map(ExternalId::as_str);
    assert_eq!(number, Some("Trefund488455057142"));
    // One entry, sent as an object.
    let bare = list(std::slice::from_ref(&ours)).replace(['[', ']'], "");
    assert_eq!(to_query(&client, &bare).class, Class::Done);
    for nothing in [
        list(&[]),
        list(std::slice::from_ref(&other)),
        r#"{"code":21006}"#.to_owned(),
    ] {
        assert_eq!(
            to_query(&client, &nothing).class,
            Class::NotFound,
            "{nothing}"
        );
    }
    let failed = to_query(&client, &list(&[entry(REFUND_NO, "FAILED")]));
    let why = claim(&failed).failure.clone().unwrap();
    assert_eq!(why.code.as_deref(), Some("-10009"));
    for odd in [
        list(&[ours.clone(), ours.clone()]),
        list(&[ours.replace("mchRefundOrderId", "x")]),
        list(&[ours.replace("10000", "10001")]),
        list(&[ours.replace(":10000", r#":"1e4""#)]),
        list(&[ours.replace("CU518563189147832780", "CU1")]),
    ] {
        let answer = to_query(&client, &odd);
        let seen = (answer.class, answer.question);
        assert_eq!(seen, (Class::Unknown, Some(Reason::ReplyMismatch)), "{odd}");
        assert!(answer.claim.is_none());
    }
    // The same list is another fact for each refund in it.
    let both = list(&[ours, other]);
    let intent = intent();
    let key = |refund_no| {
        let of = Outgoing {
            refund_no,
            ..outgoing(&intent)
        };
        match client.read_query(&of, &[reply(&both)]) {
            Step::Answer(answer) => answer.claim.unwrap().into_parts().2,
            Step::Call(_) => panic!("one call is enough"),
        }
    };
    assert_ne!(key(REFUND_NO), key("REFUND488455057142"));
}

#[test]
fn codes_mean_what_the_tables_say() {
    let body = |code: &str| format!(r#"{{"code":{code},"message":"why"}}"#);
    for (client, refund, query) in [
        (open_api(), codes::REFUND, codes::QUERY),
        (flat(), codes::REFUND_FLAT, codes::QUERY_FLAT),
    ] {
        for entry in refund {
            let answer = to_refund(&client, &body(entry.code));
            let seen = (answer.class, answer.stops_account);
            assert_eq!(seen, (entry.class, entry.stops_account), "{}", entry.code);
            assert_eq!(answer.message.as_deref(), Some("why"));
        }
        for entry in query {
            let answer = to_query(&client, &body(entry.code));
            assert_eq!(answer.class, entry.class, "{}", entry.code);
        }
        assert_eq!(to_refund(&client, &body("9")).class, Class::Unknown);
        assert_eq!(to_query(&client, &body("9")).class, Class::Unknown);
        for odd in ["", "[]", "<html>", r#"{"code":1,"code":2}"#] {
            assert_eq!(to_refund(&client, odd).class, Class::Unknown, "{odd}");
            assert_eq!(to_query(&client, odd).class, Class::Unknown, "{odd}");
        }
        let mut failing = reply(&body(refund[0].code));
        failing.status = 503;
        failing
            .headers
            .push(("retry-after".to_owned(), "9".to_owned()));
        let answer = client.read_refund(&outgoing(&intent()), &failing);
        assert_eq!(answer.class, Class::Unknown);
        assert_eq!(answer.retry_after, Some(Duration::from_secs(9)));
    }
    assert_eq!(to_refund(&open_api(), &body("21517")).class, Class::Refused);
    assert_eq!(to_refund(&flat(), &body("21517")).class, Class::Unknown);
    let limited = to_refund(&open_api(), &body("21027"));
    assert_eq!(
        (limited.retry_after, limited.tries_max),
        (Some(LIMIT_PAUSE), Some(3))
    );
    assert!(to_refund(&open_api(), &body("21014")).lacks_balance);
    assert!(to_refund(&flat(), &body("1006")).lacks_balance);
    assert!(!to_refund(&open_api(), &body("21020")).lacks_balance);
}

/// The pointers that a changed intent is rejected with.
fn rejected(
    client: &PaycoolsClient,
    number: &str,
    change: impl FnOnce(&mut Intent),
) -> Vec<String> {
    let mut intent = intent();
    change(&mut intent);
    let now = outgoing(&intent).now;
    let errors = client.check(Some(number), &intent, now);
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn rules_of_an_intent() {
    let client = open_api();
    let with = |change: fn(&mut Intent)| rejected(&client, REFUND_NO, change);
    assert!(with(|_| ()).is_empty());
    assert_eq!(
        with(|it| it.provider_payment_no = None),
        ["/provider_payment_no"]
    );
    let long = |it: &mut Intent| it.provider_payment_no = "9".repeat(33).parse().ok();
    assert_eq!(with(long), ["/provider_payment_no"]);
    // It is kept with the intent and not sent.
    assert!(with(|it| it.order_no = "P1".parse().ok()).is_empty());
    assert_eq!(
        with(|it| it.money.currency = "THB".parse().unwrap()),
        ["/currency"]
    );
    assert_eq!(with(|it| it.money = money("1.234")), ["/amount"]);
    assert_eq!(with(|it| it.money.amount = Amount::ZERO), ["/amount"]);
    assert!(with(|it| it.reason = None).is_empty());
    assert_eq!(with(|it| it.reason = Some("x".repeat(201))), ["/reason"]);
    let sub_order = |it: &mut Intent| {
        drop(
            it.provider_fields
                .insert("subOrderId".to_owned(), "W1".into()),
        );
    };
    assert_eq!(with(sub_order), ["/provider_fields/subOrderId"]);
    let old = |it: &mut Intent| it.paid_at = "2024-06-01T08:37:39Z".parse().ok();
    assert!(with(old).is_empty());
    assert!(rejected(&flat(), REFUND_NO, sub_order).is_empty());
    assert_eq!(rejected(&flat(), REFUND_NO, old), ["/paid_at"]);
    for number in ["", "a_b", "a-b", "退", &"9".repeat(33)] {
        assert_eq!(
            rejected(&client, number, |_| ()),
            ["/refund_no"],
            "{number}"
        );
    }
}

#[test]
fn a_number_must_begin_as_its_callbacks_must() {
    let mut client = open_api();
    client.refund_no_prefix = Some("MY".to_owned());
    assert!(rejected(&client, "MY1", |_| ()).is_empty());
    assert_eq!(rejected(&client, "TH1", |_| ()), ["/refund_no"]);
    assert_eq!(client.number_prefix(), Some("MY"));
}
