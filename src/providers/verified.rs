//! The proof type: a claim that some key or token of the account stands behind.

use crate::crypto;
use crate::domain::claim::Claim;

/// What an authentic notification says. Only adapters can build one, and only after verification.
#[derive(Debug)]
pub struct VerifiedClaim {
    claim: Option<Claim>,
    key_id: String,
    delivery_key: [u8; 32],
}

impl VerifiedClaim {
    /// Signed bytes: the same bytes are the same delivery.
    pub(super) fn of_body(claim: Option<Claim>, key_id: &str, body: &[u8]) -> Self {
        Self {
            claim,
            key_id: key_id.to_owned(),
            delivery_key: crypto::sha256(body),
        }
    }

    /// What it says, who stands behind it, and what makes two deliveries the same one.
    pub fn into_parts(self) -> (Option<Claim>, String, [u8; 32]) {
        (self.claim, self.key_id, self.delivery_key)
    }
}
