//! nManagement's JSON, read into claims. `status` is 200 for success and failure alike and is never
//! asked; `success` and the bank's `RETURN_CODE` decide together, and whatever leaves a doubt is an
//! unknown outcome: to call it a failure would invite a second refund.

use super::codes::{CODES, SUCCESS};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::ExternalId;
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::request::Class;
use crate::providers::outgoing::yuan;
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::{Members, NumberRule, failure, shown};

/// Reads the reply about the refund that the relay names. The reply itself names none:
/// `REQUEST_SN` is the number of one try, and a second try has another.
pub(super) fn claim(refund_no: &ExternalId, reply: &Object<'_>) -> Claim {
    let response = match reply.get("response") {
        Value::Nested(text) => Object::parse(text.as_bytes()).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
    };
    let nothing = Object::default();
    let mut members = Members::of(response.as_ref().unwrap_or(&nothing), "response.");
    let code = members.get("RETURN_CODE");
    let outcome = outcome(&reply.get("success"), code.text());
    let has_succeeded = outcome == Outcome::Reported(Status::Succeeded);
    let claim = Claim {
        order_no: members.number("ORDER_NUM", NumberRule::OPTIONAL),
        provider_status: shown(&code),
        money: money(&mut members, has_succeeded),
        failure: (outcome == Outcome::Reported(Status::Failed))
            .then(|| failure(shown(&code), shown(&members.get("RETURN_MSG"))))
            .flatten(),
        retry_reopens: true,
        ..Claim::of(Some(RefundNo::from(refund_no.clone())), outcome)
    };
    members.judged(claim)
}

/// The bank's list of codes is longer than any document that could be found: a code that is not
/// listed is a rejection by the bank.
fn outcome(success: &Value<'_>, code: Option<&str>) -> Outcome {
    match (success, code) {
        (Value::Bool(true), Some(SUCCESS)) => Outcome::Reported(Status::Succeeded),
        (Value::Bool(false), Some(code)) if is_refusal(code) => Outcome::Reported(Status::Failed),
        _ => Outcome::Unclear(Reason::OutcomeUnknown),
    }
}

fn is_refusal(code: &str) -> bool {
    let class = yuan::find(CODES, code).map_or(Class::Refused, |entry| entry.class);
    // White space or anything else that no code has could hide a listed one.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_plain = !code.is_empty() && code.bytes().all(plain);
    is_plain && !matches!(class, Class::Done | Class::Unknown)
}

/// Yuan with at most two decimals; more than nothing.
fn money(members: &mut Members<'_, '_>, is_needed: bool) -> Option<Money> {
    let currency = Currency::CNY;
    let amount = members.amount("AMOUNT", is_needed, |text, spelling| {
        Amount::read(text, spelling, currency.minor_digits())
    })?;
    Some(Money { amount, currency })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUCCEEDED: &str = include_str!("../../../tests/fixtures/nmanagement/succeeded.json");
    const FAILED: &str = include_str!("../../../tests/fixtures/nmanagement/failed.json");
    const TIMEOUT: &str = include_str!("../../../tests/fixtures/nmanagement/timeout.json");
    const UNAUTHORIZED: &str =
        include_str!("../../../tests/fixtures/nmanagement/unauthorized.json");

    const UNKNOWN: Outcome = Outcome::Unclear(Reason::OutcomeUnknown);

    fn read(text: &str) -> Claim {
        let refund_no = "R-1".parse().unwrap();
        claim(&refund_no, &Object::parse(text.as_bytes()).unwrap())
    }

    fn with(success: &str, code: &str) -> Outcome {
        let text = SUCCEEDED.replace(r#""success":true"#, &format!(r#""success":{success}"#));
        read(&text.replace(r#""000000""#, code)).outcome
    }

    #[test]
    fn the_sample_of_a_success_is_read_in_full() {
        let claim = read(SUCCEEDED);
        assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(
            claim.order_no.as_ref().map(ExternalId::as_str),
            Some("202112071619204953")
        );
        let money = claim.money.unwrap();
        assert_eq!(
            (money.amount_text().as_str(), money.currency),
            ("0.01", Currency::CNY)
        );
        assert_eq!(claim.provider_status.as_deref(), Some("000000"));
        assert_eq!((claim.provider_refund_no, claim.failure), (None, None));
        assert!(claim.retry_reopens);
    }

    #[test]
    fn a_refusal_is_a_failure_with_the_words_of_the_bank() {
        let claim = read(FAILED);
        assert_eq!(claim.outcome, Outcome::Reported(Status::Failed));
        let failure = claim.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("0130Z110B144"));
        assert_eq!(failure.message.as_deref(), Some("记录重复"));
        assert_eq!(claim.money, None);
    }

    #[test]
    fn no_answer_of_the_bank_is_an_unknown_outcome() {
        for text in [
            TIMEOUT,
            UNAUTHORIZED,
            "{}",
            r#"{"msg":"x","msgDev":null,"response":null,"status":500,"success":false}"#,
            r#"{"success":true,"response":null}"#,
            r#"{"success":true,"response":[]}"#,
            r#"{"success":true,"response":"000000"}"#,
        ] {
            let claim = read(text);
            assert_eq!(claim.outcome, UNKNOWN, "{text}");
            assert_eq!(claim.refund_no.as_ref().map(RefundNo::as_str), Some("R-1"));
            assert_eq!(claim.failure, None);
        }
    }

    #[test]
    fn success_and_return_code_decide_together() {
        let succeeded = Outcome::Reported(Status::Succeeded);
        let failed = Outcome::Reported(Status::Failed);
        for (success, code, expected) in [
            ("true", r#""000000""#, succeeded),
            ("true", r#""0130Z110B144""#, UNKNOWN),
            ("true", "null", UNKNOWN),
            ("true", r#""""#, UNKNOWN),
            ("true", "0", UNKNOWN),
            ("false", r#""000000""#, UNKNOWN),
            ("null", r#""000000""#, UNKNOWN),
            (r#""true""#, r#""000000""#, UNKNOWN),
            ("false", "null", UNKNOWN),
            ("false", r#""""#, UNKNOWN),
            ("false", r#"" ""#, UNKNOWN),
            ("false", r#""000000 ""#, UNKNOWN),
            ("false", r#""wlpt_err1001""#, UNKNOWN),
            ("null", r#""0130Z110B144""#, UNKNOWN),
            ("false", r#""WLPT_Err1004""#, failed),
            ("false", r#""0130Z1101021""#, failed),
            ("false", r#""0250E0200001""#, failed),
            ("false", r#""0130Z1108001""#, failed),
            ("false", r#""0130Z110B144""#, failed),
            ("false", r#""SOMETHING_NEW""#, failed),
        ] {
            assert_eq!(with(success, code), expected, "{success} {code}");
        }
        // The manual's numbers once more, so that a slip in the list above shows.
        let numbered = [1, 2, 3, 5, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20]
            .map(|number| format!("WLPT_Err{}", 1000 + number));
        let others = [
            "0130Z0100001",
            "0130Z0100002",
            "0130Z1101009",
            "0130Z1101047",
            "0130Z1102003",
            "0130Z1102005",
            "0130Z1102201",
            "0130Z1109001",
            "0130Z110B353",
        ];
        for code in numbered.iter().map(String::as_str).chain(others) {
            assert_eq!(with("false", &format!(r#""{code}""#)), UNKNOWN, "{code}");
        }
    }

    #[test]
    fn what_an_earlier_release_called_a_failure_is_the_same_reply() {
        let now = read(&FAILED.replace("0130Z110B144", "0130Z1109001"));
        assert_eq!(now.outcome, UNKNOWN);
        let earlier = Claim {
            outcome: Outcome::Reported(Status::Failed),
            failure: failure(Some("0130Z1109001".to_owned()), Some("记录重复".to_owned())),
            ..now.clone()
        };
        assert!(earlier.is_earlier_reading_of(&now));
        for other in [
            Claim {
                failure: failure(Some("0130Z1109002".to_owned()), None),
                ..earlier.clone()
            },
            Claim {
                outcome: Outcome::Reported(Status::Succeeded),
                ..earlier.clone()
            },
            Claim {
                order_no: "P-1".parse().ok(),
                ..earlier.clone()
            },
        ] {
            assert!(!other.is_earlier_reading_of(&now), "{other:?}");
        }
    }

    #[test]
    fn a_success_needs_an_amount_in_yuan_and_a_refusal_does_not() {
        let amount = r#""AMOUNT":"0.01","REQ"#;
        for (bad, is_noted) in [
            ("null", false),
            (r#""""#, false),
            (r#""0.00""#, false),
            (r#""-0.01""#, true),
            (r#""0.001""#, true),
            (r#""1,000.00""#, true),
            (r#""1e2""#, true),
        ] {
            let text = SUCCEEDED.replace(amount, &format!(r#""AMOUNT":{bad},"REQ"#));
            assert_ne!(text, SUCCEEDED);
            let held = read(&text);
            assert_eq!(
                held.outcome,
                Outcome::Unclear(Reason::InvalidContent),
                "{bad}"
            );
            assert_eq!(held.unreadable[0].member, "response.AMOUNT", "{bad}");
            let refused = text
                .replace(r#""success":true"#, r#""success":false"#)
                .replace(r#""000000""#, r#""0130Z110B144""#);
            let claim = read(&refused);
            assert_eq!(claim.outcome, Outcome::Reported(Status::Failed), "{bad}");
            assert_eq!(!claim.unreadable.is_empty(), is_noted, "{bad}");
        }
        for good in ["0.01", "1e-2", r#""0.0100""#, r#""0.010000000""#] {
            let text = SUCCEEDED.replace(amount, &format!(r#""AMOUNT":{good},"REQ"#));
            assert_eq!(read(&text), read(SUCCEEDED), "{good}");
        }
    }

    #[test]
    fn the_order_number_may_be_missing_and_one_that_cannot_be_used_is_left_out() {
        let order = r#""ORDER_NUM":"202112071619204953""#;
        let missing = read(&SUCCEEDED.replace(order, r#""ORDER_NUM":null"#));
        assert_eq!(missing.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(missing.unreadable, []);
        let malformed = read(&SUCCEEDED.replace(order, r#""ORDER_NUM":"2021\n""#));
        assert_eq!(malformed.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(malformed.doubt, Some(Reason::InvalidContent));
        assert_eq!(malformed.order_no, None);
        assert_eq!(malformed.unreadable[0].member, "response.ORDER_NUM");
    }
}
