//! What a difference says: its bucket, the numbers, and what differs in words.

use super::report::{Bucket, Found};
use super::rows::FileRow;
use crate::domain::refund::Refund;
use crate::domain::refund::parity::Parity;
use crate::domain::time::Timestamp;

/// In which bucket a row belongs that is not a match, and everything that differs.
pub(super) fn difference(refund: &Refund, row: &FileRow) -> Option<(Bucket, String)> {
    let bucket = match Parity::of(refund, row.said()) {
        Parity::StatusDiffers => Bucket::StatusDiffers,
        Parity::AmountDiffers => Bucket::AmountDiffers,
        Parity::CurrencyDiffers => Bucket::CurrencyDiffers,
        Parity::Match | Parity::Missing | Parity::Duplicate => return None,
    };
    let mut texts = Vec::new();
    if refund.status != row.status {
        let (ours, theirs) = (refund.status.as_str(), row.status.as_str());
        texts.push(format!("status: ours {ours}, file {theirs}"));
    }
    let theirs = row.money;
    match refund.money {
        None => texts.push(format!(
            "amount: ours unknown, file {}",
            theirs.amount_text()
        )),
        Some(ours) => {
            if ours.amount != theirs.amount {
                let (ours, theirs) = (ours.amount_text(), theirs.amount_text());
                texts.push(format!("amount: ours {ours}, file {theirs}"));
            }
            if ours.currency != theirs.currency {
                let (ours, theirs) = (ours.currency.code(), theirs.currency.code());
                texts.push(format!("currency: ours {ours}, file {theirs}"));
            }
        }
    }
    Some((bucket, texts.join("; ")))
}

pub(super) fn of_row(bucket: Bucket, line: u64, row: &FileRow, what: String) -> Found {
    Found {
        bucket,
        line: Some(line),
        refund_no: row.refund_no.clone().map(String::from),
        provider_refund_no: row.provider_refund_no.clone().map(String::from),
        refund_id: None,
        what,
    }
}

pub(super) fn unreadable(line: u64, what: String) -> Found {
    Found {
        bucket: Bucket::UnreadableRow,
        line: Some(line),
        refund_no: None,
        provider_refund_no: None,
        refund_id: None,
        what,
    }
}

pub(super) fn absent(refund: &Refund, final_at: Timestamp) -> Found {
    let money = refund.money.map_or_else(String::new, |money| {
        format!(" of {} {}", money.amount_text(), money.currency.code())
    });
    Found {
        bucket: Bucket::OnlyHere,
        line: None,
        refund_no: refund
            .refund_no
            .as_ref()
            .map(|number| number.as_str().to_owned()),
        provider_refund_no: refund.provider_refund_no.clone().map(String::from),
        refund_id: Some(refund.id),
        what: format!("{}{money} at {final_at}", refund.status.as_str()),
    }
}
