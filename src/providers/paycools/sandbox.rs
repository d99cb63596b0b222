//! Bodies as `PayCools` writes them; both forms carry their signature inside.

use jiff::tz::Offset;
use serde_json::{Value, json};

use super::{ACK_FLAT, ACK_OPEN_API, Locale, Paycools, signature};
use crate::crypto::{SigningKey, SuffixSecret};
use crate::domain::claim::Status;
use crate::domain::ids::ExternalId;
use crate::domain::money::Currency;
use crate::providers::sandbox::{Body, Example, Form, Sample, Sandbox, Write, minor_units};
use crate::providers::wire::json::Object;

/// What it has a word for.
const HAS: [Status; 4] = [
    Status::Succeeded,
    Status::Failed,
    Status::Pending,
    Status::Canceled,
];

/// How `PayCools` is played.
pub(super) const SANDBOX: Sandbox = Sandbox {
    vendor: "PayCools",
    account: "my",
    members: "currency = \"MYR\"\nutc_offset = \"+08:00\"\nminor_digits = 2\n",
    forms: &[
        Form {
            name: "paycools",
            help: "PayCools, open-api form (RSA)",
            proof: Some("RSA-SHA256 over the text of `param`"),
            write: Write::Inside {
                body: open_api,
                verifier: |keys| Box::new(Paycools::new(Some(keys), None, ANY_LOCALE)),
            },
            has: &HAS,
            acknowledgement: ACK_OPEN_API,
            example: Example {
                system: "paycools",
                refund_no: "DEMO-PCL-1",
                ..EXAMPLE
            },
        },
        Form {
            name: "paycools-flat",
            help: "PayCools, flat form (shared secret)",
            proof: Some("SHA-1 over the sorted members and a shared secret"),
            write: Write::Digest {
                body: flat,
                verifier: |secret| Box::new(Paycools::new(None, Some(secret), ANY_LOCALE)),
            },
            has: &HAS,
            acknowledgement: ACK_FLAT,
            example: Example {
                system: "paycools flat",
                refund_no: "DEMO-PCL-FLAT-1",
                ..EXAMPLE
            },
        },
    ],
};
const EXAMPLE: Example = Example {
    system: "",
    refund_no: "",
    order_no: "DEMO-ORDER-2",
    amount: "88.80",
    succeeded: "succeeded 88.80 MYR",
    failed: "",
    open: ("", ""),
};
/// What amounts mean plays no part in a signature.
const ANY_LOCALE: Locale = Locale {
    currency: Currency::CNY,
    minor_digits: 2,
    utc_offset: Offset::UTC,
};

/// A body of the open-api form, signed with the provider's private key.
pub fn open_api(sample: &Sample<'_>, key: &SigningKey) -> Body {
    let param = content(sample)?.to_string();
    let sign = key.sign_sha256_base64(param.as_bytes());
    Ok(json!({ "param": param, "sign": sign }).to_string())
}

/// A body of the flat form, signed with the shared secret.
///
/// # Panics
/// Never: what is written as an object is read as one.
pub fn flat(sample: &Sample<'_>, secret: &SuffixSecret) -> Body {
    let mut content = content(sample)?;
    let unsigned = content.to_string();
    let body = Object::parse(unsigned.as_bytes()).expect("it was written as an object just now");
    let signed = signature::signed_text(&body);
    content["sign"] = Value::from(secret.sha1_hex(&signed.text));
    Ok(content.to_string())
}

fn content(sample: &Sample<'_>) -> Result<Value, String> {
    // The service would not take it for one.
    for number in [sample.refund_no, sample.order_no] {
        number
            .parse::<ExternalId>()
            .map_err(|why| format!("number {number:?} {why}"))?;
    }
    let (event, status) = match sample.status {
        Some(Status::Pending) => ("pending", "PENDING"),
        Some(Status::Succeeded) => ("success", "COMPLETE"),
        Some(Status::Failed) => ("failed", "FAILED"),
        Some(Status::Canceled) => ("cancel", "CANCELED"),
        _ => ("success", "WITHDRAWN"),
    };
    let mut content = json!({
        "eventName": format!("payment.refund.{event}"),
        "mchRefundOrderId": sample.refund_no,
        "refundTransactionId": format!("RT-{}", sample.refund_no),
        "originalTransactionId": sample.order_no,
        "refundAmount": minor_units(sample.amount, sample.minor_digits)?,
        "feeRefunded": 0,
        "refundStatus": status,
        "refundCreateTime": "2026-01-17 17:33:50",
        "refundReturnTime": "2026-01-17 17:33:54",
    });
    if sample.status == Some(Status::Failed) {
        content["failedCode"] = json!(-10009);
        content["failedMessage"] = json!("Channel Refund Failed");
    }
    Ok(content)
}
