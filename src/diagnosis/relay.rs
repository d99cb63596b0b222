//! Known signing mistakes of relays with Standard Webhooks, reproduced with the account's secrets.

use super::manglings::Undone;
use crate::crypto::{SignedParts, WebhookKeyForm, WebhookMessage, WebhookSecrets};
use crate::providers::Request;
use crate::providers::relay::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Wrong forms of the key, with the code and the condition of each.
const KEYS: [(WebhookKeyForm, &str, &str); 3] = [
    (
        WebhookKeyForm::Text,
        "secret_used_as_text",
        "the secret were decoded from Base64 behind whsec_; its text was used as the key",
    ),
    (
        WebhookKeyForm::WholeText,
        "secret_used_as_text",
        "the secret were decoded from Base64 behind whsec_; its text with whsec_ was used as the key",
    ),
    (
        WebhookKeyForm::HexText,
        "secret_used_as_hexadecimal",
        "the secret were decoded from Base64 behind whsec_; its bytes in hexadecimal digits were used as the key",
    ),
];

/// Wrong signed texts, instead of id, timestamp and body.
const PARTS: [(SignedParts, &str); 3] = [
    (SignedParts::Body, "the body alone"),
    (SignedParts::TimestampBody, "timestamp and body"),
    (SignedParts::IdBody, "id and body"),
];

/// The first mistake that explains the signature, if any.
pub(super) fn mistakes(secrets: &WebhookSecrets, request: &Request<'_>) -> Option<Undone> {
    let message = WebhookMessage {
        id: (request.header)(ID_HEADER),
        timestamp: (request.header)(TIMESTAMP_HEADER),
        signature: (request.header)(SIGNATURE_HEADER),
        body: request.body,
    };
    of_timestamp(secrets, &message)
        .or_else(|| of_key(secrets, &message))
        .or_else(|| of_parts(secrets, &message))
        .or_else(|| of_list(secrets, &message))
}

fn found(name: &'static str, condition: &str) -> Undone {
    Undone {
        name,
        condition: condition.to_owned(),
        bytes: Vec::new(),
    }
}

fn right(secrets: &WebhookSecrets, message: &WebhookMessage<'_>) -> bool {
    secrets.made_with(message, WebhookKeyForm::Bytes, SignedParts::All)
}

/// Milliseconds in the header; milliseconds or seconds were signed.
fn of_timestamp(secrets: &WebhookSecrets, message: &WebhookMessage<'_>) -> Option<Undone> {
    let sent = message.timestamp?;
    let seconds = sent.get(..sent.len().checked_sub(3)?)?;
    let in_seconds = WebhookMessage {
        timestamp: Some(seconds),
        ..*message
    };
    let is_milliseconds = sent.len() == 13 && sent.bytes().all(|byte| byte.is_ascii_digit());
    if is_milliseconds && (right(secrets, message) || right(secrets, &in_seconds)) {
        let condition = "webhook-timestamp were in seconds, as it is signed; it is in milliseconds";
        return Some(found("timestamp_in_milliseconds", condition));
    }
    None
}

fn of_key(secrets: &WebhookSecrets, message: &WebhookMessage<'_>) -> Option<Undone> {
    let made = KEYS
        .iter()
        .find(|(form, _, _)| secrets.made_with(message, *form, SignedParts::All));
    made.map(|(_, name, condition)| found(name, condition))
}

fn of_parts(secrets: &WebhookSecrets, message: &WebhookMessage<'_>) -> Option<Undone> {
    let made = PARTS
        .iter()
        .find(|(parts, _)| secrets.made_with(message, WebhookKeyForm::Bytes, *parts));
    made.map(|(_, what)| {
        let condition =
            format!("id, timestamp and body were signed, with full stops between them, not {what}");
        found("other_parts_signed", &condition)
    })
}

/// Several signatures that are not separated by spaces.
fn of_list(secrets: &WebhookSecrets, message: &WebhookMessage<'_>) -> Option<Undone> {
    let spaced = message
        .signature?
        .replace([',', ';', '|'], " ")
        .replace("v1 ", "v1,");
    let split = WebhookMessage {
        signature: Some(&spaced),
        ..*message
    };
    if Some(spaced.as_str()) != message.signature && right(secrets, &split) {
        let condition =
            "the signatures were separated by a space, not a comma or another character";
        return Some(found("signatures_not_separated_by_spaces", condition));
    }
    None
}
