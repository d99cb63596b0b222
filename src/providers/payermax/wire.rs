//! PayerMax's JSON, read into claims. What is missing or malformed inside an authentic body never rejects it:
//! it is left out, with a question, and only an outcome that needs it waits for a person.
//!
//! Sources: `RefundResultNotifyUrl` (new), `delSuffixStart9` (v2.1).

use crate::domain::claim::flaw::{Flaw, Unreadable};
use crate::domain::claim::{Claim, Failure, Outcome, Reason, RefundNo, Status};
use crate::domain::money::{Amount, DECIMALS_MAX, Money};
use crate::domain::time::Timestamp;
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::{Members, NumberRule, failure, shown};
use crate::providers::{Member, Shape as BodyShape};

/// The only `notifyType` that is about refunds.
const NOTIFY_TYPE: &str = "REFUND";

/// Both generations, for `openapi.json`.
pub(super) const SHAPES: &[BodyShape] = &[
    BodyShape {
        name: "PayermaxNew",
        title: "PayerMax, new",
        required: &["notifyType", "data"],
        members: &[
            ("code", Member::Text),
            ("msg", Member::Text),
            ("keyVersion", Member::Text),
            ("appId", Member::Text),
            ("merchantNo", Member::Text),
            ("notifyTime", Member::Text),
            ("notifyType", Member::Word(NOTIFY_TYPE)),
            ("data", Member::Object),
        ],
        example: Some(super::sandbox::example),
    },
    BodyShape {
        name: "PayermaxV21",
        title: "PayerMax, v2.1",
        required: &["merchantId", "refundId", "status"],
        members: &[
            ("merchantId", Member::Text),
            ("refundId", Member::Text),
            ("status", Member::Any),
        ],
        example: None,
    },
];

/// What a body is, as far as its shape tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A refund callback of the new generation.
    New,
    /// One of v2.1.
    V21,
    /// A callback of the new generation about something else.
    OtherNew,
    /// One of v2.1.
    OtherV21,
}

impl Shape {
    pub(super) fn of(body: &Object<'_>) -> Option<Self> {
        match body.get("notifyType").text() {
            Some(NOTIFY_TYPE) => {
                let has_data =
                    matches!(body.get("data"), Value::Nested(text) if text.starts_with('{'));
                has_data.then_some(Self::New)
            }
            Some(_) => Some(Self::OtherNew),
            None if body.contains("notifyType") || !body.contains("merchantId") => None,
            None if body.contains("refundId") && body.contains("status") => Some(Self::V21),
            // A refund of which a member is missing is not something else.
            None => {
                let mut names = body.members().map(|(name, _)| name);
                let is_refund = names.any(|name| name.starts_with("refund"));
                (!is_refund).then_some(Self::OtherV21)
            }
        }
    }
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
        return Claim::unreadable(None, Unreadable::new("data", Flaw::NotObject));
    };
    let mut data = Members::of(&data, "data.");
    let outcome = outcome_of_word(data.text("status").as_deref());
    let refund_no = data.number("outRefundNo", NumberRule::TEXT);
    let claim = Claim {
        provider_refund_no: data.number("refundTradeNo", NumberRule::TEXT),
        order_no: data.number("outTradeNo", NumberRule::TEXT),
        provider_status: provider_status(&data.get("status")),
        money: money(&mut data, "refundAmount", "refundCurrency"),
        failure: of_failed(outcome, || {
            failure(shown(&body.get("code")), shown(&body.get("msg")))
        }),
        finished_at: data.get("refundFinishTime").text().and_then(time),
        ..Claim::of(refund_no.map(RefundNo::from), outcome)
    };
    data.judged(claim)
}

/// Reads the flat body. `tradeNo` is the number of the payment, not of the refund, so v2.1 gives no
/// provider's number of the refund.
pub(super) fn claim_of_v21(body: &Object<'_>) -> Claim {
    let mut members = Members::of(body, "");
    let status = body.get("status");
    let digit = status.text_or_digits();
    if digit.is_none() {
        let is_missing = status == Value::Null;
        members.note(
            "status",
            if is_missing {
                Flaw::Missing
            } else {
                Flaw::NotDigits
            },
        );
    }
    let outcome = outcome_of_digit(digit);
    let refund_no = members.number("refundId", NumberRule::TEXT);
    let claim = Claim {
        order_no: members.number("orderId", NumberRule::TEXT),
        provider_status: provider_status(&status),
        money: money(&mut members, "refundAmount", "currency"),
        failure: of_failed(outcome, || {
            failure(shown(&body.get("errorCode")), shown(&body.get("errorMsg")))
        }),
        ..Claim::of(refund_no.map(RefundNo::from), outcome)
    };
    members.judged(claim)
}

/// `status` of the new generation.
pub(super) fn outcome_of_word(status: Option<&str>) -> Outcome {
    match status {
        Some("REFUND_SUCCESS") => Outcome::Reported(Status::Succeeded),
        Some("REFUND_FAILED") => Outcome::Reported(Status::Failed),
        Some("REFUND_PENDING") => Outcome::Reported(Status::Pending),
        Some(_) => Outcome::Unclear(Reason::StatusUnknown),
        None => Outcome::Unclear(Reason::InvalidContent),
    }
}

/// `status` of v2.1.
pub(super) fn outcome_of_digit(status: Option<&str>) -> Outcome {
    match status {
        Some("1") => Outcome::Reported(Status::Succeeded),
        Some("2") => Outcome::Reported(Status::Failed),
        Some("0") => Outcome::Reported(Status::Pending),
        Some(_) => Outcome::Unclear(Reason::StatusUnknown),
        None => Outcome::Unclear(Reason::InvalidContent),
    }
}

pub(super) fn provider_status(status: &Value<'_>) -> Option<String> {
    status
        .text_or_digits()
        .map(crate::providers::wire::text::printable)
}

pub(super) fn of_failed(
    outcome: Outcome,
    why: impl FnOnce() -> Option<Failure>,
) -> Option<Failure> {
    (outcome == Outcome::Reported(Status::Failed))
        .then(why)
        .flatten()
}

/// A JSON number or string in major units; more than nothing.
fn money(members: &mut Members<'_, '_>, amount: &str, currency: &str) -> Option<Money> {
    let amount = members.amount(amount, true, |text, spelling| {
        Amount::read(text, spelling, DECIMALS_MAX)
    });
    let currency = members.currency(currency);
    let (amount, currency) = (amount?, currency?);
    Some(Money { amount, currency })
}

/// RFC 3339, or the same without an offset, which the documents define as UTC. Any other spelling
/// is left out: a time never decides anything.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        // jiff passes over an offset here, even over one that it has just rejected.
        let has_offset = text.get("2026-01-31".len()..)?.contains(['+', '-']);
        let civil: jiff::civil::DateTime = text.parse().ok().filter(|_| !has_offset)?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ExternalId;

    fn claim(text: &str) -> Claim {
        let body = Object::parse(text.as_bytes()).unwrap();
        match Shape::of(&body) {
            Some(Shape::New) => claim_of_new(&body),
            Some(Shape::V21) => claim_of_v21(&body),
            other => panic!("{other:?}: {text}"),
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
            new.order_no.as_ref().map(ExternalId::as_str),
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

    const GOOD: [&str; 6] = [
        r#""outRefundNo":"R1""#,
        r#""refundTradeNo":"T1""#,
        r#""outTradeNo":"P1""#,
        r#""refundAmount":1"#,
        r#""refundCurrency":"IDR""#,
        r#""status":"REFUND_SUCCESS""#,
    ];

    #[test]
    fn what_no_outcome_needs_is_left_out_and_named() {
        let whole = GOOD.join(",");
        for (member, malformed) in [
            ("outRefundNo", r#""R\u0000""#),
            ("refundTradeNo", "7"),
            ("outTradeNo", "null"),
        ] {
            let good = GOOD.into_iter().find(|good| good.contains(member)).unwrap();
            for bad in [format!(r#""{member}":{malformed}"#), r#""x":1"#.to_owned()] {
                let claim = new_with(&format!("{{{}}}", whole.replace(good, &bad)));
                assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded), "{bad}");
                assert_eq!(claim.doubt, Some(Reason::InvalidContent), "{bad}");
                let named: Vec<_> = claim.unreadable.iter().map(|it| &it.member).collect();
                assert_eq!(named, [&format!("data.{member}")], "{bad}");
            }
        }
    }

    #[test]
    fn a_success_needs_its_money_and_a_failure_needs_nothing_but_its_status() {
        let whole = GOOD.join(",");
        for (good, bad) in [
            (GOOD[3], r#""refundAmount":"abc""#),
            (GOOD[3], r#""x":1"#),
            (GOOD[4], r#""refundCurrency":"idr""#),
            (GOOD[4], r#""x":1"#),
        ] {
            let text = format!("{{{}}}", whole.replace(good, bad));
            let held = new_with(&text);
            assert_eq!(
                held.outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{bad}"
            );
            assert_eq!((held.money, held.unreadable.len()), (None, 1), "{bad}");
            for (word, status) in [
                ("REFUND_FAILED", Status::Failed),
                ("REFUND_PENDING", Status::Pending),
            ] {
                let claim = new_with(&text.replace("REFUND_SUCCESS", word));
                assert_eq!(claim.outcome, Outcome::Reported(status), "{bad}");
                assert_eq!(claim.doubt, Some(Reason::InvalidContent), "{bad}");
            }
        }
        let bare = new_with(r#"{"status":"REFUND_FAILED"}"#);
        assert_eq!(bare.outcome, Outcome::Reported(Status::Failed));
        assert_eq!(bare.unreadable.len(), 5);
        let nothing = new_with("{}");
        assert_eq!(nothing.outcome, Outcome::Unclear(Reason::InvalidContent));
    }

    #[test]
    fn amounts_are_exact_decimals_of_more_than_nothing() {
        let with = |amount: &str| {
            let amount = format!(r#""refundAmount":{amount}"#);
            new_with(&format!("{{{}}}", GOOD.join(",").replace(GOOD[3], &amount)))
        };
        for (good, shown) in [
            ("1e3", "1000.00"),
            ("1.0E7", "10000000.00"),
            ("\"10000.000000000\"", "10000.00"),
            ("10000.000000000", "10000.00"),
            ("\"0010.5\"", "10.50"),
        ] {
            let money = with(good).money.map(Money::amount_text);
            assert_eq!(money.as_deref(), Some(shown), "{good}");
        }
        for bad in [
            "0",
            "\"0.00\"",
            "-1",
            "\"1e3\"",
            "\"+1\"",
            "\"1,000\"",
            "1.00001",
            "\"\"",
            "true",
            "[1]",
        ] {
            let claim = with(bad);
            assert_eq!(
                claim.outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{bad}"
            );
            assert_eq!(claim.unreadable[0].member, "data.refundAmount", "{bad}");
        }
    }

    #[test]
    fn only_what_is_about_refunds_is_one() {
        let shape = |text: &str| Shape::of(&Object::parse(text.as_bytes()).unwrap());
        for (text, expected) in [
            (r#"{"notifyType":"REFUND","data":{}}"#, Some(Shape::New)),
            (
                r#"{"notifyType":"PAYMENT","data":{"outRefundNo":"R"}}"#,
                Some(Shape::OtherNew),
            ),
            (r#"{"notifyType":"REFUND"}"#, None),
            (r#"{"notifyType":1,"merchantId":"M"}"#, None),
            (
                r#"{"merchantId":"M","refundId":"R","status":1}"#,
                Some(Shape::V21),
            ),
            (
                r#"{"merchantId":"M","tradeNo":"T","status":1}"#,
                Some(Shape::OtherV21),
            ),
            (r#"{"merchantId":"M","refundAmount":"1","status":1}"#, None),
            (r#"{"tradeNo":"T","status":1}"#, None),
        ] {
            assert_eq!(shape(text), expected, "{text}");
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
            assert_eq!(time(text).map(Timestamp::as_millis), read, "{text}");
        }
    }
}
