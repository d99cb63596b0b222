//! `PayCools`: both forms carry their signature inside the body.

use super::{Prepared, Sender, Told, minor_units};
use crate::crypto::{SigningKey, SuffixSecret};
use crate::domain::ids::ExternalId;
use crate::providers::paycools;
use crate::providers::paycools::Sample;

/// The form, with what signs it.
pub enum Form<'a> {
    /// `param` and `sign`, by the provider's private key.
    OpenApi(&'a SigningKey),
    /// Plain members and a digest with the shared secret.
    Flat(&'a SuffixSecret),
}

/// One of the two forms.
pub struct Paycools<'a> {
    /// Which.
    pub form: Form<'a>,
    /// Decimals of the smallest unit of the account: 2, for IDR 0.
    pub minor_digits: u8,
}

impl Sender for Paycools<'_> {
    fn prepare(&self, told: &Told<'_>) -> anyhow::Result<Prepared> {
        // The service would not take it for one.
        for number in [told.refund_no, told.order_no] {
            number
                .parse::<ExternalId>()
                .map_err(|why| anyhow::anyhow!("number {number:?} {why}"))?;
        }
        let sample = Sample {
            refund_no: told.refund_no,
            order_no: told.order_no,
            amount_minor: minor_units(told.amount, self.minor_digits)?,
            status: told.status,
        };
        Ok(Prepared::json(match self.form {
            Form::OpenApi(key) => paycools::open_api(&sample, key),
            Form::Flat(secret) => paycools::flat(&sample, secret),
        }))
    }
}
