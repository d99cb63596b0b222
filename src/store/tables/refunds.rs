//! Refunds: locked, changed and saved by transaction 2.

use super::callbacks::uuid;
use super::close_outs::read_close_out;
use super::{COUNTED_MAX, Snapshot, Tx, corrupt, number};
use crate::domain::claim::{Account, Reason, RefundNo, Status};
use crate::domain::close_out::CloseOut;
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::money::{Amount, Money};
use crate::domain::refund::Refund;
use crate::domain::time::Timestamp;
use crate::store::driver::{Row, Value};
use crate::store::{StoreError, sql};

/// Columns that [`read_refund`] takes.
const REFUND_COLUMNS: usize = 15;

/// A refund read under its lock; only such a one can be saved, and only the store can make it.
#[derive(Debug)]
pub struct Locked {
    refund: Refund,
}

impl Locked {
    /// The refund.
    pub fn refund(&self) -> &Refund {
        &self.refund
    }

    /// The refund, to be changed and then saved.
    pub fn refund_mut(&mut self) -> &mut Refund {
        &mut self.refund
    }
}

impl Tx<'_> {
    /// Reads a refund and keeps everybody else from changing it until the commit.
    pub fn lock_refund(
        &mut self,
        account: &Account,
        refund_no: &RefundNo,
    ) -> Result<Option<Locked>, StoreError> {
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            refund_no.as_str().into(),
        ];
        let refund = self
            .snapshot()
            .first(sql::LOCK_REFUND, &params, read_refund)?;
        Ok(refund.map(|refund| Locked { refund }))
    }

    /// The same by id.
    pub fn lock_refund_by_id(&mut self, id: RefundId) -> Result<Option<Locked>, StoreError> {
        let params = [id.as_bytes().into()];
        let refund = self
            .snapshot()
            .first(sql::LOCK_REFUND_BY_ID, &params, read_refund)?;
        Ok(refund.map(|refund| Locked { refund }))
    }

    /// Stores a new refund; `None` where there is one with this number.
    pub fn insert_refund(&mut self, refund: Refund) -> Result<Option<Locked>, StoreError> {
        let inserted = {
            let mutable = Mutable::of(&refund)?;
            let mut params = vec![
                refund.id.as_bytes().into(),
                refund.account.provider.as_str().into(),
                refund.account.name.as_str().into(),
                refund.refund_no.as_ref().map(RefundNo::as_str).into(),
                refund.received_at.as_millis().into(),
            ];
            params.extend(mutable.values(&refund));
            self.execute(sql::INSERT_REFUND, &params)?
        };
        Ok((inserted == 1).then_some(Locked { refund }))
    }

    /// Saves a changed refund.
    pub fn save_refund(&mut self, locked: &Locked) -> Result<(), StoreError> {
        let refund = &locked.refund;
        let mutable = Mutable::of(refund)?;
        let mut params = mutable.values(refund).to_vec();
        params.push(refund.id.as_bytes().into());
        self.driver.expect_one(sql::SAVE_REFUND, &params)
    }
}

/// The texts of the mutable columns that have to be made before they can be bound.
struct Mutable {
    amount: Option<String>,
    failure: Option<String>,
    attention: String,
}

impl Mutable {
    fn of(refund: &Refund) -> Result<Self, StoreError> {
        let unwritable = |error: serde_json::Error| StoreError::Statement(error.to_string());
        Ok(Self {
            amount: refund.money.map(Money::amount_text),
            failure: refund
                .failure
                .as_ref()
                .map(serde_json::to_string)
                .transpose()
                .map_err(unwritable)?,
            attention: serde_json::to_string(&refund.attention).map_err(unwritable)?,
        })
    }

    /// In the order of `sql::INSERT_REFUND` after the immutable ones, and of `sql::SAVE_REFUND`.
    fn values<'a>(&'a self, refund: &'a Refund) -> [Value<'a>; 10] {
        [
            refund
                .provider_refund_no
                .as_ref()
                .map(ExternalId::as_str)
                .into(),
            refund.order_no.as_ref().map(ExternalId::as_str).into(),
            refund.status.as_str().into(),
            refund.provider_status.as_deref().into(),
            self.amount.as_deref().into(),
            refund.money.map(|money| money.currency.code()).into(),
            self.failure.as_deref().into(),
            refund.finished_at.map(Timestamp::as_millis).into(),
            self.attention.as_str().into(),
            refund.updated_at.as_millis().into(),
        ]
    }
}

impl Snapshot<'_> {
    /// One refund with its close-out.
    pub fn refund(
        &mut self,
        id: RefundId,
    ) -> Result<Option<(Refund, Option<CloseOut>)>, StoreError> {
        self.first(sql::REFUND, &[id.as_bytes().into()], read_both)
    }

    /// How many refunds have an open question of each reason, among the first `COUNTED_MAX` with any.
    pub fn count_attention(&mut self) -> Result<Vec<(Reason, i64)>, StoreError> {
        let sql = sql::count_attention();
        let counts = self.first(&sql, &[COUNTED_MAX.into()], |row| {
            let reasons = Reason::ALL.into_iter().enumerate();
            let counts =
                reasons.map(|(column, reason)| Ok((reason, row.opt_integer(column)?.unwrap_or(0))));
            counts.collect::<Result<Vec<_>, StoreError>>()
        })?;
        Ok(counts.unwrap_or_default())
    }
}

pub(super) fn read_both(row: &dyn Row) -> Result<(Refund, Option<CloseOut>), StoreError> {
    let close_out = match row.opt_blob(REFUND_COLUMNS)? {
        Some(_) => Some(read_close_out(row, REFUND_COLUMNS)?),
        None => None,
    };
    Ok((read_refund(row)?, close_out))
}

fn read_refund(row: &dyn Row) -> Result<Refund, StoreError> {
    let money = match (row.opt_text(9)?, row.opt_text(10)?) {
        (Some(amount), Some(currency)) => Some(Money {
            amount: Amount::parse(amount).map_err(|_| corrupt("amount"))?,
            currency: currency.parse().map_err(|_| corrupt("currency"))?,
        }),
        _ => None,
    };
    let refund_no = row
        .opt_text(3)?
        .map(|text| serde_json::from_value(text.into()))
        .transpose();
    Ok(Refund {
        id: RefundId::new(uuid(row.blob(0)?)?),
        account: Account {
            provider: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
        },
        refund_no: refund_no.map_err(|_| corrupt("refund number"))?,
        received_at: Timestamp::from_millis(row.integer(4)?),
        provider_refund_no: number(row.opt_text(5)?)?,
        order_no: number(row.opt_text(6)?)?,
        status: Status::from_word(row.text(7)?).ok_or_else(|| corrupt("status"))?,
        provider_status: row.opt_text(8)?.map(str::to_owned),
        money,
        failure: row
            .opt_text(11)?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| corrupt("failure"))?,
        finished_at: row.opt_integer(12)?.map(Timestamp::from_millis),
        attention: serde_json::from_str(row.text(13)?).map_err(|_| corrupt("attention"))?,
        updated_at: Timestamp::from_millis(row.integer(14)?),
    })
}
