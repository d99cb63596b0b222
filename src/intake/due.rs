//! A callback that is stored and has to be applied, wherever it comes from: just accepted, or found by resume.

use super::accept::AcceptedCallback;
use crate::domain::claim::{Account, Claim};
use crate::domain::ids::CallbackId;
use crate::domain::time::Timestamp;
use crate::store::{Lane, PendingCallback, StoreError, read_claim};

/// A callback that is on disk and pending.
#[derive(Debug)]
pub(super) struct DueCallback {
    pub(super) id: CallbackId,
    pub(super) account: Account,
    /// With its text as stored.
    pub(super) claim: Option<(Claim, String)>,
    pub(super) received_at: Timestamp,
}

impl DueCallback {
    /// The write lane: an order may have several refunds, and all of them lock it.
    pub(super) fn lane(&self) -> Lane {
        match &self.claim {
            Some((claim, _)) if claim.close_out.is_some() => Lane::SHARED,
            Some((claim, _)) => Lane::of_refund(&self.account, claim.refund_no.as_ref()),
            None => Lane::of_refund(&self.account, None),
        }
    }
}

impl From<AcceptedCallback> for DueCallback {
    fn from(accepted: AcceptedCallback) -> Self {
        Self {
            id: accepted.id,
            account: accepted.account,
            claim: accepted.claim.zip(accepted.claim_json),
            received_at: accepted.received_at,
        }
    }
}

impl TryFrom<PendingCallback> for DueCallback {
    type Error = StoreError;
    fn try_from(row: PendingCallback) -> Result<Self, StoreError> {
        let claim = row
            .claim
            .map(|json| read_claim(&json).map(|claim| (claim, json)));
        Ok(Self {
            id: row.id,
            account: row.account,
            claim: claim.transpose()?,
            received_at: row.received_at,
        })
    }
}
