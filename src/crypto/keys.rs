//! The keys of one provider account and the validity period of each.
//!
//! They allow a rotation: the provider starts to sign with a new key at an unannounced time, so the old and
//! the new key are both configured for a while. The message never names its key; every key that is valid at
//! that time is tried, in the order of the config.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{VerifyingKey, sha256};

/// Fingerprint of the default key of `trigger`. Its private half is published in the source.
pub const PUBLISHED_TEST_KEY: &str =
    "98c52c2bc70614e84ba10da5c1ad772a3cf4df7c9729f83597cc351e730d150d";

/// One key of a ring, valid from `not_before` to `not_after`, inclusive.
#[derive(Debug, Clone)]
pub struct RingKey {
    /// Name in the config, stored with every callback that this key verified.
    pub id: String,
    pub key: VerifyingKey,
    /// `None`: no limit.
    pub not_before: Option<jiff::Timestamp>,
    /// `None`: no limit.
    pub not_after: Option<jiff::Timestamp>,
}

impl RingKey {
    pub fn is_valid_at(&self, now: jiff::Timestamp) -> bool {
        self.not_before.is_none_or(|start| start <= now)
            && self.not_after.is_none_or(|end| now <= end)
    }
}

/// Why these keys make no ring. Worded to follow the name of the config key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// Without a key nothing could ever be verified.
    #[error("holds no key; give at least one public key of the provider")]
    Empty,
    /// Ids go into the store and the logs, so they must say something.
    #[error("holds a key without an id; give each key a short id of its own")]
    EmptyId,
    /// Two keys would be indistinguishable afterwards.
    #[error("holds two keys with the id {0:?}; give each key an id of its own")]
    DuplicateId(String),
    #[error(
        "key {0:?} has a not_before that is not earlier than its not_after; correct one of them"
    )]
    Validity(String),
}

/// Why no key verifies a message. For evidence and logs; the sender gets the same answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature is missing")]
    Missing,
    /// Not canonical Base64 in the standard alphabet with padding. White space, the URL alphabet and non-zero
    /// unused bits are rejected: one signature has one spelling.
    #[error("the signature is not canonical standard base64")]
    NotBase64,
    #[error("the signature has a length no active key makes")]
    WrongLength,
    /// Every key is outside its validity period.
    #[error("no key of the account is valid at this time")]
    NoActiveKey,
    /// Tried with every valid key.
    #[error("the signature does not match any active key")]
    Mismatch,
}

/// One or more keys with distinct ids.
#[derive(Debug, Clone)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

impl KeyRing {
    /// The keys are tried in this order.
    pub fn new(keys: Vec<RingKey>) -> Result<Self, RingError> {
        if keys.is_empty() {
            return Err(RingError::Empty);
        }
        let mut ids = HashSet::new();
        for entry in &keys {
            if entry.id.trim().is_empty() {
                return Err(RingError::EmptyId);
            }
            if !ids.insert(entry.id.as_str()) {
                return Err(RingError::DuplicateId(entry.id.clone()));
            }
            if let (Some(start), Some(end)) = (entry.not_before, entry.not_after)
                && start >= end
            {
                return Err(RingError::Validity(entry.id.clone()));
            }
        }
        Ok(Self { keys })
    }

    /// Verifies the Base64 signature of `message`; returns the key that made it.
    pub fn verify(
        &self,
        message: &[u8],
        signature_base64: Option<&str>,
        now: jiff::Timestamp,
    ) -> Result<&str, SignatureError> {
        let text = signature_base64.unwrap_or_default();
        if text.is_empty() {
            return Err(SignatureError::Missing);
        }
        let signature = STANDARD
            .decode(text)
            .map_err(|_| SignatureError::NotBase64)?;
        let active = || self.keys.iter().filter(|entry| entry.is_valid_at(now));
        if active().next().is_none() {
            return Err(SignatureError::NoActiveKey);
        }
        let mut fitting = active()
            .filter(|entry| entry.key.signature_len() == signature.len())
            .peekable();
        if fitting.peek().is_none() {
            return Err(SignatureError::WrongLength);
        }
        let digest = sha256(message);
        fitting
            .find(|entry| entry.key.verify_sha256_digest(&digest, &signature).is_ok())
            .map(|entry| entry.id.as_str())
            .ok_or(SignatureError::Mismatch)
    }

    /// Whether a key has this id, valid now or not.
    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|entry| entry.id == id)
    }

    /// The key that made the signature, valid now or not. For diagnosis only, never to accept a signature.
    pub fn signer(&self, message: &[u8], signature_base64: &str) -> Option<&RingKey> {
        let signature = STANDARD.decode(signature_base64).ok()?;
        let digest = sha256(message);
        self.keys.iter().find(|entry| {
            entry.key.signature_len() == signature.len()
                && entry.key.verify_sha256_digest(&digest, &signature).is_ok()
        })
    }

    /// In the order in which they are tried.
    pub fn keys(&self) -> &[RingKey] {
        &self.keys
    }

    /// Warnings for the operator about a usable ring, one line each.
    pub fn warnings(&self, now: jiff::Timestamp) -> Vec<String> {
        let mut found = Vec::new();
        if !self.keys.iter().any(|entry| entry.is_valid_at(now)) {
            found.push("no key is valid now; every callback will be rejected".to_owned());
        }
        for (index, entry) in self.keys.iter().enumerate() {
            if let Some(end) = entry.not_after.filter(|end| *end < now) {
                found.push(format!("key {:?} is no longer valid since {end}", entry.id));
            }
            let twin = self.keys[..index]
                .iter()
                .find(|earlier| earlier.key.fingerprint() == entry.key.fingerprint());
            if let Some(twin) = twin {
                found.push(format!(
                    "keys {:?} and {:?} are the same key",
                    twin.id, entry.id
                ));
            }
        }
        found
    }
}
