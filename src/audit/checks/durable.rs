//! I1: the stored bytes are the received bytes. Their digest was stored in the same transaction, so any later
//! change of the signed part shows.

use serde_json::Value;

use crate::crypto::sha256;
use crate::providers::{part_digest, relay};
use crate::store::CallbackRow;

/// The digest covers the whole body, the signed part of it, a relayed message's id and body, or a reply with the
/// attempt that it answers.
pub fn of_callback(callback: &CallbackRow) -> Vec<String> {
    let body = &callback.body;
    if let Some(attempt) = callback.attempt_id {
        let key = sha256(&[attempt.as_bytes(), &body[..]].concat());
        return told(callback.delivery_key == key);
    }
    let is_body = callback.delivery_key == sha256(body);
    let is_part = || {
        let digest = part_digest(&callback.account.provider, body);
        digest.is_some_and(|digest| callback.delivery_key == digest)
    };
    let is_message = || {
        let headers: Value = serde_json::from_str(&callback.headers).unwrap_or_default();
        let id = headers[relay::ID_HEADER].as_str().map(str::to_owned);
        id.is_some_and(|id| callback.delivery_key == relay::message_key(&id, body))
    };
    told(is_body || is_part() || is_message())
}

fn told(is_right: bool) -> Vec<String> {
    let wrong = "its bytes are not those whose digest was stored".to_owned();
    if is_right { Vec::new() } else { vec![wrong] }
}
