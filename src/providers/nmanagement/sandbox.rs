//! Replies as nManagement writes them, for `trigger`, `demo` and the tests.

use serde_json::json;

use crate::domain::claim::Status;

/// What a made reply shall say.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// The merchant's order number.
    pub order_no: &'a str,
    /// Refunded, decimal text in yuan.
    pub amount: &'a str,
    /// How it ended. The bank knows only [`Status::Succeeded`] and [`Status::Failed`]; everything
    /// else makes the reply of a call that timed out.
    pub status: Option<Status>,
}

/// The reply, to be relayed as it is.
pub fn sample(sample: &Sample<'_>) -> String {
    let (has_succeeded, msg, code, message) = match sample.status {
        Some(Status::Succeeded) => (true, "退款成功", Some("000000"), ""),
        Some(Status::Failed) => (false, "退款失败", Some("0130Z110B144"), "记录重复"),
        Some(Status::Pending | Status::Canceled) | None => {
            (false, "服务错误", None, "The operation has timed out.")
        }
    };
    json!({
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
    .to_string()
}
