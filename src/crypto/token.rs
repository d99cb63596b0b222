//! Bearer tokens; the service stores their SHA-256 only.
//!
//! So the config holds no credential. Tokens are long random texts, so a digest without salt or stretching is
//! enough.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore as _;
use rand::rngs::OsRng;

use super::{hex, sha256};

/// Prefix of generated tokens, so that secret scanners recognise a leaked one.
const PREFIX: &str = "rr_";

/// Bytes of the digest that name a token.
const SHORT_ID_BYTES: usize = 6;

/// SHA-256 of one bearer token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

/// The text is not a digest. Worded to follow the name of the config key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 64 hexadecimal digits, the SHA-256 of the token: printf %s \"$TOKEN\" | sha256sum"
)]
pub struct TokenDigestError;

impl TokenDigest {
    /// For settings that hold the token itself.
    pub fn of(bearer_token: &str) -> Self {
        Self(sha256(bearer_token.as_bytes()))
    }

    /// A token of 256 random bits; only its digest is stored.
    pub fn generate_token() -> String {
        format!("{PREFIX}{}", random_secret())
    }

    /// As in the config: 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Names the token in the trail, and tells no more of it.
    pub fn short_id(&self) -> String {
        hex(&self.0[..SHORT_ID_BYTES])
    }

    /// For comparing tokens with each other.
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, bearer_token: &str) -> bool {
        verify_slices_are_equal(&self.0, &sha256(bearer_token.as_bytes())).is_ok()
    }
}

/// 256 random bits as 43 characters that need no escape in a URL or a header.
pub fn random_secret() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

impl FromStr for TokenDigest {
    type Err = TokenDigestError;

    /// Reads 64 hexadecimal digits in either case.
    fn from_str(text: &str) -> Result<Self, TokenDigestError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(TokenDigestError);
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(digest))
    }
}

fn nibble(digit: u8) -> Result<u8, TokenDigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(TokenDigestError),
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest([redacted])")
    }
}
