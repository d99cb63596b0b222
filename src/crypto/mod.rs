//! The only module that uses a cryptographic library. It imports no other module of ours.
//!
//! | file | content |
//! |---|---|
//! | `pem` | decodes a key text (PEM, bare Base64) to DER |
//! | `shape` | recognises private keys, certificates and EC keys, for a useful error |
//! | `verify` | one vetted RSA public key; verifies SHA-256 signatures |
//! | `keys` | the keys of one account with their validity; which key verified, or why none did |
//! | `hmac` | shared secrets: SHA-1 digests of `PayCools`, HMAC of Standard Webhooks (relays and pushes) |
//! | `mistakes` | wrong Standard Webhooks signatures, for the diagnosis |
//! | `request_key` | the private key that signs our own requests |
//! | `sign` | key pairs for `demo`, `trigger` and the tests; never used while serving |
//! | `token` | bearer tokens, stored as digests only |
//!
//! **aws-lc** hashes and verifies while serving. The **`rsa`** crate parses and vets keys, makes test keys,
//! signs, and is the second implementation in `refund-receiver verify` and the tests. `tests/it/vectors.rs`
//! checks that both give the same verdict on every published vector.

mod hmac;
mod keys;
mod mistakes;
mod pem;
mod request_key;
mod shape;
mod sign;
mod token;
mod verify;

#[cfg(test)]
pub(crate) mod test_keys;
#[cfg(test)]
mod tests;

use std::io::{ErrorKind, Read};

pub use hmac::{
    DigestError, SuffixSecret, WebhookMessage, WebhookProof, WebhookSecret, WebhookSecretError,
    WebhookSecrets, WebhookSignatureError,
};
pub use keys::{KeyRing, PUBLISHED_TEST_KEY, RingError, RingKey, SignatureError};
pub use mistakes::{SignedParts, WebhookKeyForm};
pub use pem::PemError;
pub use request_key::{RequestKey, RequestKeyError};
pub use sign::{SigningKey, SigningKeyError};
pub use token::{TokenDigest, TokenDigestError, random_secret};
pub use verify::{KeyError, MAX_BITS, MIN_BITS, SignatureMismatch, VerifyingKey};

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// The digest of all that is read.
pub fn sha256_of(mut reader: impl Read) -> std::io::Result<[u8; 32]> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut chunk = [0; 16 * 1024];
    loop {
        let read = match reader.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            break;
        }
        context.update(&chunk[..read]);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    Ok(out)
}

/// Lower case.
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// Decodes hexadecimal digits of either case; `None` if the text is anything else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}
