//! PayerMax's JSON, read into claims. What is missing or malformed inside an authentic body never
//! refuses it: the claim becomes unclear, and a person looks at it.
//!
//! Sources: `RefundResultNotifyUrl` (new), `delSuffixStart9` (v2.1).

use super::super::json::{Object, Value};
use super::super::member::{failure, shown};
use super::super::text::printable;
use crate::domain::claim::{Claim, Failure, Outcome, Reason, RefundNo, Status};
use crate::domain::clock::Moment;
use crate::domain::ids::Number;
use crate::domain::money::{Amount, Money};

/// The only `notifyType` that is about refunds.
const NOTIFY_TYPE: &str = "REFUND";

/// Whether it has the shape of the new generation.
pub(super) fn is_new(body: &Object<'_>) -> bool {
    body.get("notifyType").text() == Some(NOTIFY_TYPE)
        && matches!(body.get("data"), Value::Nested(text) if text.starts_with('{'))
}

/// Whether it has the shape of v2.1.
pub(super) fn is_v21(body: &Object<'_>) -> bool {
    let members = ["merchantId", "refundId", "status"];
    members.iter().all(|name| body.contains(name)) && !body.contains("notifyType")
}

/// Reads `data`. `code` is never asked: a failed refund may carry any code, and the documents say
/// that results must not be drawn from it.
pub(super) fn claim_of_new(body: &Object<'_>) -> Claim {
    let data = match body.get("data") {
        Value::Nested(text) => Object::parse(text.as_bytes()).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
    };
    let Some(data) = data else {
        // A body whose `data` is no object cannot get here; a claim that says nothing is the safe answer.
        return Claim::unreadable(None);
    };
    let status = data.get("status");
    let outcome = match status.text() {
        Some("REFUND_SUCCESS") => Some(Outcome::Reported(Status::Succeeded)),
        Some("REFUND_FAILED") => Some(Outcome::Reported(Status::Failed)),
        Some("REFUND_PENDING") => Some(Outcome::Reported(Status::Pending)),
        Some(_) => Some(Outcome::Unclear(Reason::StatusUnknown)),
        None => None,
    };
    let provider_refund_no = number(&data.get("refundTradeNo"));
    Fields {
        refund_no: number(&data.get("outRefundNo")),
        order_no: number(&data.get("outTradeNo")),
        provider_refund_no: provider_refund_no.clone(),
        others_are_valid: provider_refund_no.is_some(),
        outcome,
        provider_status: status.text_or_digits().map(printable),
        money: money(&data.get("refundAmount"), &data.get("refundCurrency")),
        failure: failure(shown(&body.get("code")), shown(&body.get("msg"))),
        finished_at: data.get("refundFinishTime").text().and_then(time),
    }
    .into_claim()
}

/// Reads the flat body. `tradeNo` is the number of the payment, not of the refund, so v2.1 gives no
/// provider's number of the refund.
pub(super) fn claim_of_v21(body: &Object<'_>) -> Claim {
    let status = body.get("status");
    let outcome = match status.text_or_digits() {
        Some("1") => Some(Outcome::Reported(Status::Succeeded)),
        Some("2") => Some(Outcome::Reported(Status::Failed)),
        Some("0") => Some(Outcome::Reported(Status::Pending)),
        Some(_) => Some(Outcome::Unclear(Reason::StatusUnknown)),
        None => None,
    };
    Fields {
        refund_no: number(&body.get("refundId")),
        order_no: number(&body.get("orderId")),
        provider_refund_no: None,
        others_are_valid: true,
        outcome,
        provider_status: status.text_or_digits().map(printable),
        money: money(&body.get("refundAmount"), &body.get("currency")),
        failure: failure(shown(&body.get("errorCode")), shown(&body.get("errorMsg"))),
        finished_at: None,
    }
    .into_claim()
}

/// Members of either generation, each `None` where missing or malformed.
struct Fields {
    refund_no: Option<Number>,
    order_no: Option<Number>,
    provider_refund_no: Option<Number>,
    others_are_valid: bool,
    outcome: Option<Outcome>,
    provider_status: Option<String>,
    money: Option<Money>,
    failure: Option<Failure>,
    finished_at: Option<Moment>,
}

impl Fields {
    /// Every documented member is needed; one missing makes the whole claim unclear.
    fn into_claim(self) -> Claim {
        let complete = self.refund_no.is_some()
            && self.order_no.is_some()
            && self.money.is_some()
            && self.others_are_valid;
        let outcome = self
            .outcome
            .filter(|_| complete)
            .unwrap_or(Outcome::Unclear(Reason::InvalidContent));
        Claim {
            refund_no: self.refund_no.map(RefundNo::from),
            provider_refund_no: self.provider_refund_no,
            order_no: self.order_no,
            outcome,
            provider_status: self.provider_status,
            money: self.money,
            failure: match outcome {
                Outcome::Reported(Status::Failed) => self.failure,
                Outcome::Reported(_) | Outcome::Unclear(_) => None,
            },
            finished_at: self.finished_at,
            doubt: None,
            retry_reopens: false,
            close_out: None,
        }
    }
}

fn number(value: &Value<'_>) -> Option<Number> {
    value.text()?.parse().ok()
}

/// A JSON number or string in major units; more than nothing.
fn money(amount: &Value<'_>, currency: &Value<'_>) -> Option<Money> {
    let amount = Amount::parse(amount.text_or_digits()?).ok()?;
    let currency = currency.text()?.parse().ok()?;
    (!amount.is_zero()).then_some(Money { amount, currency })
}

/// RFC 3339, or the same without an offset, which the documents define as UTC. Any other spelling
/// is left out: a time never decides anything.
fn time(text: &str) -> Option<Moment> {
    text.parse().ok().or_else(|| {
        // jiff passes over an offset here, even over one that it has just refused.
        let has_offset = text.get("2026-01-31".len()..)?.contains(['+', '-']);
        let civil: jiff::civil::DateTime = text.parse().ok().filter(|_| !has_offset)?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(text: &str) -> Claim {
        let body = Object::parse(text.as_bytes()).unwrap();
        if is_new(&body) {
            claim_of_new(&body)
        } else {
            assert!(is_v21(&body), "{text}");
            claim_of_v21(&body)
        }
    }

    fn new_with(data: &str) -> Claim {
        claim(&format!(r#"{{"notifyType":"REFUND","data":{data}}}"#))
    }

    #[test]
    fn the_documented_samples_are_read_in_full() {
        let new = claim(include_str!("../../../tests/fixtures/payermax/new.json"));
        assert_eq!(new.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(
            new.money.map(Money::amount_text).as_deref(),
            Some("10000.00")
        );
        assert_eq!(
            new.order_no.as_ref().map(Number::as_str),
            Some("P1642410680681")
        );
        let v21 = claim(include_str!("../../../tests/fixtures/payermax/v21.json"));
        assert_eq!(v21.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(
            v21.refund_no.as_ref().map(RefundNo::as_str),
            Some("201811121126886846")
        );
        assert_eq!(
            v21.money.map(Money::amount_text).as_deref(),
            Some("1000.00")
        );
    }

    #[test]
    fn a_missing_or_malformed_member_makes_the_claim_unclear() {
        let good = [
            (r#""outRefundNo":"R1""#, r#""outRefundNo":"a b""#),
            (r#""refundTradeNo":"T1""#, r#""refundTradeNo":7"#),
            (r#""outTradeNo":"P1""#, r#""outTradeNo":null"#),
            (r#""refundAmount":1"#, r#""refundAmount":1e3"#),
            (r#""refundCurrency":"IDR""#, r#""refundCurrency":"idr""#),
            (r#""status":"REFUND_SUCCESS""#, r#""status":true"#),
        ];
        let whole = good.map(|member| member.0).join(",");
        assert_eq!(
            new_with(&format!("{{{whole}}}")).outcome,
            Outcome::Reported(Status::Succeeded)
        );
        for (member, malformed) in good {
            for bad in [malformed, r#""x":1"#] {
                let data = format!("{{{}}}", whole.replace(member, bad));
                assert_eq!(
                    new_with(&data).outcome,
                    Outcome::Unclear(Reason::InvalidContent),
                    "{data}"
                );
            }
        }
    }

    #[test]
    fn amounts_are_plain_digits_of_more_than_nothing() {
        for bad in [
            "0",
            "\"0.00\"",
            "-1",
            "1e3",
            "\"+1\"",
            "\"1,000\"",
            "1.00001",
            "\"\"",
            "true",
            "[1]",
        ] {
            let data = format!(
                r#"{{"outRefundNo":"R","refundTradeNo":"T","outTradeNo":"P","refundAmount":{bad},"refundCurrency":"IDR","status":"REFUND_SUCCESS"}}"#
            );
            assert_eq!(
                new_with(&data).outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{bad}"
            );
        }
    }

    #[test]
    fn odd_times_are_left_out() {
        for (text, read) in [
            ("2023-10-20T03:28:23.092Z", Some(1_697_772_503_092)),
            ("2023-10-20 03:28:23", Some(1_697_772_503_000)),
            ("2025-02-27T09:44:00 +0000", None),
            ("2025-02-27T09:44:00+25:00", None),
            ("2026-02-30T00:00:00Z", None),
        ] {
            assert_eq!(time(text).map(Moment::as_millis), read, "{text}");
        }
    }
}
