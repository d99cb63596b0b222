//! Bodies as PayerMax writes them, for `trigger`, `demo` and the tests.

use serde_json::json;

use crate::domain::claim::Status;

/// What a made notification shall say.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// The older generation instead of the new one.
    pub v21: bool,
    /// `merchantNo` or `merchantId`.
    pub merchant_no: &'a str,
    /// `appId`, in the new generation.
    pub app_id: Option<&'a str>,
    /// The merchant's refund number.
    pub refund_no: &'a str,
    /// The merchant's order number.
    pub order_no: &'a str,
    /// Decimal text, major units.
    pub amount: &'a str,
    /// ISO 4217.
    pub currency: &'a str,
    /// How it ended; `None` makes a status that no document lists.
    pub status: Option<Status>,
}

/// The body, to be signed as it is.
pub fn sample(sample: &Sample<'_>) -> String {
    let failed = sample.status == Some(Status::Failed);
    if sample.v21 {
        let status = match sample.status {
            Some(Status::Pending) => 0,
            Some(Status::Succeeded) => 1,
            Some(Status::Failed) => 2,
            Some(Status::Canceled) | None => 9,
        };
        return json!({
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
        .to_string();
    }
    let status = match sample.status {
        Some(Status::Pending) => "REFUND_PENDING",
        Some(Status::Succeeded) => "REFUND_SUCCESS",
        Some(Status::Failed) => "REFUND_FAILED",
        Some(Status::Canceled) | None => "REFUND_WITHDRAWN",
    };
    json!({
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
    .to_string()
}
