//! Wrong Standard Webhooks signatures, for the diagnosis of a relay's mistakes; never to accept a message.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::from_hex;
use super::hmac::{WebhookMessage, WebhookSecrets};

/// What was used as the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKeyForm {
    /// The decoded bytes: correct.
    Bytes,
    /// The text after `whsec_`.
    Text,
    /// The whole text, with `whsec_`.
    WholeText,
    /// The decoded bytes in hexadecimal digits.
    HexText,
}

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedParts {
    /// `id.timestamp.body`: correct.
    All,
    Body,
    /// `timestamp.body`.
    TimestampBody,
    /// `id.body`.
    IdBody,
}

impl WebhookSecrets {
    /// Whether a secret in this form made a signature of the message over these parts; ignores the time.
    pub fn made_with(
        &self,
        message: &WebhookMessage<'_>,
        form: WebhookKeyForm,
        parts: SignedParts,
    ) -> bool {
        let (id, timestamp) = (
            message.id.unwrap_or_default(),
            message.timestamp.unwrap_or_default(),
        );
        let head = match parts {
            SignedParts::All => format!("{id}.{timestamp}."),
            SignedParts::Body => String::new(),
            SignedParts::TimestampBody => format!("{timestamp}."),
            SignedParts::IdBody => format!("{id}."),
        };
        let signed = [head.as_bytes(), message.body].concat();
        let said: Vec<_> = message
            .signature
            .unwrap_or_default()
            .split(' ')
            .filter_map(decoded)
            .collect();
        self.0.iter().any(|secret| {
            let tag = hmac::sign(&secret.key(form), &signed);
            said.iter()
                .any(|said| verify_slices_are_equal(tag.as_ref(), said).is_ok())
        })
    }
}

/// One entry, with or without its version, in Base64 or hexadecimal digits.
fn decoded(entry: &str) -> Option<Vec<u8>> {
    let bare = entry.strip_prefix("v1,").unwrap_or(entry);
    // A tag has 32 bytes; hex digits of another length are tried as Base64.
    let digits = from_hex(bare).filter(|bytes| bytes.len() == 32);
    digits.or_else(|| STANDARD.decode(bare).ok())
}
