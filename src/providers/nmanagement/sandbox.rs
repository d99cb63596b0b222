//! Replies as nManagement writes them, for a relay.

use serde_json::json;

use crate::domain::claim::Status;
use crate::providers::sandbox::{Body, Example, Form, Sample, Sandbox, Write, minor_units};

/// Most decimals of an amount in yuan.
const YUAN_DIGITS: u8 = 2;

/// How nManagement is played.
pub(super) const SANDBOX: Sandbox = Sandbox {
    vendor: "nManagement",
    account: "ccb",
    members: "",
    forms: &[Form {
        name: "nmanagement",
        help: "A relayed nManagement reply",
        proof: Some("Standard Webhooks, HMAC-SHA256"),
        write: Write::Relayed(reply),
        has: &[Status::Succeeded, Status::Failed],
        acknowledgement: "",
        example: Example {
            system: "nmanagement",
            refund_no: "DEMO-",
            order_no: "DEMO-ORDER-3",
            amount: "12.34",
            succeeded: "succeeded 12.34 CNY",
            failed: "failed",
            open: ("the bank timed out", "pending, asks: outcome_unknown"),
        },
    }],
};

/// The reply, to be relayed as it is.
pub(in crate::providers) fn reply(sample: &Sample<'_>) -> Body {
    minor_units(sample.amount, YUAN_DIGITS)?;
    let (has_succeeded, msg, code, message) = match sample.status {
        Some(Status::Succeeded) => (true, "退款成功", Some("000000"), ""),
        Some(Status::Failed) => (false, "退款失败", Some("0130Z110B144"), "记录重复"),
        Some(_) | None => (false, "服务错误", None, "The operation has timed out."),
    };
    Ok(json!({
        "status": 200,
        "success": has_succeeded,
        "msg": msg,
        "msgDev": null,
        "response": {
            "ORDER_NUM": has_succeeded.then_some(sample.order_no),
            "PAY_AMOUNT": has_succeeded.then_some(sample.amount),
            "AMOUNT": has_succeeded.then_some(sample.amount),
            "REQUEST_SN": code.map(|_| "2021120798745712"),
            "CUST_ID": code.map(|_| "105000075235505"),
            "TX_CODE": code.map(|_| "5W1004"),
            "RETURN_CODE": code,
            "RETURN_MSG": message,
            "LANGUAGE": code.map(|_| "CN"),
        },
    })
    .to_string())
}
