//! Replies as `QuickPay` writes them, for a relay.

use serde_json::json;

use crate::domain::claim::Status;
use crate::providers::sandbox::{Body, Example, Form, Sample, Sandbox, Write, minor_units};

/// Decimals of a yuan in fen.
const FEN_DIGITS: u8 = 2;

/// How `QuickPay` is played.
pub(super) const SANDBOX: Sandbox = Sandbox {
    vendor: "QuickPay",
    account: "store-1",
    members: "",
    forms: &[Form {
        name: "quickpay",
        help: "A relayed QuickPay reply",
        proof: Some("Standard Webhooks, HMAC-SHA256"),
        write: Write::Relayed(reply),
        has: &[Status::Succeeded, Status::Failed, Status::Pending],
        acknowledgement: "",
        example: Example {
            system: "quickpay",
            refund_no: "DEMO-",
            order_no: "DEMO-ORDER-3",
            amount: "12.34",
            succeeded: "succeeded 12.34 CNY",
            failed: "failed 12.34 CNY",
            open: (
                "about the payment only",
                "pending 12.34 CNY, asks: status_unknown",
            ),
        },
    }],
};

/// The reply, to be relayed as it is.
pub(in crate::providers) fn reply(sample: &Sample<'_>) -> Body {
    let amount_fen = minor_units(sample.amount, FEN_DIGITS)?;
    let has_failed = sample.status == Some(Status::Failed);
    let status = match sample.status {
        Some(Status::Pending) => "PAYING",
        Some(Status::Succeeded) => "REFUNDED",
        Some(Status::Failed) => "REFUNDFAILED",
        Some(_) | None => "SUCCESSED",
    };
    Ok(json!({
        "code": "SUCCESS",
        "msg": "",
        "data": {
            "transaction_status": status,
            "error": has_failed.then_some("NOTENOUGH"),
            "store_no": "store-1",
            "paytype": "WECHATPAY_NATIVE",
            "total_amount": amount_fen,
            "refund_amount": amount_fen,
            "order_no": sample.order_no,
            "refund_order_no": sample.refund_no,
            "refund_transaction_no": format!("RT-{}", sample.refund_no),
            "transaction_message": has_failed.then_some("余额不足"),
        },
    })
    .to_string())
}
