//! The systems that report refunds, one folder each with files of the same names: `mod` verifies and
//! acknowledges, `wire` reads the provider's JSON, `signature` is there where it needs more than a key ring,
//! `settings` checks an account's section, `sandbox` plays the provider, `client` writes refund requests and reads
//! their replies, `codes` is the provider's code table. [`SYSTEMS`] lists them.
//! What they share is in `accounts/`, `outgoing/` and `wire/`.
//!
//! An adapter turns a request into a [`VerifiedClaim`] or a [`Rejection`]. Only this module can build a
//! `VerifiedClaim`.

pub mod accounts;
pub mod epay;
pub mod nmanagement;
pub mod outgoing;
pub mod paycools;
pub mod payermax;
pub mod quickpay;
pub mod relay;
pub mod sandbox;
mod verified;
pub mod wire;

#[cfg(test)]
pub mod stub;

use std::net::IpAddr;

pub use accounts::registry::Registry;
pub use verified::VerifiedClaim;

use crate::crypto::KeyRing;
use accounts::settings::AccountSettings;
use outgoing::settings::BuildClient;
use relay::RelayAccount;
use sandbox::Sandbox;

/// A request as an adapter sees it: headers and bytes, untouched.
pub struct Request<'a> {
    /// Looks a header up, whatever its case; `None` where absent, repeated or not plain text.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The body as received.
    pub body: &'a [u8],
    /// When it came, for the validity of keys.
    pub now: jiff::Timestamp,
}

/// Why a request is not accepted as a callback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not the JSON that this provider sends; found before any signature work.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The signature does not prove that the account's provider sent these bytes to this account.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
}

/// What a verified callback is about.
#[derive(Debug)]
pub enum About {
    /// A refund: what it says, with the proof.
    Refund(Box<VerifiedClaim>),
    /// A payment, a payout: whatever else comes to the same URL. It has no effect here.
    SomethingElse,
}

/// A verified callback and how its sender wants to be answered.
#[derive(Debug)]
pub struct ProvenCallback {
    /// What it is about.
    pub about: About,
    /// The exact success body, `application/json`.
    pub acknowledgement: &'static str,
}

/// A kind of callback, for explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// What the provider calls it.
    pub name: &'static str,
    /// What proves it.
    pub proof: &'static str,
    /// The exact success body, where it is always the same.
    pub acknowledgement: Option<&'static str>,
}

/// What a request was signed over, and the signature as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The bytes that the signature is about.
    pub message: Vec<u8>,
    /// The signature's text.
    pub signature: String,
}

/// Builds an account from its section; `None` with a problem noted.
pub type BuildAccount = fn(&mut AccountSettings<'_>) -> Option<Adapter>;
/// Finds the signed part of a body and gives its digest.
pub type PartDigest = fn(&[u8]) -> Option<[u8; 32]>;

/// One system that reports refunds, as the rest of the program knows it: [`SYSTEMS`] is the only list.
#[derive(Clone, Copy)]
pub struct System {
    /// Its word in paths, config and store.
    pub name: &'static str,
    /// Builds an account from its `[[accounts]]` section; `None`: the system has a section of its own.
    pub account: Option<BuildAccount>,
    /// Builds what sends for an account from its `[accounts.api]` section; `None`: nothing is sent to it.
    pub client: Option<BuildClient>,
    /// The dedup key of a callback where the signature covers a part of the body, as far as its shape
    /// tells; proves nothing.
    pub part_digest: Option<PartDigest>,
    /// Headers that carry its signature, in lower case; rejected requests are stored with them.
    pub headers: &'static [&'static str],
    /// The shapes of its callbacks, for `openapi.json`.
    pub shapes: &'static [Shape],
    /// How it is played; `None`: it is not.
    pub sandbox: Option<&'static Sandbox>,
}

/// The shape of one form of a callback, as far as a schema tells. What is inside an authentic body never
/// rejects it, so only the members that tell the form are required.
pub struct Shape {
    /// Its name among the schemas.
    pub name: &'static str,
    /// The provider and the form.
    pub title: &'static str,
    /// Members that tell the form.
    pub required: &'static [&'static str],
    /// Members and what they are.
    pub members: &'static [(&'static str, Member)],
    /// A published sample as JSON.
    pub example: Option<fn() -> String>,
}

/// What a member of a callback is.
#[derive(Clone, Copy, Debug)]
pub enum Member {
    /// A text.
    Text,
    /// This text.
    Word(&'static str),
    /// An object with any members.
    Object,
    /// Anything.
    Any,
}

/// Every system. A new one is a folder here and its line.
pub const SYSTEMS: &[System] = &[
    payermax::SYSTEM,
    paycools::SYSTEM,
    quickpay::SYSTEM,
    nmanagement::SYSTEM,
    epay::SYSTEM,
    #[cfg(test)]
    stub::SYSTEM,
];

/// The system of this name.
pub fn find(name: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.name == name)
}

/// The dedup key of a callback of this provider where its signature covers a part of the body.
pub fn part_digest(provider: &str, body: &[u8]) -> Option<[u8; 32]> {
    let digest = find(provider)?.part_digest?;
    digest(body)
}

/// How an account's callbacks come.
pub enum Adapter {
    /// The provider posts them itself.
    Callback(Box<dyn Provider>),
    /// The merchant's own system relays the provider's replies.
    Relay(RelayAccount),
}

/// A key of an account, for telling people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Its name in the config.
    pub key_id: String,
    /// When it counts, where that is bounded.
    pub not_before: Option<jiff::Timestamp>,
    /// The last moment in which it counts.
    pub not_after: Option<jiff::Timestamp>,
}

/// How a request reached us, besides what is signed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival<'a> {
    /// The peer's own address.
    pub peer: Option<IpAddr>,
    /// The part of the path behind the account.
    pub path_secret: Option<&'a str>,
}

/// One provider account, ready to verify.
pub trait Provider: Send + Sync {
    /// Verifies the bytes as received and reads what they say.
    fn verify(&self, request: &Request<'_>) -> Result<ProvenCallback, Rejection>;

    /// Whether a verified request may come this way and say this, where the account is told apart by more
    /// than its signature.
    fn admits(&self, arrival: &Arrival<'_>, _about: &About) -> Result<(), Rejection> {
        match arrival.path_secret {
            None => Ok(()),
            Some(_) => Err(Rejection::Unauthorized(
                "the account's path has no secret part".to_owned(),
            )),
        }
    }

    /// Whether its path has a secret part.
    fn has_secret_path(&self) -> bool {
        false
    }

    /// From now on only what names its audience in full is accepted: another account has the same key.
    fn be_strict(&mut self) {}

    /// Which of its forms these bytes have; proves nothing.
    fn form(&self, body: &[u8]) -> Option<Form>;

    /// What the request is signed over, as far as its shape tells; proves nothing.
    fn signed(&self, request: &Request<'_>) -> Option<Signed>;

    /// The key that made this signature, at whatever time it counts. Says nothing about what is signed
    /// and for whom: for finding out why a request was rejected, never for taking one.
    fn signer(&self, signed: &Signed) -> Option<Signer>;

    /// Names of the headers that are stored with the body.
    fn kept_headers(&self) -> &'static [&'static str];

    /// Its keys and secrets by name, for telling people.
    fn keys(&self) -> Vec<Signer>;

    /// Whether it still has the key or secret of this id, so that what that once verified can be
    /// verified again.
    fn has_key(&self, key_id: &str) -> bool;
}

impl Signer {
    /// A secret, which always counts.
    pub(crate) fn secret(key_id: &str) -> Self {
        Self {
            key_id: key_id.to_owned(),
            not_before: None,
            not_after: None,
        }
    }

    /// Every key of a ring.
    fn all(ring: &KeyRing) -> Vec<Self> {
        let keys = ring.keys().iter().map(|key| Self {
            key_id: key.id.clone(),
            not_before: key.not_before,
            not_after: key.not_after,
        });
        keys.collect()
    }

    fn of(ring: &KeyRing, signed: &Signed) -> Option<Self> {
        ring.signer(&signed.message, &signed.signature)
            .map(|key| Self {
                key_id: key.id.clone(),
                not_before: key.not_before,
                not_after: key.not_after,
            })
    }
}
