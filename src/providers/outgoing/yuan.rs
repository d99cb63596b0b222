//! What the two providers that refund yuan by plain JSON have in common: rules of an intent, and answers that
//! are no answers of the provider's own.

use super::reply::{Words, by_table};
use super::{Answer, Code, Reply};
use crate::domain::claim::Reason;
use crate::domain::money::{Amount, Currency};
use crate::domain::request::Class;
use crate::domain::request::intent::{FieldError, Intent};
use crate::providers::wire::json::Object;
use crate::providers::wire::member::shown;

/// Decimals of a yuan.
const DIGITS: u8 = 2;

/// Rules of an intent that both have; `fields` are the provider's own members.
pub(in crate::providers) fn check(
    intent: &Intent,
    provider: &str,
    fields: &[&str],
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if intent.money.currency != Currency::CNY {
        let what = format!("{provider} refunds CNY alone");
        errors.push(FieldError::new("/currency", what));
    }
    let amounts = [
        ("/amount", Some(intent.money.amount)),
        ("/order_amount", intent.order_amount),
    ];
    for (pointer, amount) in amounts {
        if amount.is_some_and(|amount| amount.decimals() > DIGITS) {
            let what = format!("has more than {DIGITS} decimals");
            errors.push(FieldError::new(pointer, what));
        }
    }
    if intent.order_no.is_none() {
        errors.push(FieldError::new("/order_no", "is missing"));
    }
    if intent.provider_payment_no.is_some() {
        let what = format!("{provider} names a payment by its order_no alone; leave it out");
        errors.push(FieldError::new("/provider_payment_no", what));
    }
    let known = |name: &String| fields.contains(&name.as_str());
    for name in intent.provider_fields.keys().filter(|name| !known(name)) {
        let what = match fields {
            [] => format!("{provider} has no members of its own"),
            _ => format!("{provider} has {} alone", fields.join(", ")),
        };
        errors.push(FieldError::of_provider_field(name, what));
    }
    errors
}

/// Whole fen; `None` where the amount is finer.
pub(in crate::providers) fn fen(amount: Amount) -> Option<u64> {
    let yuan = amount.to_text(DIGITS);
    let is_whole = amount.decimals() <= DIGITS;
    is_whole.then(|| yuan.replace('.', "").parse().ok())?
}

/// Yuan with two decimals.
pub(in crate::providers) fn yuan(amount: Amount) -> String {
    amount.to_text(DIGITS)
}

/// The entry of a code, whatever the case of its letters.
pub(in crate::providers) fn find(codes: &'static [Code], code: &str) -> Option<&'static Code> {
    codes
        .iter()
        .find(|known| known.code.eq_ignore_ascii_case(code))
}

/// An answer of another HTTP status than 200.
pub(in crate::providers) fn by_http(codes: &'static [Code], reply: &Reply) -> Answer {
    let status = reply.status.to_string();
    let words = Words {
        code: Some(format!("HTTP {status}")),
        message: message(reply),
    };
    by_table(find(codes, &status), &words, reply)
}

/// The text of a reply that has one: `Message` of ASP.NET, or `msg`.
pub(in crate::providers) fn message(reply: &Reply) -> Option<String> {
    let object = Object::parse(&reply.body).ok()?;
    let texts = ["Message", "msg", "message"].map(|name| shown(&object.get(name)));
    texts.into_iter().flatten().next()
}

/// An answer about something else than what was asked: nothing in it counts.
pub(in crate::providers) fn mismatch(code: Option<&str>) -> Answer {
    let what = "the reply names another refund, order or amount than the request";
    Answer::of(Class::Unknown, code, Some(what)).asking(Reason::ReplyMismatch)
}

/// An answer that cannot be read.
pub(in crate::providers) fn unreadable(what: &str) -> Answer {
    Answer::of(Class::Unknown, None, Some(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_are_whole_and_yuan_have_two_decimals() {
        for (text, fen_expected, yuan_expected) in [
            ("12.34", Some(1_234), "12.34"),
            ("0.01", Some(1), "0.01"),
            ("100", Some(10_000), "100.00"),
            ("1.5", Some(150), "1.50"),
            ("0.001", None, "0.001"),
        ] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(fen(amount), fen_expected, "{text}");
            assert_eq!(yuan(amount), yuan_expected, "{text}");
        }
    }
}
