//! The calls of both forms.
//!
//! * open-api: `param` is JSON as text; what is signed is that text, which is then embedded, escaped
//! * flat: what is signed is `a=1&b=2&…`, members by their names, nothing escaped; the query carries
//!   the same members in its URL, percent-encoded

use secrecy::{ExposeSecret as _, SecretString};

use super::{PaycoolsClient, TimestampUnit};
use crate::domain::ids::ExternalId;
use crate::domain::money::Amount;
use crate::domain::money::decimal::{Decimal, Spelling};
use crate::providers::outgoing::body::{JsonText, percent_encoded};
use crate::providers::outgoing::{Call, Outgoing};
use crate::providers::paycools::wire::REFUND_NO;

/// The member of an intent that one installation requires.
pub(super) const SUB_ORDER: &str = "subOrderId";

/// A member of the flat form: its name, and its value as it is signed.
type Pair<'a> = (&'static str, &'a str);

impl PaycoolsClient {
    pub(super) fn open_api_refund(&self, unit: TimestampUnit, outgoing: &Outgoing<'_>) -> Call {
        let intent = outgoing.intent;
        let payment = intent.provider_payment_no.as_ref();
        let param = JsonText::new()
            .optional("originalTransactionId", payment.map(ExternalId::as_str))
            .text(REFUND_NO, outgoing.refund_no)
            .literal("refundAmount", &self.minor_text(intent.money.amount))
            .optional("refundReason", intent.reason.as_deref())
            .text("refundCallbackUrl", &self.callback_url)
            .literal("timestamp", &timestamp(unit, outgoing.now))
            .end();
        self.open_api("/open-api/payment/refund", &param)
    }

    pub(super) fn open_api_query(
        &self,
        unit: TimestampUnit,
        outgoing: &Outgoing<'_>,
        name: &'static str,
        number: &ExternalId,
    ) -> Call {
        let param = JsonText::new()
            .text(name, number.as_str())
            .literal("timestamp", &timestamp(unit, outgoing.now))
            .end();
        self.open_api("/open-api/refund/payments", &param)
    }

    fn open_api(&self, path: &str, param: &str) -> Call {
        let sign = self.key.sign_sha256_base64(param.as_bytes());
        let body = JsonText::new()
            .text("appId", &self.app_id)
            .text("sign", &sign)
            .text("param", param)
            .end();
        self.post(path, body)
    }

    pub(super) fn flat_refund(
        &self,
        secret: Option<&SecretString>,
        outgoing: &Outgoing<'_>,
    ) -> Call {
        let intent = outgoing.intent;
        let amount = self.minor_text(intent.money.amount);
        let payment = intent.provider_payment_no.as_ref();
        let mut pairs: Vec<Pair<'_>> = vec![
            ("appId", &self.app_id),
            (REFUND_NO, outgoing.refund_no),
            (
                "originalTransactionId",
                payment.map_or("", ExternalId::as_str),
            ),
            ("refundAmount", &amount),
            ("refundCallbackUrl", &self.callback_url),
        ];
        pairs.extend(intent.reason.as_deref().map(|text| ("refundReason", text)));
        pairs.extend(intent.field(SUB_ORDER).map(|text| (SUB_ORDER, text)));
        pairs.retain(|(_, value)| !value.is_empty());
        let sign = self.flat_sign(secret, &pairs);
        let mut body = JsonText::new();
        for (name, value) in pairs {
            body = match name {
                "refundAmount" => body.literal(name, value),
                name => body.text(name, value),
            };
        }
        self.post("/api/payment/refund", body.text("sign", &sign).end())
    }

    pub(super) fn flat_query(
        &self,
        secret: Option<&SecretString>,
        name: &'static str,
        number: &ExternalId,
    ) -> Call {
        let pairs: [Pair<'_>; 2] = [("appId", &self.app_id), (name, number.as_str())];
        let sign = self.flat_sign(secret, &pairs);
        let [app_id, number] =
            pairs.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        let sign = percent_encoded(&sign);
        let url = format!(
            "{}/api/refund/payments?{app_id}&{number}&sign={sign}",
            self.base_url
        );
        Call::get_json(url)
    }

    fn flat_sign(&self, secret: Option<&SecretString>, pairs: &[Pair<'_>]) -> String {
        let mut text = signed_text(pairs);
        if let Some(secret) = secret {
            text.push_str("&secret=");
            text.push_str(secret.expose_secret());
        }
        self.key.sign_sha256_base64(text.as_bytes())
    }

    fn post(&self, path: &str, body: String) -> Call {
        let url = format!("{}{path}", self.base_url);
        let is_secret = self.shown_callback_url != self.callback_url;
        let shown = is_secret.then(|| body.replace(&self.callback_url, &self.shown_callback_url));
        Call {
            shown_body: shown.map(String::into_bytes),
            ..Call::post_json(url, body.into_bytes())
        }
    }

    /// The amount in the account's smallest unit, exactly: where `minor_digits` has become fewer since the
    /// intent was checked, a fraction stays, which the provider rejects.
    pub(super) fn minor_text(&self, amount: Amount) -> String {
        let major = amount.to_text(0);
        let digits = i32::from(self.locale.minor_digits);
        Decimal::parse(&major, Spelling::Text)
            .map_or(major, |decimal| decimal.shifted(digits).to_string())
    }
}

/// Members in the order of their names, joined.
pub(super) fn signed_text(pairs: &[Pair<'_>]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let joined: Vec<_> = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    joined.join("&")
}

fn timestamp(unit: TimestampUnit, now: jiff::Timestamp) -> String {
    match unit {
        TimestampUnit::Seconds => now.as_second().to_string(),
        TimestampUnit::Millis => now.as_millisecond().to_string(),
    }
}
