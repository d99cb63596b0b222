//! Runs every row of the table in `docs/state-machine.md`.

use uuid::Uuid;

use super::*;
use crate::domain::claim::RefundNo;
use crate::domain::money::Amount;
use crate::domain::order::close_out::table::rows;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(2_000);

fn claim(said: &str, money: &str, retry: &str) -> Claim {
    let (amount, currency) = match money {
        "amount" => ("99", "CNY"),
        "currency" => ("100", "MYR"),
        _ => ("100", "CNY"),
    };
    let money = (money != "silent").then(|| Money {
        amount: Amount::parse(amount).unwrap(),
        currency: currency.parse().unwrap(),
    });
    let outcome = match said.strip_prefix("unclear:") {
        Some(reason) => Outcome::Unclear(Reason::from_word(reason).expect(reason)),
        None => Outcome::Reported(Status::from_word(said).expect(said)),
    };
    Claim {
        provider_refund_no: Some("T1".parse().unwrap()),
        order_no: Some("P1".parse().unwrap()),
        provider_status: Some(said.to_owned()),
        money,
        retry_reopens: retry == "yes",
        ..Claim::of(
            Some(RefundNo::from("R1".parse::<ExternalId>().unwrap())),
            outcome,
        )
    }
}

fn callback(number: u128) -> CallbackId {
    CallbackId::new(Uuid::from_u128(number))
}

fn first(claim: &Claim) -> (Refund, Verdict) {
    let account = Account {
        provider: "test".to_owned(),
        name: "main".to_owned(),
    };
    Refund::first(RefundId::new(Uuid::nil()), account, claim, callback(1), NOW)
}

fn reasons(refund: &Refund) -> String {
    let words: Vec<_> = refund
        .attention
        .iter()
        .map(|open| open.reason.as_str())
        .collect();
    if words.is_empty() {
        "–".to_owned()
    } else {
        words.join(" ")
    }
}

#[test]
fn every_row_of_the_document_holds() {
    let table = rows("refund");
    assert!(table.len() > 40, "the table was found");
    for row in &table {
        let [known, said, money, retry, verdict, after, question] = row.as_slice() else {
            panic!("a row has seven cells: {row:?}");
        };
        let said = claim(said, money, retry);
        let (refund, got) = if known == "none" {
            first(&said)
        } else {
            let (mut refund, _) = first(&claim(known, "same", retry));
            let got = refund.apply(&said, callback(2), LATER);
            (refund, got)
        };
        assert_eq!(got.as_str(), verdict, "{row:?}");
        assert_eq!(refund.status.as_str(), after, "{row:?}");
        assert_eq!(reasons(&refund), *question, "{row:?}");
    }
}

#[test]
fn every_pair_of_statuses_is_in_the_table() {
    let table = rows("refund");
    for known in Status::ALL {
        for said in Status::ALL {
            let is_there = table
                .iter()
                .any(|row| row[0] == known.as_str() && row[1] == said.as_str());
            assert!(is_there, "{known:?} {said:?}");
        }
    }
}

#[test]
fn another_order_or_provider_number_is_a_conflict() {
    for known in ["pending", "succeeded", "failed"] {
        let mut said = claim(known, "same", "yes");
        said.order_no = Some("P2".parse().unwrap());
        let (mut refund, _) = first(&claim(known, "same", "yes"));
        assert_eq!(refund.apply(&said, callback(2), LATER), Verdict::Conflict);
        said.order_no = None;
        said.provider_refund_no = Some("T2".parse().unwrap());
        assert_eq!(refund.apply(&said, callback(3), LATER), Verdict::Conflict);
        assert_eq!(refund.attention.len(), 2);
    }
}

#[test]
fn a_move_answers_what_was_unclear_and_nothing_else() {
    let (mut refund, _) = first(&claim("unclear:invalid_content", "silent", "no"));
    refund.raise(Reason::OverRefund, callback(1), NOW);
    refund.apply(&claim("succeeded", "same", "no"), callback(2), LATER);
    assert_eq!(reasons(&refund), "over_refund");
    assert_eq!(refund.updated_at, LATER);
}

#[test]
fn open_questions_are_bounded() {
    let (mut refund, _) = first(&claim("succeeded", "same", "no"));
    for number in 0..100 {
        refund.apply(&claim("failed", "same", "no"), callback(number), LATER);
    }
    assert_eq!(refund.attention.len(), ATTENTION_MAX);
}
