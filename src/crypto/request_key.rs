//! The private key that signs our own requests. aws-lc signs; the `rsa` crate, whose private-key operations have
//! a timing weakness (RUSTSEC-2023-0071), never sees the key: its public half is read off the key itself.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pem;
use super::pem::PemError;
use super::verify::{KeyError, VerifyingKey};

/// Worded to follow the name of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestKeyError {
    #[error(transparent)]
    PemText(#[from] PemError),
    #[error(
        "is not an unencrypted RSA private key of 2048 to 8192 bits; give it as PKCS#8 or PKCS#1, PEM or Base64"
    )]
    NotPrivate,
    #[error("has a public half that cannot be used: it {0}")]
    Public(#[from] KeyError),
}

/// A key pair, parsed once.
pub struct RequestKey {
    pair: KeyPair,
    public: VerifyingKey,
}

impl RequestKey {
    /// Reads PKCS#8 or PKCS#1, as PEM or bare Base64, unencrypted.
    pub fn parse(text: &str) -> Result<Self, RequestKeyError> {
        let der = pem::read(text)?.der;
        let pair = KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der));
        Self::of(pair.map_err(|_| RequestKeyError::NotPrivate)?)
    }

    fn of(pair: KeyPair) -> Result<Self, RequestKeyError> {
        let public: Result<PublicKeyX509Der<'_>, _> = pair.public_key().as_der();
        let public = public.map_err(|_| RequestKeyError::NotPrivate)?;
        let public = VerifyingKey::parse(&STANDARD.encode(public.as_ref()))?;
        Ok(Self { pair, public })
    }

    /// The public half, as the provider has to have it.
    pub fn public_key(&self) -> &VerifyingKey {
        &self.public
    }

    pub fn public_fingerprint(&self) -> String {
        self.public.fingerprint().to_owned()
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256; standard Base64 with padding.
    ///
    /// # Panics
    /// Not with a key that [`Self::parse`] let in: signing fails only for want of memory or entropy.
    pub fn sign_sha256_base64(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .expect("a parsed key pair can sign");
        STANDARD.encode(signature)
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rsa::pkcs8::DecodePrivateKey as _;
    use rsa::{Pkcs1v15Sign, RsaPrivateKey};

    use super::*;
    use crate::crypto::test_keys;
    use crate::crypto::verify::SHA256_DIGEST_INFO;

    #[test]
    fn both_libraries_make_the_same_signature() {
        let other = &test_keys::OURS;
        let key = RequestKey::parse(other.to_pem()).unwrap();
        let signature = key.sign_sha256_base64(b"message");
        let private = RsaPrivateKey::from_pkcs8_pem(other.to_pem()).unwrap();
        let scheme = Pkcs1v15Sign {
            hash_len: Some(32),
            prefix: SHA256_DIGEST_INFO.into(),
        };
        let expected = private.sign(scheme, &crate::crypto::sha256(b"message"));
        assert_eq!(signature, STANDARD.encode(expected.unwrap()));
        assert_eq!(
            key.public_fingerprint(),
            other.verifying_key().fingerprint()
        );
    }

    #[test]
    fn what_is_no_private_key_is_rejected() {
        let other = &test_keys::OURS;
        for text in ["", "hello", other.public_pem(), "AAAA"] {
            assert!(RequestKey::parse(text).is_err(), "{text}");
        }
    }
}
