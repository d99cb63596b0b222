//! A provider's public key: parsed and vetted once, then used for every callback.
//!
//! Two libraries hold the same numbers: aws-lc verifies on the hot path; the `rsa` crate parses, vets and is
//! the second implementation for `refund-receiver verify` and the tests. The algorithm is fixed:
//! RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2). No message can choose another one.

use std::fmt;

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::der::Decode as _;
use rsa::pkcs8::{EncodePublicKey as _, SubjectPublicKeyInfoRef};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::Digest as _;

use super::pem;
use super::pem::{PemError, PemText};
use super::shape;
use super::shape::Shape;
use super::{hex, sha256};

/// Shortest modulus accepted, in bits. The providers' own keys have 2048.
pub const MIN_BITS: usize = 2048;
/// Longest modulus accepted, in bits: the longest aws-lc verifies with.
pub const MAX_BITS: usize = 8192;
/// The only public exponent accepted. Forgeries of the Bleichenbacher 2006 kind need e = 3.
const EXPONENT: u32 = 65_537;

/// rsaEncryption, RFC 8017 appendix A.1.
const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";

/// Beginning of the `DigestInfo` of SHA-256, RFC 8017 §9.2 note 1.
pub(super) const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// Why a text is not a usable key. Worded to follow the name of the key in a one-line message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text holds no single PEM block and no Base64.
    #[error(transparent)]
    PemText(#[from] PemError),
    /// A private key of any kind.
    #[error(
        "is a private key; give the provider's public key, and replace this one where it is in use"
    )]
    PrivateKey,
    /// A certificate or a request for one.
    #[error("is a certificate; give the public key in it: openssl x509 -in FILE -noout -pubkey")]
    Certificate,
    /// A PEM block of some other kind.
    #[error("is a PEM block {0:?}; give one of PUBLIC KEY or RSA PUBLIC KEY")]
    Label(String),
    /// A public key of another algorithm.
    #[error("is a key of the algorithm {0}; give an RSA public key")]
    NotRsa(String),
    /// Decodes, but is no RSA public key.
    #[error(
        "is not the DER of an RSA public key (SubjectPublicKeyInfo or PKCS#1); copy it again whole"
    )]
    Malformed,
    /// Modulus below [`MIN_BITS`].
    #[error("has {0} bits; ask the provider for an RSA key of {MIN_BITS} to {MAX_BITS} bits")]
    TooShort(usize),
    /// Modulus above [`MAX_BITS`].
    #[error("has {0} bits; ask the provider for an RSA key of {MIN_BITS} to {MAX_BITS} bits")]
    TooLong(usize),
    /// An even modulus is no product of two odd primes.
    #[error("has an even modulus and cannot be a real key; copy it again or ask the provider")]
    EvenModulus,
    /// Public exponent other than 65537; the value in decimal when it is short.
    #[error("has the public exponent {0}; ask the provider for a key with exponent {EXPONENT}")]
    Exponent(String),
    /// Vetted here, but rejected by aws-lc.
    #[error("is rejected by the verifying library; ask the provider for another RSA key")]
    Refused,
}

/// The signature was not made over these bytes with this key. Deliberately says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct SignatureMismatch;

/// A vetted RSA public key of 2048 to 8192 bits with exponent 65537.
#[derive(Clone)]
pub struct VerifyingKey {
    parsed: ParsedPublicKey,
    reference: RsaPublicKey,
    fingerprint: String,
}

impl VerifyingKey {
    /// Reads a key as PEM (`PUBLIC KEY`, `RSA PUBLIC KEY`) or as bare Base64 of the DER of either.
    /// White space inside the text is ignored. Both contents are accepted under both labels: portals mix them
    /// up, and the DER says which one it is.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        // Checked first, so that a file with both halves of a key pair is never half accepted.
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::PrivateKey);
        }
        let PemText { label, der } = pem::read(text)?;
        match label.as_deref() {
            None | Some("PUBLIC KEY" | "RSA PUBLIC KEY") => {}
            Some(label) if label.contains("CERTIFICATE") => return Err(KeyError::Certificate),
            Some(label) => return Err(KeyError::Label(label.to_owned())),
        }
        Self::vet(&rsa_numbers(&der)?)
    }

    /// Checks the numbers and builds both libraries' keys from them.
    fn vet(numbers: &rsa::pkcs1::RsaPublicKey<'_>) -> Result<Self, KeyError> {
        let modulus = BigUint::from_bytes_be(numbers.modulus.as_bytes());
        let exponent = BigUint::from_bytes_be(numbers.public_exponent.as_bytes());
        match modulus.bits() {
            bits if bits < MIN_BITS => return Err(KeyError::TooShort(bits)),
            bits if bits > MAX_BITS => return Err(KeyError::TooLong(bits)),
            _ => {}
        }
        if numbers
            .modulus
            .as_bytes()
            .last()
            .is_none_or(|byte| byte % 2 == 0)
        {
            return Err(KeyError::EvenModulus);
        }
        if exponent != BigUint::from(EXPONENT) {
            let shown = if exponent.bits() <= 64 {
                exponent.to_string()
            } else {
                format!("of {} bits", exponent.bits())
            };
            return Err(KeyError::Exponent(shown));
        }
        // `RsaPublicKey::new` and the crate's own decoders stop at 4096 bits.
        let reference = RsaPublicKey::new_with_max_size(modulus, exponent, MAX_BITS)
            .map_err(|_| KeyError::Malformed)?;
        // aws-lc parses what the other library wrote, so both hold the same numbers.
        let pkcs1 = reference.to_pkcs1_der().map_err(|_| KeyError::Malformed)?;
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pkcs1.as_bytes())
            .map_err(|_| KeyError::Refused)?;
        let spki = reference
            .to_public_key_der()
            .map_err(|_| KeyError::Malformed)?;
        let fingerprint = hex(&sha256(spki.as_bytes()));
        Ok(Self {
            parsed,
            reference,
            fingerprint,
        })
    }

    /// Verifies a raw signature over `message`; the hot path, aws-lc.
    pub fn verify_sha256(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureMismatch> {
        self.verify_sha256_digest(&sha256(message), signature)
    }

    /// Verifies a raw signature over the message with this SHA-256 digest; the hot path, aws-lc.
    /// With several keys to try, the message is hashed once.
    pub fn verify_sha256_digest(
        &self,
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), SignatureMismatch> {
        let digest = Digest::import_less_safe(digest, &SHA256).map_err(|_| SignatureMismatch)?;
        self.parsed
            .verify_digest_sig(&digest, signature)
            .map_err(|_| SignatureMismatch)
    }

    /// [`Self::verify_sha256`] by the `rsa` and `sha2` crates, which share no code with aws-lc. For
    /// `refund-receiver verify` and the tests; about ten times slower, so never called while serving.
    pub fn verify_sha256_reference(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureMismatch> {
        self.verify_sha256_digest_reference(&sha2::Sha256::digest(message).into(), signature)
    }

    /// [`Self::verify_sha256_digest`] by the `rsa` crate. For the tests.
    pub fn verify_sha256_digest_reference(
        &self,
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), SignatureMismatch> {
        let scheme = Pkcs1v15Sign {
            hash_len: Some(digest.len()),
            prefix: SHA256_DIGEST_INFO.into(),
        };
        self.reference
            .verify(scheme, digest, signature)
            .map_err(|_| SignatureMismatch)
    }

    /// Hex SHA-256 of the key's `SubjectPublicKeyInfo` DER, whatever form it was given in. The same
    /// as `openssl pkey -pubin -in FILE -outform DER | sha256sum`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.reference.n().bits()
    }

    /// Length of every signature of this key in bytes.
    pub fn signature_len(&self) -> usize {
        self.reference.size()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("bits", &self.bits())
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// Modulus and exponent out of either DER form.
fn rsa_numbers(der: &[u8]) -> Result<rsa::pkcs1::RsaPublicKey<'_>, KeyError> {
    let pkcs1 = match shape::of(der) {
        Shape::Pkcs1 => der,
        Shape::Spki(oid) if oid.to_string() == RSA_ENCRYPTION => spki_content(der)?,
        Shape::Spki(oid) => return Err(KeyError::NotRsa(shape::algorithm_name(oid))),
        Shape::Private => return Err(KeyError::PrivateKey),
        Shape::Certificate => return Err(KeyError::Certificate),
        Shape::Other => return Err(KeyError::Malformed),
    };
    rsa::pkcs1::RsaPublicKey::from_der(pkcs1).map_err(|_| KeyError::Malformed)
}

/// The PKCS#1 structure inside a `SubjectPublicKeyInfo` of rsaEncryption, whose parameters must be
/// NULL (RFC 4055 §1.2).
fn spki_content(der: &[u8]) -> Result<&[u8], KeyError> {
    let spki = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
    let parameters = spki
        .algorithm
        .parameters_any()
        .map_err(|_| KeyError::Malformed)?;
    if !parameters.is_null() {
        return Err(KeyError::Malformed);
    }
    spki.subject_public_key
        .as_bytes()
        .ok_or(KeyError::Malformed)
}
