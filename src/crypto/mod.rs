//! The only room that touches a cryptographic library. It imports nothing else of ours.
//!
//! | file | what it knows |
//! |---|---|
//! | `armour` | key text (PEM, bare Base64) to DER |
//! | `shape` | telling a private key, a certificate, an EC key apart, for a useful message |
//! | `key` | one vetted RSA public key; verification of SHA-256 signatures |
//! | `ring` | the keys of one account with their times; which key verified, or why none did |
//! | `mac` | secrets that both sides know: SHA-1 digests of `PayCools`, HMAC of Standard Webhooks, for relays and pushes |
//! | `mistakes` | Standard Webhooks signatures made wrongly, to say what a relay did |
//! | `signing` | key pairs for `demo`, `trigger` and the tests; never used while serving |
//! | `token` | bearer tokens, known by digest only |
//!
//! The division of labour: **aws-lc** hashes and verifies while serving. The **`rsa`** crate parses
//! and vets keys, makes test keys, signs, and gives a second opinion on signatures. The integration
//! tests hold the two to the same verdict on every published vector; where they would ever differ,
//! the stricter one is right.

mod hmac;
mod keys;
mod mistakes;
mod pem;
mod shape;
mod sign;
mod token;
mod verify;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub use hmac::{
    DigestError, SuffixSecret, WebhookMessage, WebhookProof, WebhookSecret, WebhookSecretError,
    WebhookSecrets, WebhookSignatureError,
};
pub use keys::{KeyRing, PUBLISHED_TEST_KEY, RingError, RingKey, SignatureError};
pub use mistakes::{SignedParts, WebhookKeyForm};
pub use pem::ArmourError;
pub use sign::{SigningKey, SigningKeyError};
pub use token::{TokenDigest, TokenDigestError};
pub use verify::{KeyError, MAX_BITS, MIN_BITS, SignatureMismatch, VerifyingKey};

/// SHA-256 of `bytes` by aws-lc.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The bytes of pairs of hexadecimal digits of either case; `None` where it is something else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_bytes().chunks_exact(2);
    let is_whole = pairs.remainder().is_empty();
    let bytes = pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    bytes.collect::<Option<_>>().filter(|_| is_whole)
}
