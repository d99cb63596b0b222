//! The proof type: a claim that some key or token of the account stands behind.

use super::relay::message_key;
use crate::crypto;
use crate::domain::claim::{Claim, DeliveryKey};

/// What an authentic notification says. Only adapters can build one, and only after verification.
#[derive(Debug)]
pub struct VerifiedClaim {
    claim: Option<Claim>,
    key_id: String,
    delivery_key: DeliveryKey,
}

impl VerifiedClaim {
    /// Signed bytes: the same bytes are the same delivery.
    pub(super) fn of_body(claim: Option<Claim>, key_id: &str, body: &[u8]) -> Self {
        Self {
            claim,
            key_id: key_id.to_owned(),
            delivery_key: DeliveryKey::Body(crypto::sha256(body)),
        }
    }

    /// A relayed message: the same id with the same bytes is the same delivery, whatever path it comes
    /// on. An id that comes with other bytes is another message: those bytes are signed, too, and an
    /// answer of success promises that they are kept.
    pub(super) fn of_message(claim: Claim, key_id: &str, message_id: &str, body: &[u8]) -> Self {
        Self {
            claim: Some(claim),
            key_id: key_id.to_owned(),
            delivery_key: DeliveryKey::Message(message_key(message_id, body)),
        }
    }

    /// What it says, who stands behind it, and what makes two deliveries the same one.
    pub fn into_parts(self) -> (Option<Claim>, String, DeliveryKey) {
        (self.claim, self.key_id, self.delivery_key)
    }
}
