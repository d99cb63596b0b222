//! What a decision writes: one commit with everything that it changes.

use serde_json::json;

use super::{DecideError, Decided};
use crate::crypto::sha256;
use crate::domain::claim::{Claim, Reason};
use crate::domain::decision::{Agreed, Decision, DecisionRecord, Ruling};
use crate::domain::event::EventKind;
use crate::domain::ids::{DecisionId, RefundId};
use crate::domain::trail::Entry;
use crate::failpoints::crash_point;
use crate::intake::Applying;
use crate::requests::too_little;
use crate::store::{StoreError, Tx, read_claim};

/// Questions of a close-out. Their answer ends its tries: the next one would ask again.
const OF_CLOSE_OUT: [Reason; 3] = [Reason::OrderUnknown, Reason::OrderState, Reason::OverRefund];

/// The claim of the callback to accept; `None` where nothing is to be accepted, or it makes none.
pub(super) fn claim_of(
    tx: &mut Tx<'_>,
    refund_id: RefundId,
    ruling: &Ruling,
) -> Result<Option<Claim>, StoreError> {
    let (Decision::Accept, Some(callback_id)) = (ruling.decision, ruling.callback_id) else {
        return Ok(None);
    };
    let row = tx.snapshot().callback(callback_id)?;
    let row = row.filter(|row| row.refund_id == Some(refund_id));
    let claim = row.and_then(|row| row.claim);
    claim.map(|json| read_claim(&json)).transpose()
}

/// Writes a decision that is allowed, with all that follows from it and its entry of the trail.
pub(super) fn carry_out(
    mut applying: Applying<'_, '_>,
    (id, ruling): (DecisionId, Ruling),
    claim: Option<&Claim>,
    (by, reason): (&str, &str),
    agreed: Option<Agreed>,
    entry: Entry,
) -> Result<Result<Decided, DecideError>, StoreError> {
    let now = applying.now();
    let status_before = applying.refund().status;
    let held_money = holds_money(&applying);
    let (refund, request) = applying.refund_mut();
    if let Err(error) = refund.decide(request, &ruling, claim, now) {
        return Ok(Err(error.into()));
    }
    let refund_id = refund.id;
    let status_after = refund.status;
    if ruling.decision == Decision::Accept
        && let Some(money) = claim.and_then(|claim| claim.money)
        && !applying.restate_close_out(money.amount)?
    {
        return Ok(Err(DecideError::OverRefund));
    }
    if ruling.decision.leaves_all() && OF_CLOSE_OUT.contains(&ruling.question) {
        applying.park_close_out()?;
    }
    // The money has moved, whatever other refunds of the payment have used up since: a person has to know.
    if !held_money
        && holds_money(&applying)
        && let Some(request) = applying.request().cloned()
        && too_little(applying.tx(), &request)?.is_some()
    {
        let (refund, _) = applying.refund_mut();
        refund.raise(Reason::OverRefund, ruling.callback_id, now);
    }
    let record = DecisionRecord {
        id,
        refund_id,
        ruling,
        reason: reason.to_owned(),
        by: by.to_owned(),
        at: now,
        status_before,
        status_after,
        agreed,
    };
    let digest = sha256(record.sealed_text().as_bytes());
    applying.tx().insert_decision(&record, &digest)?;
    let entry = entry.changed(
        &json!({ "status": status_before.as_str() }),
        &json!({
            "status": status_after.as_str(), "decision_id": id, "question": ruling.question.as_str(),
            "decision": ruling.decision.as_str()
        }),
    );
    applying.tx().append_act(entry);
    crash_point!("decision-written");
    applying.deciding(id);
    let mut told = vec![EventKind::RefundDecided];
    if record.moved() {
        told.push(EventKind::Refund(status_after));
    }
    let refund = applying.finish_with_row(told)?;
    Ok(Ok(Decided::Done { refund, record }))
}

fn holds_money(applying: &Applying<'_, '_>) -> bool {
    let request = applying.request();
    request.is_none_or(|request| request.machine.state.holds_money())
}
