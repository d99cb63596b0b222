//! What replies mean, signed or not.

use super::*;
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::ExternalId;
use crate::domain::time::Timestamp;

/// What a client makes of a reply signed by the provider, to a request and to a query.
struct Exchange {
    client: PayermaxClient,
    intent: Intent,
}

impl Exchange {
    fn of(generation: Generation) -> Self {
        let client = client(generation);
        let intent = intent();
        Self { client, intent }
    }

    fn reply(status: u16, body: &str, sign: Option<String>) -> Reply {
        let headers = sign.map(|sign| ("sign".to_owned(), sign));
        Reply {
            status,
            headers: headers.into_iter().collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn signed(body: &str) -> Reply {
        let sign = PROVIDER.sign_sha256_base64(body.as_bytes());
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
    let answer = exchange.to_refund(&Exchange::signed(body));
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
        assert_eq!(exchange.to_refund(&Exchange::signed(&body)).class, class);
    }
    let odd = exchange.to_refund(&Exchange::signed(&body.replace("PENDING", "ODD")));
    assert_eq!(odd.class, Class::Unknown);
    assert_eq!(odd.question, Some(Reason::StatusUnknown));
}

#[test]
fn a_success_without_a_good_signature_claims_nothing() {
    let exchange = Exchange::of(new_api());
    let body = r#"{"code":"APPLY_SUCCESS","msg":"","data":{"outRefundNo":"R1642411016202","refundAmount":10000,"refundCurrency":"IDR","status":"REFUND_SUCCESS"}}"#;
    for sign in [
        None,
        Some("AAAA".to_owned()),
        Some(OURS.sign_sha256_base64(body.as_bytes())),
        Some(PROVIDER.sign_sha256_base64(b"another body")),
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
        let answer = exchange.to_query(Exchange::signed(&body));
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
        let answer = exchange.to_query(Exchange::signed(&good.replace(part, other)));
        assert_eq!(answer.class, Class::Unknown, "{other}");
        assert_eq!(answer.question, Some(Reason::ReplyMismatch), "{other}");
        assert!(answer.claim.is_none(), "{other}");
    }
    assert_eq!(exchange.to_query(Exchange::signed(good)).class, Class::Done);
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
        let bare = Exchange::signed(r#"{"code":"APPLY_SUCCESS","bizCode":"0000"}"#);
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
        let answer = exchange.to_refund(&Exchange::signed(&body));
        assert_eq!(answer.class, class, "{status}");
        assert_eq!(claim(&answer).provider_refund_no, None);
    }
    let query = r#"{"bizCode":"0000","message":"","data":{"refundId":"R1642411016202","orderId":"P1642410680681","refundAmount":"1000","currency":"SAR","status":2,"errorCode":"E1","errorMsg":"no"}}"#;
    let answer = exchange.to_query(Exchange::signed(query));
    assert_eq!(answer.class, Class::Failed);
    let why = claim(&answer).failure.clone().unwrap();
    assert_eq!(why.code.as_deref(), Some("E1"));
    let other = exchange.to_query(Exchange::signed(&query.replace("1000", "999")));
    assert_eq!(other.question, Some(Reason::ReplyMismatch));
}
