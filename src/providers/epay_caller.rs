//! The callers of the `EPay` endpoint: the merchant's own systems, known by a bearer token.
//!
//! The original names no authentication for its `WebInterface` pages; we require one.

use std::net::IpAddr;

use super::Form;
use super::verified::VerifiedClaim;
use crate::crypto::TokenDigest;
use crate::domain::claim::Claim;

/// The word under which its refunds stand.
pub const PROVIDER: &str = "epay";

/// What a report of the caller is; the answer is an `errcode` in the format that was asked for.
pub const FORM: Form = Form {
    name: "EPay refund report",
    proof: "the caller's bearer token or network",
    acknowledgement: None,
};
/// Bits before the IPv4 address in an IPv6 address that holds one (`::ffff:10.20.0.1`).
const MAPPED_BITS: u8 = 96;

/// A range of addresses, `10.20.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `ADDRESS/PREFIX` or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits)?,
            None => bits,
        };
        // A peer that comes as a mapped address is compared as the IPv4 address that it is.
        let (address, prefix) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) => (mapped, prefix.checked_sub(MAPPED_BITS)?),
            _ => (address, prefix),
        };
        Some(Self { address, prefix })
    }

    /// Whether the address lies in the range; an IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(self, peer: IpAddr) -> bool {
        let (bits, own, other) = match (self.address, peer.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (32, u128::from(own.to_bits()), u128::from(other.to_bits()))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (128, own.to_bits(), other.to_bits()),
            _ => return false,
        };
        let host_bits = bits - u32::from(self.prefix);
        // A shift by the full width is not defined; such a range holds every address.
        host_bits == 128 || own >> host_bits == other >> host_bits
    }
}

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
    /// Stands behind what it sent; without a claim only the bytes are kept.
    pub fn vouch(&self, claim: Option<Claim>, body: &[u8]) -> VerifiedClaim {
        VerifiedClaim::of_body(claim, &self.key_id, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        for (network, peer, inside) in [
            ("10.20.0.0/16", "10.20.255.1", true),
            ("10.20.0.0/16", "10.21.0.1", false),
            ("10.20.0.0/16", "::ffff:10.20.0.9", true),
            ("::ffff:10.20.0.0/112", "10.20.0.9", true),
            ("::ffff:10.20.0.0/112", "10.21.0.9", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(peer.parse().unwrap()),
                inside,
                "{network:?} {peer}"
            );
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "x",
            "10.0.0.0/-1",
            "::ffff:10.0.0.0/90",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
