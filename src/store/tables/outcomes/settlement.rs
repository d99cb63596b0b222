//! What a comparison with a provider's file reads: refunds by their numbers, and those that changed since a
//! time. Nothing here writes.

use crate::domain::claim::{Account, RefundNo};
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::refund::Refund;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::tables::Snapshot;
use crate::store::tables::outcomes::refunds::{read_refund, refund_columns};

/// Sorts before every id.
const FIRST: &[u8] = &[];
/// Refunds of one provider's number that are looked at; more than one is a fault of its own.
const SAME_NUMBER_MAX: i64 = 32;

impl Snapshot<'_> {
    /// The refund of an account with this number of the merchant.
    pub fn refund_by_number(
        &mut self,
        account: &Account,
        refund_no: &RefundNo,
    ) -> Result<Option<Refund>, StoreError> {
        const SQL: &str = concat!(
            "-- refund_by_number
            SELECT ",
            refund_columns!(),
            " FROM refunds WHERE refunds.refund_no = $1 AND refunds.provider = $2 AND refunds.account = $3"
        );
        let params = [
            refund_no.as_str().into(),
            account.provider.as_str().into(),
            account.name.as_str().into(),
        ];
        self.first(SQL, &params, read_refund)
    }

    /// The refunds of an account with this number of the provider.
    pub fn refunds_by_provider_number(
        &mut self,
        account: &Account,
        number: &ExternalId,
    ) -> Result<Vec<Refund>, StoreError> {
        // The account is compared here: an engine without statistics takes the index of accounts for the
        // better one.
        const SQL: &str = concat!(
            "-- refunds_by_provider_number
            SELECT ",
            refund_columns!(),
            " FROM refunds WHERE refunds.provider_refund_no = $1 LIMIT $2"
        );
        let params = [number.as_str().into(), SAME_NUMBER_MAX.into()];
        let mut refunds = self.all(SQL, &params, read_refund)?;
        refunds.retain(|refund| refund.account == *account);
        Ok(refunds)
    }

    /// Refunds of all accounts that changed after this, in the order of their changes.
    pub fn refunds_changed(
        &mut self,
        (time, id): (Timestamp, Option<RefundId>),
        limit: u32,
    ) -> Result<Vec<Refund>, StoreError> {
        const SQL: &str = concat!(
            "-- refunds_changed
            SELECT ",
            refund_columns!(),
            " FROM refunds WHERE (refunds.updated_at, refunds.id) > ($1, $2)
            ORDER BY refunds.updated_at, refunds.id LIMIT $3"
        );
        let id = id.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [time.as_millis().into(), id.into(), i64::from(limit).into()];
        self.all(SQL, &params, read_refund)
    }
}
