//! What replies mean.

use super::*;
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::ExternalId;
use crate::domain::time::Timestamp;

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
