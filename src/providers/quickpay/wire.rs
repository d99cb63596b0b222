//! `QuickPay`'s JSON, read into claims. Amounts are whole fen, enumerations are words of an open
//! set. The number that the merchant gave the refund stays the same when it is tried again after a
//! failure, so a failure here may still turn into a success.

use crate::domain::claim::flaw::{Flaw, Unreadable};
use crate::domain::claim::{Claim, Failure, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::ExternalId;
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::time::Timestamp;
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::{Members, NumberRule, failure, shown};

/// The one `code` that is documented.
const CODE_SUCCESS: &str = "SUCCESS";
/// Digits behind the point that fen make of a yuan.
const FEN_DIGITS: u8 = 2;

/// Reads the reply about the refund that the relay names.
pub(super) fn claim(refund_no: &ExternalId, reply: &Object<'_>) -> Claim {
    let data = match reply.get("data") {
        Value::Null => "{}",
        Value::Nested(text) => text,
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
            return unusable(refund_no, "data", Flaw::NotObject);
        }
    };
    let Ok(data) = Object::parse(data.as_bytes()) else {
        return unusable(refund_no, "data", Flaw::NotObject);
    };
    // The signature does not cover the path, so a number in the reply must be the same.
    match data.get("refund_order_no") {
        Value::Null => {}
        named => match named.text_or_digits() {
            Some("") => {}
            Some(named) if named == refund_no.as_str() => {}
            // The reply is about another refund; nothing in it may stick to this one.
            _ => return unusable(refund_no, "data.refund_order_no", Flaw::OtherRefund),
        },
    }
    claim_of(refund_no, reply, &data)
}

fn claim_of(refund_no: &ExternalId, reply: &Object<'_>, data: &Object<'_>) -> Claim {
    let mut members = Members::of(data, "data.");
    let status = data.get("transaction_status");
    let is_accepted = reply.get("code").text() == Some(CODE_SUCCESS);
    let outcome = outcome(status.text(), is_accepted);
    let is_final = matches!(outcome, Outcome::Reported(status) if status.is_final());
    let has_succeeded = outcome == Outcome::Reported(Status::Succeeded);
    let money = money(&mut members, has_succeeded);
    let order_no = members.number("order_no", NumberRule::OPTIONAL);
    let provider_refund_no = members.number(
        "refund_transaction_no",
        NumberRule::OPTIONAL.of_any_length(),
    );
    let claim = Claim {
        // A second try may get a number of its own, so only the try that succeeded names one.
        provider_refund_no: provider_refund_no.filter(|_| has_succeeded),
        order_no,
        provider_status: shown(&status),
        money,
        failure: (outcome == Outcome::Reported(Status::Failed))
            .then(|| why(reply, data))
            .flatten(),
        finished_at: data
            .get("refund_transaction_time")
            .text()
            .and_then(|text| text.parse::<Timestamp>().ok())
            .filter(|_| is_final),
        retry_reopens: true,
        ..Claim::of(Some(RefundNo::from(refund_no.clone())), outcome)
    };
    members.judged(claim)
}

/// Success needs both words; a failure is accepted whatever the call's own `code` is.
fn outcome(status: Option<&str>, is_accepted: bool) -> Outcome {
    match (status, is_accepted) {
        (Some("REFUNDED"), true) => Outcome::Reported(Status::Succeeded),
        (Some("REFUNDFAILED"), _) => Outcome::Reported(Status::Failed),
        (_, false) => Outcome::Unclear(Reason::OutcomeUnknown),
        (Some("CREATE" | "PAYING" | "UNKNOWN"), true) => Outcome::Reported(Status::Pending),
        // SUCCESSED and FAILED among them: they are states of the payment.
        (_, true) => Outcome::Unclear(Reason::StatusUnknown),
    }
}

/// A claim that only says that a person has to look.
fn unusable(refund_no: &ExternalId, member: &str, flaw: Flaw) -> Claim {
    let why = Unreadable::new(member, flaw);
    Claim {
        retry_reopens: true,
        ..Claim::unreadable(Some(RefundNo::from(refund_no.clone())), why)
    }
}

/// Whole fen; more than nothing.
fn money(members: &mut Members<'_, '_>, is_needed: bool) -> Option<Money> {
    let amount = members.amount("refund_amount", is_needed, |text, spelling| {
        Amount::read_minor(text, spelling, FEN_DIGITS)
    })?;
    let currency = Currency::CNY;
    Some(Money { amount, currency })
}

/// What `data` says, or else the envelope.
fn why(reply: &Object<'_>, data: &Object<'_>) -> Option<Failure> {
    let code = shown(&reply.get("code")).filter(|code| code != CODE_SUCCESS);
    failure(
        shown(&data.get("error")).or(code),
        shown(&data.get("transaction_message")).or_else(|| shown(&reply.get("msg"))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUNDED: &str = include_str!("../../../tests/fixtures/quickpay/refunded.json");

    fn read(text: &str) -> Claim {
        let refund_no = "T01-S02-0003".parse().unwrap();
        claim(&refund_no, &Object::parse(text.as_bytes()).unwrap())
    }

    fn with(code: &str, status: &str) -> Outcome {
        let text = REFUNDED.replace(r#""code":"SUCCESS""#, &format!(r#""code":{code}"#));
        read(&text.replace(r#""REFUNDED""#, status)).outcome
    }

    #[test]
    fn a_refunded_reply_is_read_in_full() {
        let claim = read(REFUNDED);
        let text = |number: &Option<ExternalId>| number.as_ref().map(|n| n.as_str().to_owned());
        assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(
            claim.refund_no.as_ref().map(RefundNo::as_str),
            Some("T01-S02-0003")
        );
        assert_eq!(text(&claim.order_no).as_deref(), Some("T01-S02-0001"));
        assert_eq!(
            text(&claim.provider_refund_no).as_deref(),
            Some("50000000382019052709732678859")
        );
        let money = claim.money.unwrap();
        assert_eq!(
            (money.amount_text().as_str(), money.currency),
            ("12.34", Currency::CNY)
        );
        assert_eq!(claim.provider_status.as_deref(), Some("REFUNDED"));
        assert!(claim.retry_reopens);
        assert_eq!(
            (claim.failure, claim.doubt, claim.finished_at),
            (None, None, None)
        );
    }

    #[test]
    fn code_and_status_together_decide() {
        use Outcome::{Reported, Unclear};
        let status_unknown = Unclear(Reason::StatusUnknown);
        let outcome_unknown = Unclear(Reason::OutcomeUnknown);
        for (code, status, expected) in [
            (r#""SUCCESS""#, r#""REFUNDED""#, Reported(Status::Succeeded)),
            (
                r#""SUCCESS""#,
                r#""REFUNDFAILED""#,
                Reported(Status::Failed),
            ),
            (r#""SUCCESS""#, r#""CREATE""#, Reported(Status::Pending)),
            (r#""SUCCESS""#, r#""PAYING""#, Reported(Status::Pending)),
            (r#""SUCCESS""#, r#""UNKNOWN""#, Reported(Status::Pending)),
            (r#""SUCCESS""#, r#""SUCCESSED""#, status_unknown),
            (r#""SUCCESS""#, r#""FAILED""#, status_unknown),
            (r#""SUCCESS""#, r#""refunded""#, status_unknown),
            (r#""SUCCESS""#, "null", status_unknown),
            (r#""SUCCESS""#, "1", status_unknown),
            (r#""FAIL""#, r#""REFUNDFAILED""#, Reported(Status::Failed)),
            (r#""FAIL""#, r#""REFUNDED""#, outcome_unknown),
            (r#""FAIL""#, r#""PAYING""#, outcome_unknown),
            (r#""FAIL""#, "null", outcome_unknown),
            ("null", r#""CREATE""#, outcome_unknown),
        ] {
            assert_eq!(with(code, status), expected, "{code} {status}");
        }
    }

    #[test]
    fn replies_without_data_leave_the_outcome_open() {
        for (text, expected) in [
            ("{}", Reason::OutcomeUnknown),
            (
                r#"{"Message":"An error has occurred."}"#,
                Reason::OutcomeUnknown,
            ),
            (
                r#"{"code":"SYSTEMERROR","msg":"x","data":null}"#,
                Reason::OutcomeUnknown,
            ),
            (r#"{"code":"SUCCESS","data":null}"#, Reason::StatusUnknown),
            (r#"{"code":"SUCCESS","data":{}}"#, Reason::StatusUnknown),
            (r#"{"code":"SUCCESS","data":[]}"#, Reason::InvalidContent),
            (
                r#"{"code":"SUCCESS","data":"REFUNDED"}"#,
                Reason::InvalidContent,
            ),
        ] {
            let claim = read(text);
            assert_eq!(claim.outcome, Outcome::Unclear(expected), "{text}");
            assert_eq!(
                claim.refund_no.as_ref().map(RefundNo::as_str),
                Some("T01-S02-0003")
            );
        }
    }

    #[test]
    fn a_reply_about_another_refund_leaves_no_trace_on_this_one() {
        let this = "T01-S02-0003".parse().unwrap();
        let expected = unusable(&this, "data.refund_order_no", Flaw::OtherRefund);
        for other in [
            r#""T01-S02-0004""#,
            r#""a b""#,
            r#""T01-S02-0003 ""#,
            "{}",
            "true",
        ] {
            let claim = read(&REFUNDED.replace(r#""T01-S02-0003""#, other));
            assert_eq!(claim, expected, "{other}");
        }
    }

    #[test]
    fn only_a_success_needs_its_amount() {
        let with = |amount: &str| {
            let amount = format!(r#""refund_amount":{amount}"#);
            REFUNDED.replace(r#""refund_amount":1234"#, &amount)
        };
        for (amount, is_noted) in [
            ("null", false),
            ("0", false),
            ("\"\"", false),
            ("-1", true),
            ("12.34", true),
            ("true", true),
        ] {
            let held = read(&with(amount));
            assert_eq!(
                held.outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{amount}"
            );
            assert_eq!(held.unreadable[0].member, "data.refund_amount", "{amount}");
            for (word, status) in [
                ("PAYING", Status::Pending),
                ("REFUNDFAILED", Status::Failed),
            ] {
                let claim = read(&with(amount).replace("REFUNDED", word));
                assert_eq!(claim.outcome, Outcome::Reported(status), "{amount}");
                assert_eq!(claim.money, None);
                assert_eq!(!claim.unreadable.is_empty(), is_noted, "{amount}");
            }
        }
        assert_eq!(read(&with("1.234e3")), read(REFUNDED));
    }

    #[test]
    fn a_number_that_cannot_be_used_is_left_out_and_one_that_is_missing_is_not_missed() {
        for member in ["order_no", "refund_order_no", "refund_transaction_no"] {
            let missing = read(&REFUNDED.replace(&format!(r#""{member}""#), r#""x""#));
            assert_eq!(missing.outcome, Outcome::Reported(Status::Succeeded));
            assert_eq!(missing.unreadable, [], "{member}");
        }
        for member in ["order_no", "refund_transaction_no"] {
            let text = REFUNDED.replace(&format!(r#""{member}":""#), &format!(r#""{member}":" "#));
            let claim = read(&text);
            assert_eq!(
                claim.outcome,
                Outcome::Reported(Status::Succeeded),
                "{member}"
            );
            assert_eq!(claim.doubt, Some(Reason::InvalidContent), "{member}");
            let why = Unreadable::new(format!("data.{member}"), Flaw::OuterSpace);
            assert_eq!(claim.unreadable, [why]);
        }
    }

    #[test]
    fn a_failure_says_why_and_keeps_no_number_of_its_try() {
        let claim = read(include_str!(
            "../../../tests/fixtures/quickpay/refundfailed.json"
        ));
        assert_eq!(claim.outcome, Outcome::Reported(Status::Failed));
        let failure = claim.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("NOTENOUGH"));
        assert_eq!(failure.message.as_deref(), Some("余额不足"));
        assert_eq!(claim.provider_refund_no, None);
    }
}
