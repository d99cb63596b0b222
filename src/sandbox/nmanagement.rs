//! nManagement: its reply, for a relay.

use super::{Told, minor_units, refuse};
use crate::domain::claim::Status;
use crate::providers::nmanagement;
use crate::providers::nmanagement::Sample;

/// Most decimals of an amount in yuan.
const YUAN_DIGITS: u8 = 2;

/// The reply of `/api/Pay/PayRefund`; an unknown outcome is a call to the bank that timed out.
pub fn reply(told: &Told<'_>) -> anyhow::Result<String> {
    let words = "succeeded, failed and unknown";
    let without = [Status::Pending, Status::Canceled];
    refuse("nManagement", told, &without, words)?;
    minor_units(told.amount, YUAN_DIGITS)?;
    Ok(nmanagement::sample(&Sample {
        order_no: told.order_no,
        amount: told.amount,
        status: told.status,
    }))
}
