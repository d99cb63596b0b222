//! Replies as `QuickPay` writes them, for `trigger`, `demo` and the tests.

use serde_json::json;

use crate::domain::claim::Status;

/// What a made reply shall say.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// The merchant's refund number.
    pub refund_no: &'a str,
    /// The merchant's order number.
    pub order_no: &'a str,
    /// Refunded, in fen.
    pub amount_fen: u64,
    /// How it ended; `None` makes a status that says nothing about a refund.
    pub status: Option<Status>,
}

/// The reply, to be relayed as it is.
pub fn sample(sample: &Sample<'_>) -> String {
    let has_failed = sample.status == Some(Status::Failed);
    let status = match sample.status {
        Some(Status::Pending) => "PAYING",
        Some(Status::Succeeded) => "REFUNDED",
        Some(Status::Failed) => "REFUNDFAILED",
        Some(Status::Canceled) | None => "SUCCESSED",
    };
    json!({
        "code": "SUCCESS",
        "msg": "",
        "data": {
            "transaction_status": status,
            "error": has_failed.then_some("NOTENOUGH"),
            "store_no": "store-1",
            "paytype": "WECHATPAY_NATIVE",
            "total_amount": sample.amount_fen,
            "refund_amount": sample.amount_fen,
            "order_no": sample.order_no,
            "refund_order_no": sample.refund_no,
            "refund_transaction_no": format!("RT-{}", sample.refund_no),
            "transaction_message": has_failed.then_some("余额不足"),
        },
    })
    .to_string()
}
