//! The bytes of calls, the rules of intents, and what replies mean.

use crate::domain::ids::ExternalId;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

use super::*;
use crate::crypto::{RingKey, SigningKey, VerifyingKey, hex, sha256};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::money::{Amount, Money};
use crate::providers::outgoing::Method;

const NOW: &str = "2022-01-17T09:20:54.047Z";
const REFUND_NO: &str = "R1642411016202";

fn intent() -> Intent {
    Intent {
        order_no: Some("P1642410680681".parse().unwrap()),
        provider_payment_no: None,
        money: money("10000", "IDR"),
        order_amount: None,
        paid_at: None,
        reason: None,
        metadata: BTreeMap::new(),
        provider_fields: BTreeMap::new(),
    }
}

fn money(amount: &str, currency: &str) -> Money {
    Money {
        amount: Amount::parse(amount).unwrap(),
        currency: currency.parse().unwrap(),
    }
}

fn outgoing(intent: &Intent) -> Outgoing<'_> {
    Outgoing {
        refund_no: REFUND_NO,
        intent,
        provider_refund_no: None,
        now: NOW.parse().unwrap(),
        serial: 1,
    }
}

fn client(generation: Generation, provider: &SigningKey) -> PayermaxClient {
    let key = VerifyingKey::parse(provider.public_base64_der()).unwrap();
    let key = RingKey {
        id: "2026".to_owned(),
        key,
        not_before: None,
        not_after: None,
    };
    PayermaxClient {
        key: RequestKey::generate().unwrap(),
        keys: KeyRing::new(vec![key]).unwrap(),
        base_url: "https://pay.example.com/api/gateway".to_owned(),
        merchant_no: "020213827212251".to_owned(),
        callback_url: None,
        generation,
    }
}

fn new_api() -> Generation {
    Generation::New(NewApi {
        app_id: "3b242b56a8b64274bcc37dac281120e3".to_owned(),
        version: "1.5".to_owned(),
        key_version: "1".to_owned(),
        sp_merchant_no: None,
        auth_token: None,
    })
}

fn old_api(comment_members: CommentMembers) -> Generation {
    Generation::Old(OldApi { comment_members })
}

fn header<'c>(call: &'c Call, name: &str) -> &'c str {
    let found = call.headers.iter().find(|(known, _)| known == name);
    found.unwrap().1.expose()
}

fn text(call: &Call) -> &str {
    std::str::from_utf8(&call.body).unwrap()
}

#[test]
fn the_documented_request_is_written_byte_for_byte_and_signed() {
    let client = client(new_api(), &SigningKey::generate().unwrap());
    let intent = intent();
    let call = client.refund(&outgoing(&intent));
    assert_eq!(call.body.len(), 268);
    assert_eq!(
        hex(&sha256(&call.body)),
        "75cb642911b6dd046e8a87b6169144e7e42818c4abadd564e7dda8b9fd2252d0"
    );
    assert_eq!(call.url, "https://pay.example.com/api/gateway/refund");
    assert_eq!(call.method, Method::Post);
    let sign = header(&call, "sign");
    assert_eq!(sign, client.key.sign_sha256_base64(&call.body));
    let query = client.query(&outgoing(&intent)).unwrap();
    assert_eq!(query.url, "https://pay.example.com/api/gateway/refundQuery");
    assert!(text(&query).ends_with(r#","data":{"outRefundNo":"R1642411016202"}}"#));
}

#[test]
fn optional_members_are_escaped_and_in_their_place() {
    let mut client = client(new_api(), &SigningKey::generate().unwrap());
    client.callback_url = Some("https://refunds.example.com/callbacks/payermax/main".to_owned());
    if let Generation::New(api) = &mut client.generation {
        api.sp_merchant_no = Some("SP1".to_owned());
        api.auth_token = Some(("merchant_auth_token".to_owned(), "t0ken".into()));
    }
    let mut intent = intent();
    intent.money = money("125.5", "MYR");
    intent.reason = Some("\"broken\"\n退".to_owned());
    let token = serde_json::Value::from("T2025");
    intent
        .provider_fields
        .insert("trade_token".to_owned(), token);
    let call = client.refund(&outgoing(&intent));
    let data = r#""spMerchantNo":"SP1","data":{"outRefundNo":"R1642411016202","refundAmount":125.5,"refundCurrency":"MYR","outTradeNo":"P1642410680681","tradeToken":"T2025","comments":"\"broken\"\n退","refundNotifyUrl":"https://refunds.example.com/callbacks/payermax/main"}}"#;
    assert!(text(&call).ends_with(data), "{}", text(&call));
    assert_eq!(header(&call, "merchant_auth_token"), "t0ken");
    assert!(!format!("{call:?}").contains("t0ken"));
}

#[test]
fn the_old_generation_is_flat() {
    for (members, comments) in [
        (CommentMembers::Both, r#""comment":"why","comments":"why""#),
        (CommentMembers::Comment, r#""comment":"why""#),
        (CommentMembers::Comments, r#""comments":"why""#),
    ] {
        let client = client(old_api(members), &SigningKey::generate().unwrap());
        let mut intent = intent();
        intent.money = money("1000", "SAR");
        intent.reason = Some("why".to_owned());
        let call = client.refund(&outgoing(&intent));
        let expected = format!(
            r#"{{"merchantId":"020213827212251","bizType":"refundApply","version":"2.1","refundId":"R1642411016202","orderId":"P1642410680681","amount":"1000.00","currency":"SAR",{comments}}}"#
        );
        assert_eq!(text(&call), expected);
        assert_eq!(call.url, "https://pay.example.com/api/gateway");
        let query = client.query(&outgoing(&intent)).unwrap();
        assert_eq!(
            text(&query),
            r#"{"merchantId":"020213827212251","version":"2.1","bizType":"refundQuery","refundId":"R1642411016202"}"#
        );
    }
    for (amount, currency, written) in [
        ("1000", "IDR", "1000"),
        ("1000.5", "KWD", "1000.50"),
        ("7", "JPY", "7"),
    ] {
        assert_eq!(v21::amount(money(amount, currency)), written);
    }
}

/// What a client makes of a reply signed by the provider, to a request and to a query.
struct Exchange {
    provider: SigningKey,
    client: PayermaxClient,
    intent: Intent,
}

impl Exchange {
    fn of(generation: Generation) -> Self {
        let provider = SigningKey::generate().unwrap();
        let client = client(generation, &provider);
        let intent = intent();
        Self {
            provider,
            client,
            intent,
        }
    }

    fn reply(status: u16, body: &str, sign: Option<String>) -> Reply {
        let headers = sign.map(|sign| ("sign".to_owned(), sign));
        Reply {
            status,
            headers: headers.into_iter().collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn signed(&self, body: &str) -> Reply {
        let sign = self.provider.sign_sha256_base64(body.as_bytes());
        Self::reply(200, body, Some(sign))
    }

    fn to_refund(&self, reply: &Reply) -> Answer {
        self.client.read_refund(&outgoing(&self.intent), reply)
    }

    fn to_query(&self, reply: Reply) -> Answer {
        match self.client.read_query(&outgoing(&self.intent), &[reply]) {
            Step::Answer(answer) => *answer,
            Step::Call(_) => panic!("one call is enough"),
        }
    }
}

fn claim(answer: &Answer) -> &Claim {
    answer
        .claim
        .as_ref()
        .and_then(crate::providers::VerifiedClaim::claim)
        .unwrap()
}

#[test]
fn a_signed_reply_is_a_claim() {
    let exchange = Exchange::of(new_api());
    let body = r#"{"code":"APPLY_SUCCESS","msg":"","data":{"outRefundNo":"R1642411016202","tradeOrderNo":"20220117091121TI366100056090","refundTradeNo":"20220117091657TI790000055087","status":"REFUND_PENDING"}}"#;
    let answer = exchange.to_refund(&exchange.signed(body));
    assert_eq!((answer.class, answer.question), (Class::Accepted, None));
    assert_eq!(answer.code.as_deref(), Some("APPLY_SUCCESS"));
    let read = claim(&answer);
    assert_eq!(read.outcome, Outcome::Reported(Status::Pending));
    assert_eq!(read.money, None);
    let number = read.provider_refund_no.as_ref().map(ExternalId::as_str);
    assert_eq!(number, Some("20220117091657TI790000055087"));
    let (_, key_id, _) = answer.claim.unwrap().into_parts();
    assert_eq!(key_id, "2026");
    for (word, class) in [("SUCCESS", Class::Done), ("FAILED", Class::Failed)] {
        let body = body.replace("PENDING", word);
        assert_eq!(exchange.to_refund(&exchange.signed(&body)).class, class);
    }
    let odd = exchange.to_refund(&exchange.signed(&body.replace("PENDING", "ODD")));
    assert_eq!(odd.class, Class::Unknown);
    assert_eq!(odd.question, Some(Reason::StatusUnknown));
}

#[test]
fn a_success_without_a_good_signature_claims_nothing() {
    let exchange = Exchange::of(new_api());
    let body = r#"{"code":"APPLY_SUCCESS","msg":"","data":{"outRefundNo":"R1642411016202","refundAmount":10000,"refundCurrency":"IDR","status":"REFUND_SUCCESS"}}"#;
    let other = SigningKey::generate().unwrap();
    for sign in [
        None,
        Some("AAAA".to_owned()),
        Some(other.sign_sha256_base64(body.as_bytes())),
        Some(exchange.provider.sign_sha256_base64(b"another body")),
    ] {
        for answer in [
            exchange.to_refund(&Exchange::reply(200, body, sign.clone())),
            exchange.to_query(Exchange::reply(200, body, sign.clone())),
        ] {
            assert_eq!(answer.class, Class::Unknown);
            assert_eq!(answer.question, Some(Reason::ReplyUnproven));
            assert!(answer.claim.is_none());
        }
    }
    let error = r#"{"msg":"x","code":"AMOUNT_LIMIT"}"#;
    let forged = exchange.to_refund(&Exchange::reply(200, error, Some("AAAA".to_owned())));
    assert_eq!(forged.question, Some(Reason::ReplyUnproven));
    assert_eq!(forged.class, Class::Unknown);
}

#[test]
fn a_query_is_read_in_either_spelling_of_its_amount() {
    let exchange = Exchange::of(new_api());
    for amount in [
        r#""refundAmount":10000"#,
        r#""totalAmount":"10000.00""#,
        r#""refundAmount":1e4,"totalAmount":20000"#,
        r#""x":1"#,
    ] {
        let body = format!(
            r#"{{"code":"APPLY_SUCCESS","msg":"Success","data":{{"outRefundNo":"R1642411016202","refundTradeNo":"T9",{amount},"refundCurrency":"IDR","outTradeNo":"P1642410680681","status":"REFUND_SUCCESS","refundFinishTime":"2023-10-20T03:28:23.092Z"}}}}"#
        );
        let answer = exchange.to_query(exchange.signed(&body));
        assert_eq!(answer.class, Class::Done, "{amount}");
        let read = claim(&answer);
        assert_eq!(read.money, Some(money("10000", "IDR")));
        assert_eq!(
            read.finished_at.map(Timestamp::as_millis),
            Some(1_697_772_503_092)
        );
        assert_eq!(
            read.refund_no.as_ref().map(RefundNo::as_str),
            Some(REFUND_NO)
        );
    }
}

#[test]
fn a_reply_about_something_else_claims_nothing() {
    let exchange = Exchange::of(new_api());
    let good = r#"{"code":"APPLY_SUCCESS","msg":"","data":{"outRefundNo":"R1642411016202","refundAmount":10000,"refundCurrency":"IDR","outTradeNo":"P1642410680681","status":"REFUND_SUCCESS"}}"#;
    for (part, other) in [
        ("R1642411016202", "r1642411016202"),
        ("P1642410680681", "P1"),
        (":10000", ":10001"),
        (":10000", r#":"many""#),
        (":10000", ":-1"),
        ("IDR", "MYR"),
        ("IDR", "idr"),
    ] {
        let answer = exchange.to_query(exchange.signed(&good.replace(part, other)));
        assert_eq!(answer.class, Class::Unknown, "{other}");
        assert_eq!(answer.question, Some(Reason::ReplyMismatch), "{other}");
        assert!(answer.claim.is_none(), "{other}");
    }
    assert_eq!(exchange.to_query(exchange.signed(good)).class, Class::Done);
}

#[test]
fn codes_mean_what_the_tables_say() {
    let exchange = Exchange::of(new_api());
    let reply = |code: &str| {
        let body = format!(r#"{{"msg":"why","code":"{code}"}}"#);
        Exchange::reply(200, &body, None)
    };
    for entry in codes::REFUND {
        let answer = exchange.to_refund(&reply(entry.code));
        assert_eq!(answer.class, entry.class, "{}", entry.code);
        assert_eq!(answer.stops_account, entry.stops_account, "{}", entry.code);
        assert_eq!(answer.message.as_deref(), Some("why"));
    }
    for entry in codes::QUERY {
        let answer = exchange.to_query(reply(entry.code));
        assert_eq!(answer.class, entry.class, "{}", entry.code);
    }
    for (code, class) in [
        ("PAYMENT_METHOD_CLOSED", Class::Refused),
        ("SOMETHING_NEW", Class::Unknown),
        ("", Class::Unknown),
    ] {
        assert_eq!(exchange.to_refund(&reply(code)).class, class, "{code}");
        assert_eq!(
            exchange.to_query(reply(code)).class,
            Class::Unknown,
            "{code}"
        );
    }
    let hourly = exchange.to_refund(&reply("REFUND_INSUFFICIENT_BALANCE"));
    assert_eq!(hourly.retry_after, Some(BALANCE_PAUSE));
    let mut busy = reply("TOO_MANY_REQUEST");
    busy.headers
        .push(("retry-after".to_owned(), "7".to_owned()));
    assert_eq!(
        exchange.to_refund(&busy).retry_after,
        Some(Duration::from_secs(7))
    );
}

#[test]
fn what_is_no_reply_of_the_provider_leaves_the_outcome_open() {
    for generation in [new_api(), old_api(CommentMembers::Both)] {
        let exchange = Exchange::of(generation);
        for (status, body) in [
            (502, r#"{"code":"AMOUNT_LIMIT"}"#),
            (404, ""),
            (200, ""),
            (200, "<html>"),
            (200, "[]"),
            (200, r#"{"code":"AMOUNT_LIMIT","code":"ORDER_NOT_EXIST"}"#),
            (200, r#"{"bizCode":"1001","message":"x"}"#),
        ] {
            let reply = Exchange::reply(status, body, None);
            assert_eq!(exchange.to_refund(&reply).class, Class::Unknown, "{body}");
            assert_eq!(exchange.to_query(reply).class, Class::Unknown, "{body}");
        }
        let bare = exchange.signed(r#"{"code":"APPLY_SUCCESS","bizCode":"0000"}"#);
        let answer = exchange.to_refund(&bare);
        assert_eq!(answer.class, Class::Unknown);
        assert!(answer.claim.is_none());
    }
}

#[test]
fn replies_of_the_old_generation_are_read() {
    let mut exchange = Exchange::of(old_api(CommentMembers::Both));
    exchange.intent.money = money("1000", "SAR");
    let body = r#"{"bizCode":"0000","data":{"tradeNo":"20220914153025TI2536162084804117","refundId":"R1642411016202","orderId":"P1642410680681","status":0}}"#;
    for (status, class) in [
        (":0", Class::Accepted),
        (":1", Class::Done),
        (r#":"1""#, Class::Done),
        (":2", Class::Failed),
    ] {
        let body = body.replace(":0}", &format!("{status}}}"));
        let answer = exchange.to_refund(&exchange.signed(&body));
        assert_eq!(answer.class, class, "{status}");
        assert_eq!(claim(&answer).provider_refund_no, None);
    }
    let query = r#"{"bizCode":"0000","message":"","data":{"refundId":"R1642411016202","orderId":"P1642410680681","refundAmount":"1000","currency":"SAR","status":2,"errorCode":"E1","errorMsg":"no"}}"#;
    let answer = exchange.to_query(exchange.signed(query));
    assert_eq!(answer.class, Class::Failed);
    let why = claim(&answer).failure.clone().unwrap();
    assert_eq!(why.code.as_deref(), Some("E1"));
    let other = exchange.to_query(exchange.signed(&query.replace("1000", "999")));
    assert_eq!(other.question, Some(Reason::ReplyMismatch));
}

/// The pointers that a changed intent is rejected with.
fn rejected(generation: Generation, number: &str, change: impl FnOnce(&mut Intent)) -> Vec<String> {
    let client = client(generation, &SigningKey::generate().unwrap());
    let mut intent = intent();
    change(&mut intent);
    let errors = client.check(Some(number), &intent, NOW.parse().unwrap());
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn rules_of_an_intent() {
    let new = |change: fn(&mut Intent)| rejected(new_api(), REFUND_NO, change);
    assert!(new(|_| ()).is_empty());
    assert_eq!(new(|it| it.order_no = None), ["/order_no"]);
    assert_eq!(new(|it| it.money = money("1.5", "IDR")), ["/amount"]);
    assert_eq!(new(|it| it.money = money("1.001", "KWD")), ["/amount"]);
    assert_eq!(new(|it| it.money.amount = Amount::ZERO), ["/amount"]);
    assert_eq!(new(|it| it.reason = Some("x".repeat(513))), ["/reason"]);
    assert_eq!(
        new(|it| it.paid_at = "2021-07-21T09:00:00Z".parse().ok()),
        ["/paid_at"]
    );
    assert!(new(|it| it.paid_at = "2021-07-22T09:00:00Z".parse().ok()).is_empty());
    let payment = |it: &mut Intent| it.provider_payment_no = "T1".parse().ok();
    assert_eq!(new(payment), ["/provider_payment_no"]);
    let field = |it: &mut Intent| drop(it.provider_fields.insert("a/b".to_owned(), 1.into()));
    assert_eq!(new(field), ["/provider_fields/a~1b"]);
    let token = |it: &mut Intent| {
        drop(
            it.provider_fields
                .insert("trade_token".to_owned(), 1.into()),
        );
    };
    assert_eq!(new(token), ["/provider_fields/trade_token"]);
    for number in ["", "a-b", "a b", "退", &"9".repeat(65)] {
        assert_eq!(
            rejected(new_api(), number, |_| ()),
            ["/refund_no"],
            "{number}"
        );
    }
}

#[test]
fn the_old_generation_refunds_whole_payments_with_a_reason() {
    let old = |change: fn(&mut Intent)| {
        rejected(old_api(CommentMembers::Both), REFUND_NO, |intent| {
            intent.reason = Some("why".to_owned());
            intent.order_amount = Some(intent.money.amount);
            change(intent);
        })
    };
    assert!(old(|_| ()).is_empty());
    assert_eq!(old(|it| it.reason = None), ["/reason"]);
    assert_eq!(old(|it| it.reason = Some("x".repeat(257))), ["/reason"]);
    assert_eq!(old(|it| it.order_amount = None), ["/order_amount"]);
    assert_eq!(
        old(|it| it.order_amount = Some(Amount::parse("10001").unwrap())),
        ["/amount"]
    );
    let large = |it: &mut Intent| {
        it.money = money("1234567890", "MYR");
        it.order_amount = Some(it.money.amount);
    };
    assert_eq!(old(large), ["/amount"]);
    let token = |it: &mut Intent| {
        drop(
            it.provider_fields
                .insert("trade_token".to_owned(), "T".into()),
        );
    };
    assert_eq!(old(token), ["/provider_fields/trade_token"]);
}

#[test]
fn numbers_differ_by_more_than_case() {
    let client = client(new_api(), &SigningKey::generate().unwrap());
    assert_eq!(client.number_key("rf_a1"), client.number_key("RF_A1"));
    assert_eq!(client.warnings("rf_a1", &intent()).len(), 1);
    assert!(client.warnings("RF_A1", &intent()).is_empty());
}
