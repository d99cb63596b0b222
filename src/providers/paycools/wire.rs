//! `PayCools`' JSON, read into claims; the members are the same in both forms. What is missing or malformed
//! inside an authentic body never rejects it: it is left out, with a question, and only an outcome that needs
//! it waits for a person.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::flaw::{Flaw, Unreadable};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::time::Timestamp;
use crate::providers::json::Object;
use crate::providers::member::{Members, NumberRule, failure, shown};
use crate::providers::{Member, Shape};

/// Both forms, for `openapi.json`.
pub(super) const SHAPES: &[Shape] = &[
    Shape {
        name: "PaycoolsOpenApi",
        title: "PayCools, open-api",
        required: &["param", "sign"],
        members: &[("param", Member::Text), ("sign", Member::Text)],
        example: None,
    },
    Shape {
        name: "PaycoolsFlat",
        title: "PayCools, flat",
        required: &["eventName", "sign"],
        members: &[("eventName", Member::Text), ("sign", Member::Text)],
        example: None,
    },
];

/// What callbacks leave out, because it is the same for all of an account.
#[derive(Clone, Copy, Debug)]
pub struct Locale {
    /// Of every amount.
    pub currency: Currency,
    /// Decimals of the unit that amounts count: 2 for cents, 0 for whole rupiah.
    pub minor_digits: u8,
    /// Of every time.
    pub utc_offset: Offset,
}

/// The member with the merchant's number of the refund.
pub(super) const REFUND_NO: &str = "mchRefundOrderId";

/// Whether its `eventName` tells of something else than a refund; every callback of a URL is told apart by
/// it.
pub(super) fn is_about_something_else(content: &Object<'_>) -> bool {
    let event = content.get("eventName");
    event.text().is_some_and(|event| {
        let is_named = !event.is_empty();
        is_named && !event.to_ascii_lowercase().contains("refund")
    })
}

/// The claim of members that could be others: which refund they are about, and nothing else that might stick
/// to it.
pub(super) fn doubtful_claim(content: &Object<'_>, member: &str) -> Claim {
    let number = Members::of(content, "").number(REFUND_NO, NumberRule::TEXT_OR_DIGITS);
    let why = Unreadable::new(member, Flaw::Ambiguous);
    Claim::unreadable(number.map(RefundNo::from), why)
}

/// Reads the members of `param` or of a flat body.
pub(super) fn claim(content: &Object<'_>, locale: Locale) -> Claim {
    let mut members = Members::of(content, "");
    let event = members.word("eventName").map(|event| Event::of(&event));
    let (outcome, doubt) = match members.word("refundStatus") {
        None => (Outcome::Unclear(Reason::InvalidContent), None),
        Some(word) => judge(status_of(&word), event),
    };
    let refund_no = members.number(REFUND_NO, NumberRule::TEXT_OR_DIGITS);
    let unlimited = NumberRule::TEXT_OR_DIGITS.of_any_length();
    let is_final = matches!(outcome, Outcome::Reported(status) if status.is_final());
    let returned = content.get("refundReturnTime");
    let claim = Claim {
        provider_refund_no: members.number("refundTransactionId", unlimited),
        order_no: members.number("originalTransactionId", NumberRule::TEXT_OR_DIGITS),
        provider_status: shown(&content.get("refundStatus")),
        money: money(&mut members, locale),
        failure: match outcome {
            Outcome::Reported(Status::Failed) => failure(
                shown(&content.get("failedCode")),
                shown(&content.get("failedMessage")),
            ),
            Outcome::Reported(_) | Outcome::Unclear(_) => None,
        },
        finished_at: returned
            .text()
            .filter(|_| is_final)
            .and_then(|text| time(text, locale.utc_offset)),
        doubt,
        ..Claim::of(refund_no.map(RefundNo::from), outcome)
    };
    members.judged(claim)
}

/// What `eventName` says.
#[derive(Clone, Copy)]
struct Event {
    /// The status of a documented event, in either case; `None` for an event that no document lists.
    said: Option<Status>,
    /// Whether it is spelled as in the documents.
    is_documented: bool,
}

impl Event {
    fn of(event: &str) -> Self {
        let lower = event.to_ascii_lowercase();
        let said = match lower.strip_prefix("payment.refund.") {
            Some("success") => Some(Status::Succeeded),
            Some("failed") => Some(Status::Failed),
            Some("cancel") => Some(Status::Canceled),
            Some(_) | None => None,
        };
        Self {
            said,
            is_documented: said.is_some() && lower == event,
        }
    }
}

/// The documents list `PENDING`, `COMPLETE` and `FAILED`, and hint at a cancelled state without
/// spelling it; the other words are those that `PayCools` uses elsewhere for the same.
pub(super) fn status_of(word: &str) -> Option<Status> {
    match word {
        "COMPLETE" | "COMPLETED" | "SUCCESS" => Some(Status::Succeeded),
        "FAILED" | "FAIL" => Some(Status::Failed),
        "CANCEL" | "CANCELED" | "CANCELLED" => Some(Status::Canceled),
        "PENDING" | "PROCESSING" => Some(Status::Pending),
        _ => None,
    }
}

/// The status decides. The documents' own sample of a failed refund carries the event of a successful one, so
/// that contradiction is accepted, with a doubt; any other is not acted upon. An event that no document lists
/// contradicts nothing: it raises a doubt. No listed event goes with a pending refund, so an unlisted one raises
/// none there; without an event that can be read the status is alone.
fn judge(status: Option<Status>, event: Option<Event>) -> (Outcome, Option<Reason>) {
    const NOT_MOVED: (Outcome, Option<Reason>) = (Outcome::Unclear(Reason::StatusUnknown), None);
    let Some(status) = status else {
        return NOT_MOVED;
    };
    let is_doubtful = event.is_some_and(|event| !event.is_documented);
    let doubt = (is_doubtful && status != Status::Pending).then_some(Reason::StatusUnknown);
    match event.and_then(|event| event.said) {
        Some(Status::Succeeded) if status == Status::Failed => {
            (Outcome::Reported(status), Some(Reason::Conflict))
        }
        Some(said) if said != status => NOT_MOVED,
        Some(_) | None => (Outcome::Reported(status), doubt),
    }
}

/// A whole number of the account's smallest unit; more than nothing.
fn money(members: &mut Members<'_, '_>, locale: Locale) -> Option<Money> {
    let amount = members.amount("refundAmount", true, |text, spelling| {
        Amount::read_minor(text, spelling, locale.minor_digits)
    })?;
    Some(Money {
        amount,
        currency: locale.currency,
    })
}

/// RFC 3339, or `yyyy-MM-dd HH:mm:ss` at the account's offset. Any other spelling is left out: a
/// time never decides anything.
pub(super) fn time(text: &str, offset: Offset) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
        (text.len() == "yyyy-MM-dd HH:mm:ss".len())
            .then(|| offset.to_timestamp(civil).ok())
            .flatten()
            .map(Timestamp::from)
    })
}

#[cfg(test)]
mod tests {
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
}
