//! `PayerMax` as a sender: callback texts of both generations, signed and posted.

use super::config::{APP_ID, MERCHANT_NO, OLD_MERCHANT_ID};
use super::keys::provider_key;
use super::{Reply, Server};

/// The exact success bodies that the provider wants to see.
pub const ACK: &str = r#"{"code":"SUCCESS","msg":"Success"}"#;
pub const OLD_ACK: &str = r#"{"bizCode":"0000","message":"success"}"#;
/// The answer to every request that fails authentication.
pub const UNAUTHORIZED: &str = r#"{"error":"unauthorized"}"#;

/// The callback paths of the usual configuration.
pub const MAIN: &str = "/callbacks/payermax/main";
pub const OLD: &str = "/callbacks/payermax/old";

/// The provider's published sample of the new generation, byte for byte.
pub const SAMPLE: &str = r#"{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":"3b242b56a8b64274bcc37dac281120e3","merchantNo":"020213827212251","notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"REFUND","data":{"outRefundNo":"R1642411016202","refundTradeNo":"20220117091657TI790000055087","outTradeNo":"P1642410680681","refundAmount":10000,"refundCurrency":"IDR","status":"REFUND_SUCCESS"}}"#;
/// The refund number in [`SAMPLE`].
pub const SAMPLE_REFUND_NO: &str = "R1642411016202";

/// The provider's published sample of v2.1, byte for byte.
pub const OLD_SAMPLE: &str = r#"{"merchantId":"SP12345678","refundId":"201811121126886846","tradeNo":"20220914153025TI2536162084804117","orderId":"1535433567849","status":1,"refundAmount":"1000","currency":"SAR","errorCode":"","errorMsg":""}"#;
/// The refund number in [`OLD_SAMPLE`].
pub const OLD_SAMPLE_REFUND_NO: &str = "201811121126886846";

/// A callback of the new generation whose members a test may change.
#[derive(Debug, Clone)]
pub struct Notice {
    pub refund_no: String,
    pub status: &'static str,
    /// The JSON token, so that a test can write a number or a text.
    pub amount: String,
    pub currency: &'static str,
    pub code: &'static str,
    pub merchant_no: &'static str,
    /// Name and value of the app member.
    pub app: (&'static str, &'static str),
    /// The JSON token of `notifyTime`.
    pub notify_time: String,
}

impl Notice {
    /// A good callback: `status` of 125.50 USD for `refund_no`.
    pub fn new(refund_no: &str, status: &'static str) -> Self {
        Self {
            refund_no: refund_no.to_owned(),
            status,
            amount: "125.50".to_owned(),
            currency: "USD",
            code: "APPLY_SUCCESS",
            merchant_no: MERCHANT_NO,
            app: ("appId", APP_ID),
            notify_time: "\"2026-01-17T09:33:54.540+00:00\"".to_owned(),
        }
    }

    /// Another amount, as a JSON token.
    pub fn amount(mut self, token: &str) -> Self {
        token.clone_into(&mut self.amount);
        self
    }

    /// The JSON text in the provider's member order.
    pub fn text(&self) -> String {
        format!(
            r#"{{"code":"{code}","msg":"","keyVersion":"1","{app}":"{app_id}","merchantNo":"{merchant}","notifyTime":{time},"notifyType":"REFUND","data":{{"outRefundNo":"{no}","refundTradeNo":"T-{no}","outTradeNo":"P-{no}","refundAmount":{amount},"refundCurrency":"{currency}","status":"{status}"}}}}"#,
            code = self.code,
            app = self.app.0,
            app_id = self.app.1,
            merchant = self.merchant_no,
            time = self.notify_time,
            no = self.refund_no,
            amount = self.amount,
            currency = self.currency,
            status = self.status,
        )
    }
}

/// A v2.1 callback; `status` and `amount` are JSON tokens.
pub fn old_notice(refund_id: &str, status: &str, amount: &str, error: &str) -> String {
    format!(
        r#"{{"merchantId":"{OLD_MERCHANT_ID}","refundId":"{refund_id}","tradeNo":"T-{refund_id}","orderId":"P-{refund_id}","status":{status},"refundAmount":{amount},"currency":"SAR","errorCode":"{error}","errorMsg":"{error}"}}"#
    )
}

impl Server {
    /// Posts a body with a signature text as a provider does.
    pub fn post_signed(&self, path: &str, body: impl AsRef<[u8]>, sign: &str) -> Reply {
        self.post(
            path,
            &[("content-type", "application/json"), ("sign", sign)],
            body,
        )
    }

    /// Posts a body under the provider's good signature.
    pub fn notify(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        let sign = provider_key().sign(body.as_ref());
        self.post_signed(path, body, &sign)
    }

    /// Posts a good callback of the new generation and asserts the acknowledgement.
    #[track_caller]
    pub fn notified(&self, notice: &Notice) {
        self.notify(MAIN, notice.text()).expect(200, ACK);
    }
}
