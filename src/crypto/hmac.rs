//! Shared secrets and what is computed with them.
//!
//! * [`SuffixSecret`]: SHA-1 over a text followed by the secret, as `PayCools`' flat form demands. It is no
//!   HMAC, and SHA-1 is broken for collisions, so the adapter rejects every ambiguous text, and the form is
//!   off where no secret is configured.
//! * [`WebhookSecrets`]: HMAC-SHA256 by Standard Webhooks 1.0.0. The crate of that project reads the system
//!   clock and knows one secret only; here the time is a parameter and a rotation has several secrets.
//!   `crypto/tests/macs.rs` checks the example signature of the official libraries; `tests/it/clients.rs`
//!   checks relays signed and pushes verified by the official libraries for JavaScript and Python.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore as _;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret as _, SecretString};

use super::mistakes::WebhookKeyForm;
use super::{hex, sha256};

const SECRET_PREFIX: &str = "whsec_";
/// Minimum of Standard Webhooks (192 bits).
const SECRET_BYTES_MIN: usize = 24;
/// Max difference between the signed time and ours, either way, inclusive.
const TOLERANCE_SECONDS: i64 = 300;
/// A UUID has 36 characters.
const MESSAGE_ID_CHARS_MAX: usize = 128;
/// 29 signatures of one rotation. The whole header is stored, to be verified again.
const SIGNATURES_CHARS_MAX: usize = 1_400;
/// Ten digits are in use until the year 2286.
const TIMESTAMP_DIGITS_MAX: usize = 12;

/// A secret that is appended to the text before hashing.
#[derive(Clone)]
pub struct SuffixSecret(SecretString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("the digest is missing")]
    Missing,
    /// Of another text or secret.
    #[error("the digest does not match")]
    Mismatch,
}

impl SuffixSecret {
    pub fn new(secret: &str) -> Self {
        Self(SecretString::from(secret))
    }

    /// SHA-1 of `text` followed by the secret, in lower-case hex.
    pub fn sha1_hex(&self, text: &str) -> String {
        let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        context.update(text.as_bytes());
        context.update(self.0.expose_secret().as_bytes());
        hex(context.finish().as_ref())
    }

    /// Checks hex digits of either case, in constant time.
    pub fn verify_sha1_hex(&self, text: &str, digest: Option<&str>) -> Result<(), DigestError> {
        let said = digest.unwrap_or_default().to_ascii_lowercase();
        if said.is_empty() {
            return Err(DigestError::Missing);
        }
        verify_slices_are_equal(self.sha1_hex(text).as_bytes(), said.as_bytes())
            .map_err(|_| DigestError::Mismatch)
    }
}

impl fmt::Debug for SuffixSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SuffixSecret([redacted])")
    }
}

/// Why a text is no Standard Webhooks secret. Worded to follow the name of the config key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    /// Another kind of secret.
    #[error("must begin with whsec_, as Standard Webhooks secrets do")]
    Prefix,
    /// No Base64 after the prefix.
    #[error("must be whsec_ and standard base64: echo whsec_$(openssl rand -base64 32)")]
    NotBase64,
    /// Could be guessed.
    #[error("holds {0} bytes, at least 24 are needed: echo whsec_$(openssl rand -base64 32)")]
    TooShort(usize),
    /// Without a secret nothing could ever be verified.
    #[error("holds no secret; give at least one")]
    None,
}

/// Why no secret verifies a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSignatureError {
    /// The header of this name is absent or empty.
    #[error("the {0} header is missing")]
    Missing(&'static str),
    /// Too long, or with characters (a full stop, white space) that make the signed text ambiguous.
    #[error("the webhook-id is not usable")]
    Id,
    #[error("the webhook-signature is longer than 1400 characters")]
    TooMany,
    /// Not whole seconds since 1970.
    #[error("the webhook-timestamp is not a number of seconds")]
    Timestamp,
    #[error("the webhook-timestamp is more than five minutes away")]
    OutsideTolerance,
    #[error("no v1 signature matches any secret")]
    Mismatch,
}

/// One Standard Webhooks secret.
#[derive(Clone)]
pub struct WebhookSecret {
    id: String,
    key: hmac::Key,
    /// The text after `whsec_`, for the diagnosis of a relay's mistakes.
    encoded: SecretString,
}

impl WebhookSecret {
    /// Parses `whsec_` and Base64 of at least 24 bytes.
    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text
            .strip_prefix(SECRET_PREFIX)
            .ok_or(WebhookSecretError::Prefix)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| WebhookSecretError::NotBase64)?;
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(WebhookSecretError::TooShort(bytes.len()));
        }
        Ok(Self {
            id: format!("whsec-{}", hex(&sha256(&bytes)[..4])),
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            encoded: SecretString::from(encoded),
        })
    }

    /// Generates a secret for `demo` and the tests.
    pub fn generate_text() -> String {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes))
    }

    /// Names the secret in the store without revealing it: eight hex digits of its SHA-256. Stable when
    /// secrets are added or reordered.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `webhook-signature` of a message.
    pub fn sign(&self, message_id: &str, seconds: i64, body: &[u8]) -> String {
        let tag = self.tag(message_id, &seconds.to_string(), body);
        format!("v1,{}", STANDARD.encode(tag))
    }

    fn tag(&self, message_id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [
            message_id.as_bytes(),
            b".",
            timestamp.as_bytes(),
            b".",
            body,
        ] {
            context.update(part);
        }
        context.sign()
    }

    /// The key of a relay that uses this form of the secret.
    pub(super) fn key(&self, form: WebhookKeyForm) -> hmac::Key {
        let encoded = self.encoded.expose_secret();
        let text = match form {
            WebhookKeyForm::Bytes => return self.key.clone(),
            WebhookKeyForm::Text => encoded.to_owned(),
            WebhookKeyForm::WholeText => format!("{SECRET_PREFIX}{encoded}"),
            // It was decoded when it was read.
            WebhookKeyForm::HexText => hex(&STANDARD.decode(encoded).unwrap_or_default()),
        };
        hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebhookSecret").field(&self.id).finish()
    }
}

/// A received message; `None` for an absent header.
#[derive(Clone, Copy, Debug)]
pub struct WebhookMessage<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
    /// The body, untouched.
    pub body: &'a [u8],
}

/// Which secret verified which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookProof<'a> {
    /// [`WebhookSecret::id`] of the secret that matched.
    pub secret_id: &'a str,
    /// `webhook-id`, covered by the signature.
    pub message_id: &'a str,
}

/// The secrets of one relay or endpoint, several during a rotation.
#[derive(Clone, Debug)]
pub struct WebhookSecrets(pub(super) Vec<WebhookSecret>);

impl WebhookSecrets {
    pub fn new(secrets: Vec<WebhookSecret>) -> Result<Self, WebhookSecretError> {
        if secrets.is_empty() {
            return Err(WebhookSecretError::None);
        }
        Ok(Self(secrets))
    }

    /// The ids, in the order of the config.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.id.as_str())
    }

    /// Whether a secret with this id is among them.
    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|secret| secret.id == id)
    }

    /// The `webhook-signature` of a message that we send: one entry per secret, so that a receiver may have
    /// either during a rotation.
    pub fn sign(&self, message_id: &str, seconds: i64, body: &[u8]) -> String {
        let signatures: Vec<_> = self
            .0
            .iter()
            .map(|secret| secret.sign(message_id, seconds, body))
            .collect();
        signatures.join(" ")
    }

    /// Verifies `id.timestamp.body`. Hashes the body once per secret, however many signatures the header
    /// holds, and compares in constant time.
    pub fn verify<'a>(
        &'a self,
        message: &WebhookMessage<'a>,
        now: jiff::Timestamp,
    ) -> Result<WebhookProof<'a>, WebhookSignatureError> {
        let (id, timestamp, signatures) = (message.id, message.timestamp, message.signature);
        let given = |header: Option<&'a str>, name| {
            header
                .filter(|text| !text.is_empty())
                .ok_or(WebhookSignatureError::Missing(name))
        };
        let id = given(id, "webhook-id")?;
        let timestamp = given(timestamp, "webhook-timestamp")?;
        let signatures = given(signatures, "webhook-signature")?;
        if id.len() > MESSAGE_ID_CHARS_MAX || !id.bytes().all(|b| b.is_ascii_graphic() && b != b'.')
        {
            return Err(WebhookSignatureError::Id);
        }
        if signatures.len() > SIGNATURES_CHARS_MAX {
            return Err(WebhookSignatureError::TooMany);
        }
        let seconds = seconds(timestamp).ok_or(WebhookSignatureError::Timestamp)?;
        if (now.as_second() - seconds).abs() > TOLERANCE_SECONDS {
            return Err(WebhookSignatureError::OutsideTolerance);
        }
        let said: Vec<_> = signatures
            .split(' ')
            .filter_map(|entry| STANDARD.decode(entry.strip_prefix("v1,")?).ok())
            .collect();
        self.0
            .iter()
            .find(|secret| {
                let tag = secret.tag(id, timestamp, message.body);
                said.iter()
                    .any(|said| verify_slices_are_equal(tag.as_ref(), said).is_ok())
            })
            .map(|secret| WebhookProof {
                secret_id: &secret.id,
                message_id: id,
            })
            .ok_or(WebhookSignatureError::Mismatch)
    }
}

/// Plain digits only: the text itself is signed, so it must be unambiguous.
fn seconds(text: &str) -> Option<i64> {
    let plain = text.len() <= TIMESTAMP_DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
