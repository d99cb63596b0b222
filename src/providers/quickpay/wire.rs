//! `QuickPay`'s JSON, read into claims. Amounts are whole fen, enumerations are words of an open
//! set. The number that the merchant gave the refund stays the same when it is tried again after a
//! failure, so a failure here may still turn into a success.

use super::super::json::{Object, Value};
use super::super::member::{failure, optional_number, shown};
use crate::domain::claim::{Claim, Failure, Outcome, Reason, RefundNo, Status};
use crate::domain::clock::Moment;
use crate::domain::ids::Number;
use crate::domain::money::{Amount, Currency, Money};

/// The one `code` that is documented.
const CODE_SUCCESS: &str = "SUCCESS";
/// Digits behind the point that fen make of a yuan.
const FEN_DIGITS: u8 = 2;

/// Reads the reply about the refund that the relay names.
pub(super) fn claim(refund_no: &Number, reply: &Object<'_>) -> Claim {
    let data = match reply.get("data") {
        Value::Null => "{}",
        Value::Nested(text) => text,
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => return unusable(refund_no),
    };
    let Ok(data) = Object::parse(data.as_bytes()) else {
        return unusable(refund_no);
    };
    let named = optional_number(&data.get("refund_order_no"));
    if named.is_ok_and(|named| named.is_none_or(|named| named == *refund_no)) {
        claim_of(refund_no, reply, &data)
    } else {
        // The reply is about another refund; nothing in it may stick to this one.
        unusable(refund_no)
    }
}

fn claim_of(refund_no: &Number, reply: &Object<'_>, data: &Object<'_>) -> Claim {
    let status = data.get("transaction_status");
    let is_accepted = reply.get("code").text() == Some(CODE_SUCCESS);
    let said = outcome(status.text(), is_accepted);
    let money = money(&data.get("refund_amount"));
    let order_no = optional_number(&data.get("order_no"));
    let provider_refund_no = optional_number(&data.get("refund_transaction_no"));
    let has_succeeded = said == Outcome::Reported(Status::Succeeded);
    let complete =
        order_no.is_ok() && provider_refund_no.is_ok() && (money.is_some() || !has_succeeded);
    let is_final = matches!(said, Outcome::Reported(status) if status.is_final());
    Claim {
        // A second try may get a number of its own, so only the try that succeeded names one.
        provider_refund_no: provider_refund_no.ok().flatten().filter(|_| has_succeeded),
        order_no: order_no.ok().flatten(),
        outcome: if complete {
            said
        } else {
            Outcome::Unclear(Reason::InvalidContent)
        },
        provider_status: shown(&status),
        money,
        failure: (complete && said == Outcome::Reported(Status::Failed))
            .then(|| why(reply, data))
            .flatten(),
        finished_at: data
            .get("refund_transaction_time")
            .text()
            .and_then(|text| text.parse::<Moment>().ok())
            .filter(|_| is_final),
        ..unusable(refund_no)
    }
}

/// Success needs both words; a failure is believed whatever the call's own `code` is.
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

/// A claim that only says that somebody has to look.
fn unusable(refund_no: &Number) -> Claim {
    Claim {
        retry_reopens: true,
        ..Claim::unreadable(Some(RefundNo::from(refund_no.clone())))
    }
}

/// Whole fen; more than nothing.
fn money(amount: &Value<'_>) -> Option<Money> {
    let amount = Amount::parse_minor(amount.text_or_digits()?, FEN_DIGITS).ok()?;
    (!amount.is_zero()).then_some(Money {
        amount,
        currency: Currency::CNY,
    })
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
        let text = |number: &Option<Number>| number.as_ref().map(|n| n.as_str().to_owned());
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
        for other in [r#""T01-S02-0004""#, r#""a b""#, "{}"] {
            let claim = read(&REFUNDED.replace(r#""T01-S02-0003""#, other));
            assert_eq!(claim, unusable(&"T01-S02-0003".parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn only_a_success_needs_its_amount() {
        for amount in ["null", "0", "-1", "12.34", "1e3", "\"\"", "true"] {
            let text = REFUNDED.replace(
                r#""refund_amount":1234"#,
                &format!(r#""refund_amount":{amount}"#),
            );
            assert_eq!(
                read(&text).outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{amount}"
            );
            let paying = read(&text.replace("REFUNDED", "PAYING"));
            assert_eq!(
                paying.outcome,
                Outcome::Reported(Status::Pending),
                "{amount}"
            );
            assert_eq!(paying.money, None);
        }
    }

    #[test]
    fn numbers_may_be_missing_but_not_malformed() {
        for member in ["order_no", "refund_order_no", "refund_transaction_no"] {
            let missing = read(&REFUNDED.replace(&format!(r#""{member}""#), r#""x""#));
            assert_eq!(
                missing.outcome,
                Outcome::Reported(Status::Succeeded),
                "{member}"
            );
            let text = REFUNDED.replace(&format!(r#""{member}":""#), &format!(r#""{member}":"/ "#));
            assert_eq!(
                read(&text).outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{member}"
            );
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
