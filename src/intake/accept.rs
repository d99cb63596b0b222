//! Transaction 1: stores the callback alone, durably, before the sender is answered.

use std::time::Duration;

use tokio::time::Instant;

use super::Intake;
use crate::crypto::sha256;
use crate::domain::claim::flaw::Unreadable;
use crate::domain::claim::{Account, Claim, DeliveryKey, RefundNo};
use crate::domain::ids::external_id::is_plain;
use crate::domain::ids::{AttemptId, CallbackId};
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::failpoints::crash_point;
use crate::providers::VerifiedClaim;
use crate::store::{ACCEPT_MAX, Lane, NewCallback, Receipt, Store, StoreError};

/// How long the process that accepted a callback has to apply it before resume takes it over.
const APPLY_GRACE: Duration = Duration::from_secs(5);

/// A verified callback, not stored yet.
#[derive(Debug)]
pub struct VerifiedCallback {
    pub account: Account,
    /// The claim, and the proof that a key of the account signed it.
    pub verified: VerifiedClaim,
    /// JSON object of the headers that are stored.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    pub received_at: Timestamp,
}

/// A callback that is on disk; only [`Intake::accept`] makes one.
#[derive(Debug)]
pub struct AcceptedCallback {
    pub(super) id: CallbackId,
    pub(super) account: Account,
    pub(super) claim: Option<Claim>,
    pub(super) claim_json: Option<String>,
    pub(super) received_at: Timestamp,
    /// When accepting began; the sender's deadline counts from here.
    pub(super) began: Instant,
    /// Whether the same bytes were stored before.
    pub stored: Receipt,
}

impl AcceptedCallback {
    pub const fn id(&self) -> CallbackId {
        self.id
    }
}

impl Intake {
    /// Stores the callback and commits. When this returns `Ok`, the bytes are on disk and the provider may
    /// be answered with success. Returns within [`ACCEPT_MAX`], whatever the store does.
    pub async fn accept(
        &self,
        notification: VerifiedCallback,
    ) -> Result<AcceptedCallback, StoreError> {
        let VerifiedCallback {
            account,
            verified,
            headers,
            body,
            received_at,
        } = notification;
        let began = Instant::now();
        let (claim, key_id, delivery_key) = verified.into_parts();
        self.key_use.note(&account, &key_id, received_at);
        let claim_json = claim.as_ref().map(write_claim).transpose()?;
        let id = CallbackId::new(self.clock.new_uuid());
        let callback = NewCallback {
            id,
            account: account.clone(),
            refund_no: claim.as_ref().and_then(|claim| claim.refund_no.clone()),
            was_without_number: claim.as_ref().is_some_and(was_without_number),
            delivery_key,
            key_id,
            headers,
            body,
            claim: claim_json.clone(),
            received_at,
            settle_after: received_at.plus(APPLY_GRACE),
        };
        let stored = store_callback(&self.store, callback, began).await?;
        crash_point!("accepted-not-answered");
        if let (Receipt::New, Some(claim)) = (stored, &claim) {
            warn_of_unreadable(id, &account, claim);
        }
        Ok(AcceptedCallback {
            id: match stored {
                Receipt::New => id,
                Receipt::Repeat { id, .. } => id,
            },
            account,
            claim,
            claim_json,
            received_at,
            began,
            stored,
        })
    }

    /// The reply to an attempt of ours as it is stored with the attempt's end.
    pub fn reply(
        &self,
        request: &Request,
        attempt: AttemptId,
        verified: VerifiedClaim,
        (headers, body): (&str, &[u8]),
        received_at: Timestamp,
    ) -> Result<StoredReply, StoreError> {
        let (claim, key_id, _) = verified.into_parts();
        let claim = claim.as_ref().map(write_claim).transpose()?;
        let callback = NewCallback {
            id: CallbackId::new(self.clock.new_uuid()),
            account: request.account.clone(),
            refund_no: Some(request.refund_no.clone()),
            was_without_number: false,
            delivery_key: DeliveryKey::Body(reply_key(attempt, body)),
            key_id,
            headers: headers.to_owned(),
            body: body.to_vec(),
            claim,
            received_at,
            settle_after: received_at.plus(APPLY_GRACE),
        };
        Ok(StoredReply { callback, attempt })
    }
}

/// A reply to an attempt of ours, to be stored as a callback is.
#[derive(Clone, Debug)]
pub struct StoredReply {
    pub callback: NewCallback,
    pub attempt: AttemptId,
}

/// The dedup key of a reply: equal bytes of two attempts are two facts.
pub fn reply_key(attempt: AttemptId, body: &[u8]) -> [u8; 32] {
    sha256(&[attempt.as_bytes(), body].concat())
}

/// Logs one line about the members that cannot be used: their names and why, never their values.
fn warn_of_unreadable(id: CallbackId, account: &Account, claim: &Claim) {
    if claim.unreadable.is_empty() {
        return;
    }
    let why: Vec<_> = claim.unreadable.iter().map(Unreadable::to_string).collect();
    tracing::warn!(
        callback_id = %id,
        provider = account.provider,
        account = account.name,
        why = why.join("; "),
        "a member of an authentic callback cannot be used; it is null, with a question"
    );
}

/// Whether releases up to schema 2 read no refund number here. They read `EPay`'s pairs, and rejected a relay
/// whose path held such a number.
fn was_without_number(claim: &Claim) -> bool {
    let number = claim.refund_no.as_ref().map(RefundNo::as_str);
    claim.close_out.is_none() && number.is_some_and(|number| !is_plain(number))
}

async fn store_callback(
    store: &Store,
    callback: NewCallback,
    began: Instant,
) -> Result<Receipt, StoreError> {
    let lane = Lane::of_refund(&callback.account, callback.refund_no.as_ref());
    let claim = callback.claim.as_ref().map_or(0, String::len);
    let bytes = callback.body.len() + callback.headers.len() + claim;
    let until = began + ACCEPT_MAX;
    store
        .accept(lane, bytes, until, move |tx| tx.store_callback(&callback))
        .await
}

/// The claim as it is stored with the bytes.
fn write_claim(claim: &Claim) -> Result<String, StoreError> {
    serde_json::to_string(claim).map_err(|error| StoreError::Statement(error.to_string()))
}
