//! The proof type: a claim that a key or token of the account proves.

use super::relay::message_key;
use crate::crypto;
use crate::domain::claim::{Claim, DeliveryKey};

/// What an authentic callback says. Only adapters can build one, and only after verification.
#[derive(Debug)]
pub struct VerifiedClaim {
    claim: Option<Claim>,
    key_id: String,
    delivery_key: DeliveryKey,
}

/// The part of a body that a signature is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedPart<'a> {
    /// Names the form, so that the same text signed in another form is another delivery.
    pub form: &'static str,
    /// What is signed.
    pub text: &'a str,
}

impl SignedPart<'_> {
    /// What is stored as the delivery's key.
    pub fn digest(self) -> [u8; 32] {
        // No form's name holds a NUL, so no two pairs make the same text.
        crypto::sha256(&[self.form.as_bytes(), b"\0", self.text.as_bytes()].concat())
    }
}

impl VerifiedClaim {
    /// A proof over the whole body: the same bytes are the same delivery.
    pub(super) fn of_body(claim: Option<Claim>, key_id: &str, body: &[u8]) -> Self {
        Self {
            claim,
            key_id: key_id.to_owned(),
            delivery_key: DeliveryKey::Body(crypto::sha256(body)),
        }
    }

    /// Proven by a reply to a call of ours: by its signature (`key_id`), or by the TLS connection that it came on
    /// (`tls`) where the provider signs no replies.
    pub fn of_reply(claim: Claim, key_id: &str, body: &[u8]) -> Self {
        Self::of_body(Some(claim), key_id, body)
    }

    /// A proof over a part of the body. What is outside of that part is not proven, so it makes no new
    /// delivery: otherwise one recorded callback could be sent again in endless variants.
    pub(super) fn of_part(claim: Claim, key_id: &str, part: SignedPart<'_>, body: &[u8]) -> Self {
        Self {
            claim: Some(claim),
            key_id: key_id.to_owned(),
            delivery_key: DeliveryKey::Part {
                part: part.digest(),
                body: crypto::sha256(body),
            },
        }
    }

    /// A relayed message: the same id with the same bytes is the same delivery, whatever path it comes
    /// on. An id that comes with other bytes is another message: those bytes are signed, too, and an
    /// answer of success promises that they are stored.
    pub(super) fn of_message(claim: Claim, key_id: &str, message_id: &str, body: &[u8]) -> Self {
        Self {
            claim: Some(claim),
            key_id: key_id.to_owned(),
            delivery_key: DeliveryKey::Message(message_key(message_id, body)),
        }
    }

    /// What it says, if anything.
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// What it says, whose key proves it, and what makes two deliveries the same one.
    pub fn into_parts(self) -> (Option<Claim>, String, DeliveryKey) {
        (self.claim, self.key_id, self.delivery_key)
    }
}
