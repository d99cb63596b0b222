//! `PayCools`' JSON, read into claims; the members are the same in both forms. What is missing or
//! malformed inside an authentic body never refuses it: the claim becomes unclear, and a person
//! looks at it.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::super::json::{Object, Value};
use super::super::member::{failure, number, shown};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::clock::Moment;
use crate::domain::money::{Amount, Currency, Money};

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

/// Reads the members of `param` or of a flat body.
pub(super) fn claim(content: &Object<'_>, locale: Locale) -> Claim {
    let status = content.get("refundStatus");
    let refund_no = number(&content.get("mchRefundOrderId"));
    let provider_refund_no = number(&content.get("refundTransactionId"));
    let order_no = number(&content.get("originalTransactionId"));
    let money = money(&content.get("refundAmount"), locale);
    let complete = refund_no.is_some()
        && provider_refund_no.is_some()
        && order_no.is_some()
        && money.is_some();
    let (outcome, doubt) = status
        .text()
        .filter(|text| complete && !text.is_empty())
        .zip(Event::of(&content.get("eventName")))
        .map_or(
            (Outcome::Unclear(Reason::InvalidContent), None),
            |(word, event)| judge(status_of(word), event),
        );
    Claim {
        refund_no: refund_no.map(RefundNo::from),
        provider_refund_no,
        order_no,
        outcome,
        provider_status: shown(&status),
        money,
        failure: match outcome {
            Outcome::Reported(Status::Failed) => failure(
                shown(&content.get("failedCode")),
                shown(&content.get("failedMessage")),
            ),
            Outcome::Reported(_) | Outcome::Unclear(_) => None,
        },
        finished_at: match outcome {
            Outcome::Reported(status) if status.is_final() => content
                .get("refundReturnTime")
                .text()
                .and_then(|text| time(text, locale.utc_offset)),
            Outcome::Reported(_) | Outcome::Unclear(_) => None,
        },
        doubt,
        retry_reopens: false,
        close_out: None,
    }
}

/// What `eventName` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    /// One of the three documented events.
    Refund(Status),
    /// An event about refunds that no document lists.
    Unlisted,
}

impl Event {
    /// `None` where there is no event, or one about something else than refunds.
    fn of(value: &Value<'_>) -> Option<Self> {
        match value.text()?.strip_prefix("payment.refund.")? {
            "success" => Some(Self::Refund(Status::Succeeded)),
            "failed" => Some(Self::Refund(Status::Failed)),
            "cancel" => Some(Self::Refund(Status::Canceled)),
            _ => Some(Self::Unlisted),
        }
    }
}

/// The documents list `PENDING`, `COMPLETE` and `FAILED`, and hint at a cancelled state without
/// spelling it; the other words are those that `PayCools` uses elsewhere for the same.
fn status_of(word: &str) -> Option<Status> {
    match word {
        "COMPLETE" | "COMPLETED" | "SUCCESS" => Some(Status::Succeeded),
        "FAILED" | "FAIL" => Some(Status::Failed),
        "CANCEL" | "CANCELED" | "CANCELLED" => Some(Status::Canceled),
        "PENDING" | "PROCESSING" => Some(Status::Pending),
        _ => None,
    }
}

/// The status decides. The documents' own sample of a failed refund carries the event of a
/// successful one, so that contradiction is believed, with a doubt; any other is not acted upon.
/// No listed event goes with a pending refund, so an unlisted one does.
fn judge(status: Option<Status>, event: Event) -> (Outcome, Option<Reason>) {
    match (status, event) {
        (Some(status), Event::Refund(said)) if status == said => (Outcome::Reported(status), None),
        (Some(Status::Failed), Event::Refund(Status::Succeeded)) => {
            (Outcome::Reported(Status::Failed), Some(Reason::Conflict))
        }
        (Some(Status::Pending), Event::Unlisted) => (Outcome::Reported(Status::Pending), None),
        _ => (Outcome::Unclear(Reason::StatusUnknown), None),
    }
}

/// A whole number of the account's smallest unit; more than nothing.
fn money(amount: &Value<'_>, locale: Locale) -> Option<Money> {
    let amount = Amount::parse_minor(amount.text_or_digits()?, locale.minor_digits).ok()?;
    (!amount.is_zero()).then_some(Money {
        amount,
        currency: locale.currency,
    })
}

/// RFC 3339, or `yyyy-MM-dd HH:mm:ss` at the account's offset. Any other spelling is left out: a
/// time never decides anything.
fn time(text: &str, offset: Offset) -> Option<Moment> {
    text.parse().ok().or_else(|| {
        let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
        (text.len() == "yyyy-MM-dd HH:mm:ss".len())
            .then(|| offset.to_timestamp(civil).ok())
            .flatten()
            .map(Moment::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Number;

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
        let text = |number: &Option<Number>| number.as_ref().map(|n| n.as_str().to_owned());
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
            ("payment.refund.reversed", "COMPLETE", unknown),
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
    fn a_missing_or_malformed_member_makes_the_claim_unclear() {
        for (member, malformed) in [
            (
                r#""eventName":"payment.refund.success""#,
                r#""eventName":"payment.success""#,
            ),
            (
                r#""mchRefundOrderId":"18184914989277184""#,
                r#""mchRefundOrderId":"a b""#,
            ),
            (
                r#""refundTransactionId":"1818491499290169344""#,
                r#""refundTransactionId":"""#,
            ),
            (
                r#""originalTransactionId":"CU508022434763373688""#,
                r#""originalTransactionId":[]"#,
            ),
            (r#""refundAmount":10000"#, r#""refundAmount":"1e4""#),
            (r#""refundStatus":"COMPLETE""#, r#""refundStatus":"""#),
        ] {
            assert!(PARAM.contains(member), "{member}");
            for bad in [malformed, r#""x":1"#] {
                let claim = read(&PARAM.replace(member, bad));
                assert_eq!(
                    claim.outcome,
                    Outcome::Unclear(Reason::InvalidContent),
                    "{bad}"
                );
            }
        }
        for amount in ["0", "-1", "10000.00", "1e4", "\"\"", "\" 1\"", "true"] {
            let text = PARAM.replace(
                r#""refundAmount":10000"#,
                &format!(r#""refundAmount":{amount}"#),
            );
            assert_eq!(
                read(&text).outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{amount}"
            );
        }
        let quoted = PARAM.replace(r#""refundAmount":10000"#, r#""refundAmount":"10000""#);
        assert_eq!(read(&quoted).money, read(PARAM).money);
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
