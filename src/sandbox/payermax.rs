//! PayerMax: the signature over the whole body stands in a header.

use super::{Prepared, Sender, Told, refuse};
use crate::crypto::SigningKey;
use crate::domain::claim::Status;
use crate::providers::payermax;
use crate::providers::payermax::SIGN_HEADER;

/// One of the two generations.
pub struct Payermax<'a> {
    /// The provider's private key.
    pub key: &'a SigningKey,
    /// The older generation.
    pub v21: bool,
    /// `merchantNo` or `merchantId`.
    pub merchant_no: &'a str,
    /// `appId`, in the new generation.
    pub app_id: Option<&'a str>,
    /// ISO 4217.
    pub currency: &'a str,
}

impl Sender for Payermax<'_> {
    fn prepare(&self, told: &Told<'_>) -> anyhow::Result<Prepared> {
        let words = "succeeded, failed, pending and unknown";
        refuse("PayerMax", told, &[Status::Canceled], words)?;
        let body = payermax::sample(&payermax::Sample {
            v21: self.v21,
            merchant_no: self.merchant_no,
            app_id: self.app_id,
            refund_no: told.refund_no,
            order_no: told.order_no,
            amount: told.amount,
            currency: self.currency,
            status: told.status,
        });
        let sign = self.key.sign_sha256_base64(body.as_bytes());
        Ok(Prepared::json(body).with(SIGN_HEADER, sign))
    }
}
