//! The stub's JSON, read into claims: `refund`, `state`, `amount` in major units, `currency`.

use super::super::json::Object;
use super::super::member::{number, shown};
use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::money::{Amount, Money};

/// Reads an authentic body; what is missing in it makes the claim unclear, never an error.
pub(super) fn claim(body: &Object<'_>) -> Claim {
    let refund_no = number(&body.get("refund")).map(RefundNo::from);
    let money = money(body);
    let outcome = match body.get("state").text() {
        _ if refund_no.is_none() || money.is_none() => Outcome::Unclear(Reason::InvalidContent),
        Some("DONE") => Outcome::Reported(Status::Succeeded),
        Some("REFUSED") => Outcome::Reported(Status::Failed),
        Some(_) => Outcome::Unclear(Reason::StatusUnknown),
        None => Outcome::Unclear(Reason::InvalidContent),
    };
    Claim {
        outcome,
        provider_status: shown(&body.get("state")),
        money,
        ..Claim::unreadable(refund_no)
    }
}

fn money(body: &Object<'_>) -> Option<Money> {
    let amount = Amount::parse(body.get("amount").text_or_digits()?).ok()?;
    let currency = body.get("currency").text()?.parse().ok()?;
    (!amount.is_zero()).then_some(Money { amount, currency })
}
