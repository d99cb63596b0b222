//! I1: the stored bytes are the bytes that came. Their digest was stored with them, in the same
//! transaction, so bytes that changed since then show.

use serde_json::Value;

use crate::crypto::sha256;
use crate::providers::relay;
use crate::store::AuditedCallback;

/// A signed body is known by its digest, a relayed message by that of its id and body.
pub fn of_callback(callback: &AuditedCallback) -> Vec<String> {
    let body = &callback.body;
    let is_body = callback.delivery_key == sha256(body);
    let is_message = || {
        let headers: Value = serde_json::from_str(&callback.headers).unwrap_or_default();
        let id = headers[relay::ID_HEADER].as_str().map(str::to_owned);
        id.is_some_and(|id| callback.delivery_key == relay::message_key(&id, body))
    };
    if is_body || is_message() {
        return Vec::new();
    }
    vec!["its bytes are not those whose digest was stored".to_owned()]
}
