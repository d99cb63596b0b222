//! What a reply means, and the code tables that say it.

use std::time::Duration;

use crate::domain::claim::Reason;
use crate::domain::request::{Class, LastReply};
use crate::providers::VerifiedClaim;

/// What a reply means.
#[derive(Debug)]
pub struct Answer {
    pub class: Class,
    /// The provider's code, verbatim, at most 64 characters.
    pub code: Option<String>,
    /// The provider's text, verbatim, at most 256 characters.
    pub message: Option<String>,
    /// What the reply says of the refund, with its proof.
    pub claim: Option<VerifiedClaim>,
    /// A question that it raises without moving the refund: `reply_unproven`, `reply_mismatch`.
    pub question: Option<Reason>,
    /// Whether nothing more is to be sent for the account before an operator resumes it.
    pub stops_account: bool,
    /// Whether the merchant's balance is too small for it: a few of these pause the account.
    pub lacks_balance: bool,
    /// Tries in a row that end so before a person is asked.
    pub tries_max: Option<u32>,
    /// As the provider asks.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// An answer without claim.
    pub fn of(class: Class, code: Option<&str>, message: Option<&str>) -> Self {
        let bounded = |text: Option<&str>, max| text.map(|text| text.chars().take(max).collect());
        Self {
            class,
            code: bounded(code, 64),
            message: bounded(message, 256),
            claim: None,
            question: None,
            stops_account: false,
            lacks_balance: false,
            tries_max: None,
            retry_after: None,
        }
    }

    #[must_use]
    pub fn with_claim(mut self, claim: VerifiedClaim) -> Self {
        self.claim = Some(claim);
        self
    }

    #[must_use]
    pub fn stopping_the_account(mut self) -> Self {
        self.stops_account = true;
        self
    }

    #[must_use]
    pub fn asking(mut self, question: Reason) -> Self {
        self.question = Some(question);
        self
    }

    #[must_use]
    pub fn after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }

    pub fn last_reply(&self) -> LastReply {
        LastReply {
            class: self.class,
            code: self.code.clone(),
            message: self.message.clone(),
        }
    }
}

/// The provider's own code table, as data: each code, the class that it has for a request, and whether it stops
/// the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub class: Class,
    pub stops_account: bool,
    /// Whether the merchant's balance is too small.
    pub lacks_balance: bool,
    /// What the provider's document says, in short.
    pub meaning: &'static str,
}

impl Code {
    pub const fn of(code: &'static str, class: Class, meaning: &'static str) -> Self {
        Self {
            code,
            class,
            stops_account: false,
            lacks_balance: false,
            meaning,
        }
    }

    /// A code of a balance that is too small for the refund: sent again later.
    pub const fn lacking_balance(code: &'static str, meaning: &'static str) -> Self {
        Self {
            lacks_balance: true,
            ..Self::of(code, Class::Later, meaning)
        }
    }

    /// A code of which nothing more is sent for the account before an operator resumes it.
    pub const fn stopping(code: &'static str, class: Class, meaning: &'static str) -> Self {
        Self {
            stops_account: true,
            ..Self::of(code, class, meaning)
        }
    }
}
