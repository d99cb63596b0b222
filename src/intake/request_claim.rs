//! A claim about a refund that we submit or watch: it moves the request, too.

use crate::domain::claim::{Claim, Outcome, Status};
use crate::domain::ids::CallbackId;
use crate::domain::refund::{Refund, Verdict};
use crate::domain::request::machine::Event;
use crate::domain::request::{Request, State};
use crate::domain::time::Timestamp;
use crate::store::{StoreError, Tx};

/// Whether the claim is what became of an earlier send than the last: the reply to an attempt before it, which came
/// late. Only a failure depends on it: that the refund succeeded, or is under way, is so whichever send did it.
pub(super) fn is_of_earlier_send(
    tx: &mut Tx<'_>,
    request: Option<&Request>,
    claim: &Claim,
    callback_id: CallbackId,
) -> Result<bool, StoreError> {
    let is_sent_again = request.is_some_and(|request| request.machine.sends > 1);
    let failed = matches!(
        claim.outcome,
        Outcome::Reported(Status::Failed | Status::Canceled)
    );
    Ok(is_sent_again && failed && tx.snapshot().is_reply_to_earlier_send(callback_id)?)
}

/// Applies a claim to the refund by its table, and to our request, if there is one, by that of requests. Returns
/// whether the request moved.
pub(super) fn apply_claim(
    refund: &mut Refund,
    request: Option<&mut Request>,
    claim: &Claim,
    callback_id: CallbackId,
    now: Timestamp,
) -> (Verdict, bool) {
    let Some(request) = request else {
        return (refund.apply(claim, callback_id, now), false);
    };
    let succeeded = claim.outcome == Outcome::Reported(Status::Succeeded);
    // A refusal is no outcome: the provider may have taken the request after all.
    let refused = (request.machine.state == State::Refused && succeeded)
        .then(|| (refund.status, refund.failure.clone()));
    if refused.is_some() {
        refund.reopen_after_refusal();
    }
    let verdict = refund.apply(claim, callback_id, now);
    if let (Some((status, failure)), true) = (refused, verdict != Verdict::Applied) {
        (refund.status, refund.failure) = (status, failure);
    }
    let (Verdict::Applied | Verdict::Repeat, Outcome::Reported(status)) = (verdict, claim.outcome)
    else {
        return (verdict, false);
    };
    let moved = request.apply(refund, Event::Claimed(status), Some(callback_id), now);
    let is_accepted = request.machine.state == State::Accepted;
    if status == Status::Pending && is_accepted {
        refund.note_acceptance(claim, now);
    }
    (verdict, moved.is_some())
}

/// What brought a callback.
pub(super) fn source(tx: &mut Tx<'_>, id: CallbackId) -> Result<&'static str, StoreError> {
    Ok(match tx.snapshot().is_reply_to_ask(id)? {
        None => "callback",
        Some(true) => "ask",
        Some(false) => "reply",
    })
}
