//! The `EPay` caller: a bearer token, and one of four formats.

use anyhow::Context as _;

use super::{Prepared, Sender, Told};
use crate::domain::claim::Status;
use crate::providers::epay;
use crate::providers::epay::{MediaType, Sample};

/// One caller.
pub struct Epay<'a> {
    /// Its bearer token.
    pub token: &'a str,
    /// What it sends.
    pub media: MediaType,
}

impl Sender for Epay<'_> {
    /// The refund number is `batchno/trandeno`, as readers see it.
    fn prepare(&self, told: &Told<'_>) -> anyhow::Result<Prepared> {
        anyhow::ensure!(
            told.status == Some(Status::Succeeded),
            "EPay only ever reports success; leave out --outcome"
        );
        let (batchno, trandeno) = told
            .refund_no
            .split_once('/')
            .context("an EPay refund number is batchno/trandeno")?;
        let report = Sample {
            batchno,
            trandeno,
            refundmoney: told.amount,
        };
        // A caller reads what it writes; forms are never written by the service.
        let accepted = match self.media {
            MediaType::Form => MediaType::ApplicationJson,
            media => media,
        };
        Ok(Prepared {
            headers: vec![
                ("content-type", self.media.name().to_owned()),
                ("accept", accepted.name().to_owned()),
                ("authorization", format!("Bearer {}", self.token)),
            ],
            body: epay::sample(&report, self.media),
        })
    }
}
