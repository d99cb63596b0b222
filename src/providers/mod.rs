//! The systems that speak with us: one folder each, all of the same shape (`mod.rs` verifies and
//! acknowledges, `wire.rs` reads the provider's own JSON, `sample.rs` makes signed examples).
//!
//! An adapter turns a request into a [`VerifiedClaim`] or a [`Rejection`]; nothing else leaves this
//! room, and nobody outside it can build a `VerifiedClaim`.

pub mod epay_caller;
pub mod json;
mod member;
pub mod nmanagement;
pub mod paycools;
pub mod payermax;
pub mod quickpay;
pub mod relay;
#[cfg(test)]
pub mod stub;
pub mod text;
mod verified;

use jiff::Timestamp;

pub use verified::VerifiedClaim;

use crate::domain::claim::Account;
use relay::RelayAccount;

/// A request as an adapter sees it: headers and bytes, untouched.
pub struct Request<'a> {
    /// Looks a header up, whatever its case; `None` where absent, repeated or not plain text.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The body as received.
    pub body: &'a [u8],
    /// When it came, for the validity of keys.
    pub now: Timestamp,
}

/// Why a request is not taken as a notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not the JSON that this provider sends; found before any signature work.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The signature does not prove that the account's provider sent these bytes to this account.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
}

/// A verified notification and how its sender wants to be answered.
#[derive(Debug)]
pub struct Notice {
    /// What it says, with the proof.
    pub verified: VerifiedClaim,
    /// The exact success body, `application/json`.
    pub acknowledgement: &'static str,
}

/// One provider account, ready to verify.
pub trait Provider: Send + Sync {
    /// Verifies the bytes as received and reads what they say.
    fn verify(&self, request: &Request<'_>) -> Result<Notice, Rejection>;

    /// Names of the headers that are kept beside the body.
    fn kept_headers(&self) -> &'static [&'static str];
}

/// Every configured account: those that post callbacks, and those whose replies are relayed.
#[derive(Default)]
pub struct Registry {
    callbacks: Accounts<Box<dyn Provider>>,
    relays: Accounts<RelayAccount>,
}

impl Registry {
    /// Adds an account; `false` where it is there already.
    pub fn add(&mut self, account: Account, provider: Box<dyn Provider>) -> bool {
        self.callbacks.add(account, provider)
    }

    /// The account of a callback path.
    pub fn find(&self, provider: &str, account: &str) -> Option<(&Account, &dyn Provider)> {
        let (account, provider) = self.callbacks.find(provider, account)?;
        Some((account, provider.as_ref()))
    }

    /// Adds an account whose replies are relayed; `false` where it is there already.
    pub fn add_relay(&mut self, account: Account, relay: RelayAccount) -> bool {
        self.relays.add(account, relay)
    }

    /// The account of a relay path.
    pub fn find_relay(&self, provider: &str, account: &str) -> Option<(&Account, &RelayAccount)> {
        self.relays.find(provider, account)
    }
}

/// Accounts and what stands behind each. There are few, so a list is searched.
struct Accounts<T>(Vec<(Account, T)>);

impl<T> Default for Accounts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Accounts<T> {
    fn add(&mut self, account: Account, behind: T) -> bool {
        let is_new = self.find(&account.provider, &account.name).is_none();
        if is_new {
            self.0.push((account, behind));
        }
        is_new
    }

    fn find(&self, provider: &str, account: &str) -> Option<(&Account, &T)> {
        self.0
            .iter()
            .find(|(known, _)| known.provider == provider && known.name == account)
            .map(|(account, behind)| (account, behind))
    }
}
