//! The stub's JSON, read into claims: `refund`, `state`, `amount` in major units, `currency`.

use crate::domain::claim::{Claim, Outcome, Reason, RefundNo, Status};
use crate::domain::money::{Amount, DECIMALS_MAX, Money};
use crate::providers::wire::json::Object;
use crate::providers::wire::member::{Members, NumberRule};

/// Reads an authentic body; what cannot be used in it is left out and noted, never an error.
pub(super) fn claim(body: &Object<'_>) -> Claim {
    let mut members = Members::of(body, "");
    let state = members.text("state");
    let outcome = match state.as_deref() {
        Some("DONE") => Outcome::Reported(Status::Succeeded),
        Some("REFUSED") => Outcome::Reported(Status::Failed),
        Some(_) => Outcome::Unclear(Reason::StatusUnknown),
        None => Outcome::Unclear(Reason::InvalidContent),
    };
    let refund_no = members.number("refund", NumberRule::TEXT);
    let claim = Claim {
        provider_status: state
            .as_deref()
            .map(crate::providers::wire::text::printable),
        money: money(&mut members),
        ..Claim::of(refund_no.map(RefundNo::from), outcome)
    };
    members.judged(claim)
}

fn money(members: &mut Members<'_, '_>) -> Option<Money> {
    let amount = members.amount("amount", true, |text, spelling| {
        Amount::read(text, spelling, DECIMALS_MAX)
    });
    let currency = members.currency("currency");
    let (amount, currency) = (amount?, currency?);
    Some(Money { amount, currency })
}
