//! Key pairs that sign as the provider in `demo`, `trigger` and the tests.
//!
//! **Never used while serving.** The `rsa` crate makes and reads these pairs, from a seed too, and has a known timing
//! weakness in private-key operations (RUSTSEC-2023-0071): harmless for a throw-away key on the operator's own
//! machine, not for a real key. Signatures are made by [`RequestKey`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng as _;
use rand::rngs::{OsRng, StdRng};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use super::pem;
use super::pem::PemError;
use super::request_key::RequestKey;
use super::verify::{KeyError, VerifyingKey};

/// Length of generated moduli in bits: what the providers use.
const GENERATED_BITS: usize = 2048;

/// Worded to follow the name of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The text holds no single PEM block and no Base64.
    #[error(transparent)]
    PemText(#[from] PemError),
    /// Not an unencrypted RSA private key.
    #[error(
        "is not an unencrypted RSA private key; give one as PKCS#8 or PKCS#1: openssl genrsa 2048"
    )]
    NotPrivate,
    #[error("has a public half that the service would reject: it {0}")]
    Unusable(#[from] KeyError),
    #[error("could not be made: {0}")]
    Library(String),
}

/// An RSA key pair whose public half passes the vetting of [`VerifyingKey`].
pub struct SigningKey {
    signer: RequestKey,
    pem: String,
    public_pem: String,
    public_base64_der: String,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// Generates a key pair of 2048 bits.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let private = RsaPrivateKey::new(&mut OsRng, GENERATED_BITS).map_err(library)?;
        Self::new(&private)
    }

    /// The same key pair for the same seed, for a sandbox that is repeatable. As secret as the seed is.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, SigningKeyError> {
        let mut random = StdRng::from_seed(seed);
        let private = RsaPrivateKey::new(&mut random, GENERATED_BITS).map_err(library)?;
        Self::new(&private)
    }

    /// Reads a private key as PEM or bare Base64, PKCS#8 or PKCS#1, unencrypted.
    pub fn from_pem(text: &str) -> Result<Self, SigningKeyError> {
        let der = pem::read(text)?.der;
        let private = RsaPrivateKey::from_pkcs8_der(&der)
            .or_else(|_| RsaPrivateKey::from_pkcs1_der(&der))
            .map_err(|_| SigningKeyError::NotPrivate)?;
        Self::new(&private)
    }

    fn new(private: &RsaPrivateKey) -> Result<Self, SigningKeyError> {
        let pem = private
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(library)?
            .to_string();
        let public = private.to_public_key();
        let public_pem = public.to_public_key_pem(LineEnding::LF).map_err(library)?;
        let public_der = public.to_public_key_der().map_err(library)?;
        let public_base64_der = STANDARD.encode(public_der.as_bytes());
        let verifying = VerifyingKey::parse(&public_base64_der)?;
        let signer = RequestKey::parse(&pem).map_err(library)?;
        Ok(Self {
            signer,
            pem,
            public_pem,
            public_base64_der,
            verifying,
        })
    }

    /// The private key as PKCS#8 PEM. A secret.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The public key as PEM, as `public_keys = [{ file = … }]` takes it.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The public key as one line of Base64, as the providers' portals show it.
    pub fn public_base64_der(&self) -> &str {
        &self.public_base64_der
    }

    /// The public half.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Signs `message` with RSASSA-PKCS1-v1_5 and SHA-256; standard Base64 with padding.
    pub fn sign_sha256_base64(&self, message: &[u8]) -> String {
        self.signer.sign_sha256_base64(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.verifying)
            .finish_non_exhaustive()
    }
}

fn library(error: impl fmt::Display) -> SigningKeyError {
    SigningKeyError::Library(error.to_string())
}
