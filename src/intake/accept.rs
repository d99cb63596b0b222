//! Transaction 1: the callback alone, on disk, before anybody is answered.

use std::time::Duration;

use super::Intake;
use crate::domain::claim::{Account, Claim};
use crate::domain::clock::Moment;
use crate::domain::ids::CallbackId;
use crate::faults::{crash_point, planted};
use crate::providers::VerifiedClaim;
use crate::store::{Lane, NewCallback, Store, StoreError, Stored};

/// How long the process that accepted a callback has to settle it before resume takes it over.
const SETTLE_GRACE: Duration = Duration::from_secs(5);

/// An authentic notification, as it came.
#[derive(Debug)]
pub struct Notification {
    /// Whose it is.
    pub account: Account,
    /// What it says, and the proof that the account's key said so.
    pub verified: VerifiedClaim,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Moment,
}

/// A notification that is on disk; only [`Intake::accept`] makes one.
#[derive(Debug)]
pub struct Accepted {
    pub(super) id: CallbackId,
    pub(super) account: Account,
    pub(super) claim: Option<Claim>,
    pub(super) claim_json: Option<String>,
    pub(super) received_at: Moment,
    /// Whether these very bytes were known before.
    pub stored: Stored,
}

impl Intake {
    /// Stores the notification and commits. When this returns `Ok`, the bytes are on disk, and the
    /// provider may be told so.
    pub async fn accept(&self, notification: Notification) -> Result<Accepted, StoreError> {
        let Notification {
            account,
            verified,
            headers,
            body,
            received_at,
        } = notification;
        let (claim, key_id, delivery_key) = verified.into_parts();
        let claim_json = claim.as_ref().map(write_claim).transpose()?;
        let id = CallbackId::new(self.clock.new_uuid());
        let callback = NewCallback {
            id,
            account: account.clone(),
            refund_no: claim.as_ref().and_then(|claim| claim.refund_no.clone()),
            delivery_key,
            key_id,
            headers,
            body,
            claim: claim_json.clone(),
            received_at,
            settle_after: received_at.plus(SETTLE_GRACE),
        };
        let stored = store_callback(&self.store, callback).await?;
        crash_point!("accepted-not-answered");
        Ok(Accepted {
            id: match stored {
                Stored::New => id,
                Stored::Before { id, .. } => id,
            },
            account,
            claim,
            claim_json,
            received_at,
            stored,
        })
    }
}

async fn store_callback(store: &Store, callback: NewCallback) -> Result<Stored, StoreError> {
    let lane = Lane::of_refund(&callback.account, callback.refund_no.as_ref());
    if planted!("sabotage-ack-early") {
        store.write_later("accept", lane, move |tx| {
            tx.store_callback(&callback).map(drop)
        })?;
        return Ok(Stored::New);
    }
    store
        .write("accept", lane, move |tx| tx.store_callback(&callback))
        .await
}

/// The claim as it is stored beside the bytes.
fn write_claim(claim: &Claim) -> Result<String, StoreError> {
    serde_json::to_string(claim).map_err(|error| StoreError::Statement(error.to_string()))
}
