//! Which claim a body makes, and what is left out of it.

use super::*;
use crate::domain::ids::ExternalId;

const PARAM: &str = include_str!("../../../tests/fixtures/paycools/param.json");

fn locale(currency: &str, minor_digits: u8, hours: i8) -> Locale {
    Locale {
        currency: currency.parse().unwrap(),
        minor_digits,
        utc_offset: Offset::constant(hours),
    }
}

fn read(text: &str) -> Claim {
    claim(
        &Object::parse(text.as_bytes()).unwrap(),
        locale("MYR", 2, 8),
    )
}

fn with(event: &str, status: &str) -> Claim {
    let text = PARAM.replace("payment.refund.success", event);
    read(&text.replace("COMPLETE", status))
}

#[test]
fn the_documented_sample_is_read_in_full() {
    let claim = read(PARAM);
    let text = |number: &Option<ExternalId>| number.as_ref().map(|n| n.as_str().to_owned());
    assert_eq!(
        claim.refund_no.as_ref().map(RefundNo::as_str),
        Some("18184914989277184")
    );
    assert_eq!(
        text(&claim.provider_refund_no).as_deref(),
        Some("1818491499290169344")
    );
    assert_eq!(
        text(&claim.order_no).as_deref(),
        Some("CU508022434763373688")
    );
    assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded));
    assert_eq!(
        claim.money.map(Money::amount_text).as_deref(),
        Some("100.00")
    );
    let finished_at = claim.finished_at.map(|moment| moment.to_string());
    assert_eq!(finished_at.as_deref(), Some("2024-07-31T03:38:55.000Z"));
    assert_eq!((claim.failure, claim.doubt), (None, None));
}

#[test]
fn the_account_says_unit_currency_and_offset() {
    let object = Object::parse(PARAM.as_bytes()).unwrap();
    let claim = claim(&object, locale("IDR", 0, 7));
    let money = claim.money.unwrap();
    assert_eq!(
        (money.amount_text().as_str(), money.currency.code()),
        ("10000.00", "IDR")
    );
    let finished_at = claim.finished_at.map(|moment| moment.to_string());
    assert_eq!(finished_at.as_deref(), Some("2024-07-31T04:38:55.000Z"));
}

#[test]
fn the_status_decides_and_the_event_may_only_agree() {
    use Outcome::{Reported, Unclear};
    let unknown = (Unclear(Reason::StatusUnknown), None);
    let failed = (Reported(Status::Failed), Some(Reason::Conflict));
    for (event, status, expected) in [
        (
            "payment.refund.success",
            "COMPLETED",
            (Reported(Status::Succeeded), None),
        ),
        (
            "payment.refund.success",
            "SUCCESS",
            (Reported(Status::Succeeded), None),
        ),
        (
            "payment.refund.failed",
            "FAILED",
            (Reported(Status::Failed), None),
        ),
        (
            "payment.refund.failed",
            "FAIL",
            (Reported(Status::Failed), None),
        ),
        (
            "payment.refund.cancel",
            "CANCEL",
            (Reported(Status::Canceled), None),
        ),
        (
            "payment.refund.cancel",
            "CANCELED",
            (Reported(Status::Canceled), None),
        ),
        (
            "payment.refund.cancel",
            "CANCELLED",
            (Reported(Status::Canceled), None),
        ),
        ("payment.refund.success", "FAILED", failed),
        ("payment.refund.failed", "COMPLETE", unknown),
        ("payment.refund.cancel", "COMPLETE", unknown),
        ("payment.refund.cancel", "FAILED", unknown),
        ("payment.refund.success", "CANCELED", unknown),
        ("payment.refund.success", "REVERSED", unknown),
        ("payment.refund.success", "complete", unknown),
        ("payment.refund.success", "PENDING", unknown),
        (
            "payment.refund.pending",
            "PENDING",
            (Reported(Status::Pending), None),
        ),
        (
            "payment.refund.processing",
            "PROCESSING",
            (Reported(Status::Pending), None),
        ),
    ] {
        let claim = with(event, status);
        assert_eq!((claim.outcome, claim.doubt), expected, "{event} {status}");
        assert_eq!(claim.provider_status.as_deref(), Some(status));
    }
}

#[test]
fn an_event_that_no_document_lists_raises_a_doubt_and_holds_nothing_up() {
    let doubted = |status| (Outcome::Reported(status), Some(Reason::StatusUnknown));
    let not_moved = (Outcome::Unclear(Reason::StatusUnknown), None);
    let failed = (Outcome::Reported(Status::Failed), Some(Reason::Conflict));
    for (event, status, expected) in [
        (
            "payment.refund.reversed",
            "COMPLETE",
            doubted(Status::Succeeded),
        ),
        (
            "payment.refund.succeeded",
            "COMPLETE",
            doubted(Status::Succeeded),
        ),
        (
            "Payment.Refund.SUCCESS",
            "COMPLETE",
            doubted(Status::Succeeded),
        ),
        ("payment.refund.failure", "FAILED", doubted(Status::Failed)),
        ("refund", "CANCEL", doubted(Status::Canceled)),
        // What says another outcome says it in any case.
        ("PAYMENT.REFUND.SUCCESS", "FAILED", failed),
        ("PAYMENT.REFUND.FAILED", "COMPLETE", not_moved),
        ("payment.refund.reversed", "REVERSED", not_moved),
    ] {
        let claim = with(event, status);
        assert_eq!((claim.outcome, claim.doubt), expected, "{event} {status}");
    }
}

#[test]
fn a_failure_is_told_in_either_json_type() {
    for members in [
        r#""failedCode":-10009,"failedMessage":"Channel Refund Failed""#,
        r#""failedCode":"-10009","failedMessage":"Channel Refund Failed""#,
    ] {
        let text = PARAM
            .replace("COMPLETE", "FAILED")
            .replace('{', &format!("{{{members},"));
        let failure = read(&text).failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("-10009"));
        assert_eq!(failure.message.as_deref(), Some("Channel Refund Failed"));
    }
    assert_eq!(with("payment.refund.failed", "FAILED").failure, None);
}

#[test]
fn what_the_outcome_does_not_need_is_left_out_and_named() {
    for (member, good, malformed) in [
        ("eventName", r#""payment.refund.success""#, "7"),
        ("mchRefundOrderId", r#""18184914989277184""#, r#"" a""#),
        ("refundTransactionId", r#""1818491499290169344""#, r#""""#),
        ("originalTransactionId", r#""CU508022434763373688""#, "[]"),
    ] {
        let good = format!(r#""{member}":{good}"#);
        assert!(PARAM.contains(&good), "{good}");
        for bad in [format!(r#""{member}":{malformed}"#), r#""x":1"#.to_owned()] {
            let claim = read(&PARAM.replace(&good, &bad));
            assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded), "{bad}");
            assert_eq!(claim.doubt, Some(Reason::InvalidContent), "{bad}");
            assert_eq!(claim.unreadable[0].member, member, "{bad}");
        }
    }
}

#[test]
fn a_success_needs_its_amount_and_each_outcome_its_status() {
    let with_amount = |token: &str| {
        let amount = format!(r#""refundAmount":{token}"#);
        PARAM.replace(r#""refundAmount":10000"#, &amount)
    };
    for amount in [
        "0", "-1", "1.5", "\"1e4\"", "\"\"", "\" 1\"", "true", "null",
    ] {
        let text = with_amount(amount);
        let held = read(&text);
        assert_eq!(
            held.outcome,
            Outcome::Unclear(Reason::InvalidContent),
            "{amount}"
        );
        assert_eq!(held.unreadable[0].member, "refundAmount", "{amount}");
        let failed = text
            .replace("refund.success", "refund.failed")
            .replace("COMPLETE", "FAILED");
        assert_eq!(
            read(&failed).outcome,
            Outcome::Reported(Status::Failed),
            "{amount}"
        );
    }
    for amount in ["\"10000\"", "1.0E4", "10000.000", "\"0010000.00\""] {
        assert_eq!(
            read(&with_amount(amount)).money,
            read(PARAM).money,
            "{amount}"
        );
    }
    for status in [r#""refundStatus":"""#, r#""refundStatus":1"#, r#""x":1"#] {
        let claim = read(&PARAM.replace(r#""refundStatus":"COMPLETE""#, status));
        assert_eq!(
            claim.outcome,
            Outcome::Unclear(Reason::InvalidContent),
            "{status}"
        );
        assert_eq!(claim.unreadable[0].member, "refundStatus", "{status}");
    }
}

#[test]
fn an_event_about_something_else_is_known_by_its_name() {
    let is_else = |event: &str| {
        let text = format!(r#"{{"eventName":{event},"refundStatus":"COMPLETE"}}"#);
        is_about_something_else(&Object::parse(text.as_bytes()).unwrap())
    };
    for event in [r#""payment.success""#, r#""payout.failed""#] {
        assert!(is_else(event), "{event}");
    }
    for event in [
        r#""payment.refund.new""#,
        r#""REFUND.success""#,
        r#""""#,
        "null",
        "7",
    ] {
        assert!(!is_else(event), "{event}");
    }
}

#[test]
fn odd_times_are_left_out() {
    for (text, shown) in [
        ("2024-07-31 11:38:55", Some("2024-07-31T03:38:55.000Z")),
        (
            "2024-07-19T14:14:47+08:00",
            Some("2024-07-19T06:14:47.000Z"),
        ),
        ("2024-07-31", None),
        ("24-07-31 11:38:5500", None),
        ("2026-02-30 00:00:00", None),
        ("31/07/2024 11:38:55", None),
        ("", None),
    ] {
        let read = time(text, Offset::constant(8)).map(|moment| moment.to_string());
        assert_eq!(read.as_deref(), shown, "{text}");
    }
}
