//! `QuickPay`: its reply, for a relay.

use super::{Told, minor_units, refuse};
use crate::domain::claim::Status;
use crate::providers::quickpay;
use crate::providers::quickpay::Sample;

/// Digits behind the point that fen make of a yuan.
const FEN_DIGITS: u8 = 2;

/// The reply of `QuickPay/Refund`.
pub fn reply(told: &Told<'_>) -> anyhow::Result<String> {
    let words = "succeeded, failed, pending and unknown";
    refuse("QuickPay", told, &[Status::Canceled], words)?;
    Ok(quickpay::sample(&Sample {
        refund_no: told.refund_no,
        order_no: told.order_no,
        amount_fen: minor_units(told.amount, FEN_DIGITS)?,
        status: told.status,
    }))
}
