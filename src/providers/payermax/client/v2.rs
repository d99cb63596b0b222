//! Bodies of the new generation: an envelope, and `data` in it.

use secrecy::SecretString;

use super::PayermaxClient;
use crate::domain::ids::ExternalId;
use crate::providers::outgoing::Outgoing;
use crate::providers::outgoing::body::JsonText;

/// The provider's own member of an intent.
pub(super) const TRADE_TOKEN: &str = "trade_token";

/// What the envelope says of an account.
#[derive(Debug)]
pub(in crate::providers::payermax) struct NewApi {
    pub(in crate::providers::payermax) app_id: String,
    pub(in crate::providers::payermax) version: String,
    pub(in crate::providers::payermax) key_version: String,
    /// Of an independent software vendor, which sends a token as well.
    pub(in crate::providers::payermax) sp_merchant_no: Option<String>,
    pub(in crate::providers::payermax) auth_token: Option<(String, SecretString)>,
}

impl NewApi {
    pub(super) fn refund(&self, client: &PayermaxClient, outgoing: &Outgoing<'_>) -> String {
        let intent = outgoing.intent;
        let order_no = intent.order_no.as_ref().map(ExternalId::as_str);
        let data = JsonText::new()
            .text("outRefundNo", outgoing.refund_no)
            .literal("refundAmount", &intent.money.amount.to_text(0))
            .text("refundCurrency", intent.money.currency.code())
            .optional("outTradeNo", order_no)
            .optional("tradeToken", intent.field(TRADE_TOKEN))
            .optional("comments", intent.reason.as_deref())
            .optional("refundNotifyUrl", client.callback_url.as_deref())
            .end();
        self.envelope(client, outgoing, &data)
    }

    pub(super) fn query(&self, client: &PayermaxClient, outgoing: &Outgoing<'_>) -> String {
        let data = JsonText::new().text("outRefundNo", outgoing.refund_no);
        self.envelope(client, outgoing, &data.end())
    }

    fn envelope(&self, client: &PayermaxClient, outgoing: &Outgoing<'_>, data: &str) -> String {
        JsonText::new()
            .text("version", &self.version)
            .text("keyVersion", &self.key_version)
            .text("requestTime", &request_time(outgoing.now))
            .text("appId", &self.app_id)
            .text("merchantNo", &client.merchant_no)
            .optional("spMerchantNo", self.sp_merchant_no.as_deref())
            .literal("data", data)
            .end()
    }
}

/// `2022-01-17T09:20:54.047+00:00`: milliseconds and an offset, both always.
fn request_time(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}
