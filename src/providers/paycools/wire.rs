//! `PayCools`' JSON, read into claims; the members are the same in both forms. What is missing or malformed
//! inside an authentic body never rejects it: it is left out, with a question, and only an outcome that needs
//! it waits for a person.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::domain::claim::flaw::{Flaw, Unreadable};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::time::Timestamp;
use crate::providers::wire::json::Object;
use crate::providers::wire::member::{Members, NumberRule, failure, shown};
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
#[path = "wire_test.rs"]
mod tests;
