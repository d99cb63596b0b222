//! What a person's decision means for the callbacks that come after it.

use std::borrow::Cow;

use crate::crypto::sha256;
use crate::domain::claim::{Claim, Status};
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::refund::{Refund, Verdict};
use crate::domain::request::Request;
use crate::store::{StoreError, Tx};

/// The claim, bound by what a person decided: a failure that a person stated is left by no second try, but by another
/// decision.
pub(super) fn bound<'c>(
    tx: &mut Tx<'_>,
    refund: &Refund,
    request: Option<&Request>,
    claim: &'c Claim,
) -> Result<Cow<'c, Claim>, StoreError> {
    // Most callbacks need no look at the decisions.
    if !claim.retry_reopens || refund.status != Status::Failed {
        return Ok(Cow::Borrowed(claim));
    }
    let last = tx.snapshot().last_move(refund.id)?;
    let last = last.map(|last| (last.status, last.at));
    Ok(claim.bound_by(refund.status, last, request))
}

/// Whether readers have not been told of this contradiction since a person last decided: the same claim in other
/// bytes is no new question.
pub(super) fn is_new_question(
    tx: &mut Tx<'_>,
    refund_id: RefundId,
    (claim_json, verdict): (&str, Verdict),
    by: CallbackId,
) -> Result<bool, StoreError> {
    let last = tx.snapshot().last_move(refund_id)?;
    let mut question = format!("{}\n{claim_json}", verdict.as_str());
    if let Some(last) = last {
        question = format!("{question}\n{}", last.id);
    }
    let key = sha256(question.as_bytes());
    tx.ask(refund_id, &key, (claim_json, verdict), (by, last.is_some()))
}
