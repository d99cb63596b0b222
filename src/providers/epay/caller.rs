//! The callers of the `EPay` endpoint: the merchant's own systems, known by a bearer token.
//!
//! The original names no authentication for its `WebInterface` pages; we require one.

use std::net::IpAddr;

use crate::crypto::TokenDigest;
use crate::domain::claim::Claim;
use crate::providers::Form;
use crate::providers::accounts::network::Network;
use crate::providers::verified::VerifiedClaim;

/// The provider's name of its refunds.
pub const PROVIDER: &str = "epay";

/// What a report of the caller is; the answer is an `errcode` in the format that was asked for.
pub const FORM: Form = Form {
    name: "EPay refund report",
    proof: "the caller's bearer token or network",
    acknowledgement: None,
};
/// Who may call.
#[derive(Debug)]
pub struct EpayCallers {
    tokens: Vec<TokenDigest>,
    allow_from: Vec<Network>,
}

/// A caller that is known; only [`EpayCallers::identify`] makes one.
#[derive(Clone, Debug)]
pub struct EpayCaller {
    key_id: String,
}

/// Why a caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCaller {
    /// Its address is in none of the networks.
    #[error("the caller's address is not in epay.allow_from")]
    Address,
    /// No usable `Authorization` header.
    #[error("no Authorization header with Bearer and one token was sent")]
    NoToken,
    /// The token is none of those configured.
    #[error("the bearer token is none of epay.tokens")]
    Token,
}

impl EpayCallers {
    /// Callers with one of these tokens, from one of these networks where any are given. Without
    /// tokens the networks alone decide, which the config allows only when told so by name.
    pub fn new(tokens: Vec<TokenDigest>, allow_from: Vec<Network>) -> Self {
        Self { tokens, allow_from }
    }

    /// Recognises a caller by the token it sent and the address it came from.
    pub fn identify(
        &self,
        token: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<EpayCaller, UnknownCaller> {
        let from_allowed =
            peer.is_some_and(|peer| self.allow_from.iter().any(|network| network.contains(peer)));
        if !self.allow_from.is_empty() && !from_allowed {
            return Err(UnknownCaller::Address);
        }
        if self.tokens.is_empty() {
            let key_id = "network".to_owned();
            return Ok(EpayCaller { key_id });
        }
        let token = token.ok_or(UnknownCaller::NoToken)?;
        let found = self.tokens.iter().position(|known| known.matches(token));
        let found = found.ok_or(UnknownCaller::Token)?;
        Ok(EpayCaller {
            key_id: format!("token-{}", found + 1),
        })
    }
}

impl EpayCaller {
    /// Verifies what it sent; without a claim only the bytes are stored.
    pub fn vouch(&self, claim: Option<Claim>, body: &[u8]) -> VerifiedClaim {
        VerifiedClaim::of_body(claim, &self.key_id, body)
    }
}
