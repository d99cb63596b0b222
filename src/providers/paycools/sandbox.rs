//! Bodies as `PayCools` writes them, for `trigger`, `demo` and the tests.

use serde_json::{Value, json};

use super::signature;
use crate::crypto::{SigningKey, SuffixSecret};
use crate::domain::claim::Status;
use crate::providers::json::Object;

/// What a made notification shall say.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// The merchant's refund number.
    pub refund_no: &'a str,
    /// `PayCools`' number of the payment.
    pub order_no: &'a str,
    /// In the account's smallest unit.
    pub amount_minor: u64,
    /// How it ended; `None` makes a status that no document lists.
    pub status: Option<Status>,
}

/// A body of the open-api form, signed with the provider's private key.
pub fn open_api(sample: &Sample<'_>, key: &SigningKey) -> String {
    let param = content(sample).to_string();
    let sign = key.sign_sha256_base64(param.as_bytes());
    json!({ "param": param, "sign": sign }).to_string()
}

/// A body of the flat form, signed with the shared secret.
///
/// # Panics
/// Never: what is written as an object is read as one.
pub fn flat(sample: &Sample<'_>, secret: &SuffixSecret) -> String {
    let mut content = content(sample);
    let unsigned = content.to_string();
    let body = Object::parse(unsigned.as_bytes()).expect("it was written as an object just now");
    let signed = signature::signed_text(&body);
    content["sign"] = Value::from(secret.sha1_hex(&signed.text));
    content.to_string()
}

fn content(sample: &Sample<'_>) -> Value {
    let (event, status) = match sample.status {
        Some(Status::Pending) => ("pending", "PENDING"),
        Some(Status::Succeeded) => ("success", "COMPLETE"),
        Some(Status::Failed) => ("failed", "FAILED"),
        Some(Status::Canceled) => ("cancel", "CANCELED"),
        None => ("success", "WITHDRAWN"),
    };
    let mut content = json!({
        "eventName": format!("payment.refund.{event}"),
        "mchRefundOrderId": sample.refund_no,
        "refundTransactionId": format!("RT-{}", sample.refund_no),
        "originalTransactionId": sample.order_no,
        "refundAmount": sample.amount_minor,
        "feeRefunded": 0,
        "refundStatus": status,
        "refundCreateTime": "2026-01-17 17:33:50",
        "refundReturnTime": "2026-01-17 17:33:54",
    });
    if sample.status == Some(Status::Failed) {
        content["failedCode"] = json!(-10009);
        content["failedMessage"] = json!("Channel Refund Failed");
    }
    content
}
