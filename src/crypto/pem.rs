//! Decodes a pasted key text to DER.
//!
//! Providers publish keys as one line of bare Base64, OpenSSL writes PEM, and mail programs and portals
//! re-wrap both. So white space is ignored. Everything else is strict: one block, nothing around it,
//! canonical Base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `label` is that of the PEM block, `None` for bare Base64.
pub(super) struct PemText {
    pub(super) label: Option<String>,
    pub(super) der: Vec<u8>,
}

/// The text is no single PEM block and no Base64. Worded to follow the name of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Nothing but white space.
    #[error("is empty; give the key as a PEM block or as Base64 of its DER")]
    Empty,
    /// Text before or after the block, or a second block.
    #[error(
        "has text around its PEM block; give exactly one block from BEGIN to END and nothing else"
    )]
    TextAround,
    /// No END line, or one of another label.
    #[error("is truncated: its PEM block has no END line that fits its BEGIN line; copy it whole")]
    Unterminated,
    /// Neither PEM nor Base64 in the standard alphabet.
    #[error("is neither a PEM block nor standard Base64; give the key as the provider shows it")]
    NotBase64,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

pub(super) fn read(text: &str) -> Result<PemText, PemError> {
    // Windows editors put a byte order mark in front.
    let text = text.trim_start_matches('\u{feff}').trim_ascii();
    if text.is_empty() {
        return Err(PemError::Empty);
    }
    let Some(rest) = text.strip_prefix(BEGIN) else {
        if text.contains(BEGIN) {
            return Err(PemError::TextAround);
        }
        return Ok(PemText {
            label: None,
            der: decode(text)?,
        });
    };
    let (label, rest) = rest.split_once(DASHES).ok_or(PemError::Unterminated)?;
    let (body, rest) = rest.split_once(END).ok_or(PemError::Unterminated)?;
    let after = rest
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix(DASHES))
        .ok_or(PemError::Unterminated)?;
    if !after.is_empty() {
        return Err(PemError::TextAround);
    }
    Ok(PemText {
        label: Some(label.to_owned()),
        der: decode(body)?,
    })
}

fn decode(body: &str) -> Result<Vec<u8>, PemError> {
    let compact: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(compact).map_err(|_| PemError::NotBase64)
}
