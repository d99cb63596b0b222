//! What tells accounts apart that `PayCools` signs for with one key: its callbacks name no merchant.

use crate::crypto::TokenDigest;
use crate::domain::claim::RefundNo;
use crate::providers::accounts::network::Network;
use crate::providers::{About, Arrival, Rejection};

/// What must hold besides the signature; everything that is set must.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// Networks that callbacks come from; empty: any.
    pub allow_from: Vec<Network>,
    /// What the path ends in, known to `PayCools` and to us.
    pub path_secret: Option<TokenDigest>,
    /// How the account's refund numbers begin.
    pub refund_no_prefix: Option<String>,
}

impl Guards {
    /// Whether anything is set.
    pub fn is_empty(&self) -> bool {
        self.allow_from.is_empty() && self.path_secret.is_none() && self.refund_no_prefix.is_none()
    }

    /// Whether no callback passes both, however it is sent.
    pub fn excludes(&self, other: &Self) -> bool {
        self.has_another_path_than(other)
            || self.has_other_numbers_than(other)
            || self.comes_from_elsewhere_than(other)
    }

    fn has_another_path_than(&self, other: &Self) -> bool {
        match (&self.path_secret, &other.path_secret) {
            (Some(own), Some(other)) => own.to_hex() != other.to_hex(),
            // A recorded callback of the one could be sent to the open path of the other.
            _ => false,
        }
    }

    fn has_other_numbers_than(&self, other: &Self) -> bool {
        match (&self.refund_no_prefix, &other.refund_no_prefix) {
            (Some(own), Some(other)) => !own.starts_with(other) && !other.starts_with(own),
            _ => false,
        }
    }

    fn comes_from_elsewhere_than(&self, other: &Self) -> bool {
        let disjoint = |one: &Network| other.allow_from.iter().all(|other| !one.overlaps(*other));
        !self.allow_from.is_empty()
            && !other.allow_from.is_empty()
            && self.allow_from.iter().all(disjoint)
    }

    /// Rejects what comes another way, or is about another account's refund. What is about none has no number
    /// that could begin in any way.
    pub(super) fn admit(&self, arrival: &Arrival<'_>, about: &About) -> Result<(), Rejection> {
        let reject = |why: &str| Err(Rejection::Unauthorized(why.to_owned()));
        let fits = match (&self.path_secret, arrival.path_secret) {
            (None, None) => true,
            (Some(secret), Some(said)) => secret.matches(said),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !fits {
            return reject("signed, but the secret part of the path is missing or wrong");
        }
        let is_allowed = |peer| self.allow_from.iter().any(|network| network.contains(peer));
        if !self.allow_from.is_empty() && !arrival.peer.is_some_and(is_allowed) {
            return reject("signed, but sent from outside allow_from");
        }
        let About::Refund(verified) = about else {
            return Ok(());
        };
        let claim = verified.claim();
        let number = claim.and_then(|claim| claim.refund_no.as_ref());
        let begins = |prefix: &String| {
            number.is_some_and(|number: &RefundNo| number.as_str().starts_with(prefix.as_str()))
        };
        if !self.refund_no_prefix.as_ref().is_none_or(begins) {
            return reject("signed, but its refund number does not begin with refund_no_prefix");
        }
        Ok(())
    }
}
