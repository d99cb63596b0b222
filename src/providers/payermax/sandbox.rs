//! Bodies as PayerMax writes them, in both generations.

use serde_json::json;

use super::{ACK_NEW, ACK_V21, SIGN_HEADER};
use crate::domain::claim::Status;
use crate::providers::sandbox::{Body, Example, Form, Sample, Sandbox, Write};

/// The merchant of the published sample; `trigger` and the demo play it.
pub const MERCHANT_NO: &str = "020213827212251";

/// What it has a word for.
const HAS: [Status; 3] = [Status::Succeeded, Status::Failed, Status::Pending];

/// How PayerMax is played.
pub(super) const SANDBOX: Sandbox = Sandbox {
    vendor: "PayerMax",
    account: "main",
    members: "merchant_no = \"020213827212251\"\n",
    forms: &[
        Form {
            name: "payermax",
            help: "PayerMax, new notification",
            proof: Some("RSA-SHA256 over the whole body, both generations"),
            write: Write::Header {
                header: SIGN_HEADER,
                body,
            },
            has: &HAS,
            acknowledgement: ACK_NEW,
            example: Example {
                system: "payermax",
                refund_no: "DEMO-PMX-1",
                ..EXAMPLE
            },
        },
        Form {
            name: "payermax-v21",
            help: "PayerMax, v2.1",
            proof: None,
            write: Write::Header {
                header: SIGN_HEADER,
                body: body_v21,
            },
            has: &HAS,
            acknowledgement: ACK_V21,
            example: Example {
                system: "payermax v2.1",
                refund_no: "DEMO-PMX-OLD-1",
                ..EXAMPLE
            },
        },
    ],
};
const EXAMPLE: Example = Example {
    system: "",
    refund_no: "",
    order_no: "DEMO-ORDER-1",
    amount: "10000",
    succeeded: "succeeded 10000.00 IDR",
    failed: "",
    open: ("", ""),
};

/// A callback of the new generation, to be signed as it is.
#[expect(clippy::unnecessary_wraps, reason = "the type of every form's writer")]
pub(super) fn body(sample: &Sample<'_>) -> Body {
    let failed = sample.status == Some(Status::Failed);
    let status = match sample.status {
        Some(Status::Pending) => "REFUND_PENDING",
        Some(Status::Succeeded) => "REFUND_SUCCESS",
        Some(Status::Failed) => "REFUND_FAILED",
        Some(_) | None => "REFUND_WITHDRAWN",
    };
    Ok(json!({
        "code": if failed { "REFUND_FAILED" } else { "APPLY_SUCCESS" },
        "msg": if failed { "the bank refused" } else { "" },
        "keyVersion": "1",
        "appId": sample.app_id,
        "merchantNo": sample.merchant_no,
        "notifyTime": "2026-01-17T09:33:54.540+00:00",
        "notifyType": "REFUND",
        "data": {
            "outRefundNo": sample.refund_no,
            "refundTradeNo": format!("TI-{}", sample.refund_no),
            "outTradeNo": sample.order_no,
            "refundAmount": sample.amount,
            "refundCurrency": sample.currency,
            "status": status,
        },
    })
    .to_string())
}

/// A callback of v2.1, to be signed as it is.
#[expect(clippy::unnecessary_wraps, reason = "the type of every form's writer")]
fn body_v21(sample: &Sample<'_>) -> Body {
    let failed = sample.status == Some(Status::Failed);
    let status = match sample.status {
        Some(Status::Pending) => 0,
        Some(Status::Succeeded) => 1,
        Some(Status::Failed) => 2,
        Some(_) | None => 9,
    };
    Ok(json!({
        "merchantId": sample.merchant_no,
        "refundId": sample.refund_no,
        "tradeNo": format!("TRADE-{}", sample.order_no),
        "orderId": sample.order_no,
        "status": status,
        "refundAmount": sample.amount,
        "currency": sample.currency,
        "errorCode": if failed { "REFUND_FAILED" } else { "" },
        "errorMsg": if failed { "the bank refused" } else { "" },
    })
    .to_string())
}

/// The published sample of the new generation, for `openapi.json`.
pub(super) fn example() -> String {
    let sample = Sample {
        app_id: Some("3b242b56a8b64274bcc37dac281120e3"),
        refund_no: "R1642411016202",
        order_no: "P1642410680681",
        amount: "10000",
        ..Sample::default()
    };
    body(&sample).unwrap_or_default()
}
