//! Refunds: locked, changed and saved by transaction 2.

use crate::domain::claim::{Account, Reason, RefundNo, Status};
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::money::{Amount, Money};
use crate::domain::order::close_out::CloseOut;
use crate::domain::refund::Refund;
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::{Row, Value};
use crate::store::tables::epay::close_outs::{close_out_columns, read_close_out};
use crate::store::tables::inbound::callbacks::uuid;
use crate::store::tables::requests::{read_request, request_columns};
use crate::store::tables::{COUNTED_MAX, Snapshot, Tx, corrupt, number};

columns!(refund_columns, RefundColumns: refunds {
    id, provider, account, refund_no, received_at, provider_refund_no, order_no, status, provider_status, amount,
    currency, failure, finished_at, attention, updated_at,
});
pub(in crate::store::tables) use refund_columns;

const COLUMN: RefundColumns = RefundColumns::from(0);
/// Column of an answer that follows those of a refund.
const AFTER_REFUND: usize = RefundColumns::up_to(0).1;

/// Column of an answer that follows those of a refund and its close-out.
const AFTER_CLOSE_OUT: usize = crate::store::tables::epay::close_outs::after(AFTER_REFUND);

/// A refund with what belongs to it.
#[derive(Clone, Debug)]
pub struct RefundRow {
    pub refund: Refund,
    /// Of `EPay`.
    pub close_out: Option<CloseOut>,
    /// Where we submit it, or watch it.
    pub request: Option<Request>,
}

/// A refund read under its lock; only such a one can be saved, and only the store can make it.
#[derive(Debug)]
pub struct Locked(Refund);

impl Locked {
    /// The refund.
    pub fn refund(&self) -> &Refund {
        &self.0
    }

    /// The refund, to be changed and then saved.
    pub fn refund_mut(&mut self) -> &mut Refund {
        &mut self.0
    }
}

impl Tx<'_> {
    /// Reads a refund and locks it until the commit.
    pub fn lock_refund(
        &mut self,
        account: &Account,
        refund_no: &RefundNo,
    ) -> Result<Option<Locked>, StoreError> {
        const SQL: &str = concat!(
            "-- lock_refund
            UPDATE refunds SET updated_at = updated_at
            WHERE refunds.provider = $1 AND refunds.account = $2 AND refunds.refund_no = $3
            RETURNING ",
            refund_columns!()
        );
        let params = [
            account.provider.as_str().into(),
            account.name.as_str().into(),
            refund_no.as_str().into(),
        ];
        self.snapshot().first(SQL, &params, read_locked)
    }

    /// The same by id.
    pub fn lock_refund_by_id(&mut self, id: RefundId) -> Result<Option<Locked>, StoreError> {
        const SQL: &str = concat!(
            "-- lock_refund_by_id
            UPDATE refunds SET updated_at = updated_at WHERE refunds.id = $1
            RETURNING ",
            refund_columns!()
        );
        let params = [id.as_bytes().into()];
        self.snapshot().first(SQL, &params, read_locked)
    }

    /// Stores a new refund; `None` where there is one with this number.
    pub fn insert_refund(&mut self, refund: Refund) -> Result<Option<Locked>, StoreError> {
        const SQL: &str = "-- insert_refund
            INSERT INTO refunds (id, provider, account, refund_no, received_at, provider_refund_no, order_no,
              status, provider_status, amount, currency, failure, finished_at, attention, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            ON CONFLICT DO NOTHING";
        let is_new = {
            let mutable = Mutable::of(&refund)?;
            let mut params = vec![
                refund.id.as_bytes().into(),
                refund.account.provider.as_str().into(),
                refund.account.name.as_str().into(),
                refund.refund_no.as_ref().map(RefundNo::as_str).into(),
                refund.received_at.as_millis().into(),
            ];
            params.extend(mutable.values(&refund));
            self.insert_new(SQL, &params)?
        };
        Ok(is_new.then_some(Locked(refund)))
    }

    /// Saves a changed refund.
    pub fn save_refund(&mut self, locked: &Locked) -> Result<(), StoreError> {
        const SQL: &str = "-- save_refund
            UPDATE refunds SET provider_refund_no = $1, order_no = $2, status = $3, provider_status = $4,
              amount = $5, currency = $6, failure = $7, finished_at = $8, attention = $9, updated_at = $10
            WHERE id = $11";
        let refund = &locked.0;
        let mutable = Mutable::of(refund)?;
        let mut params = mutable.values(refund).to_vec();
        params.push(refund.id.as_bytes().into());
        self.driver.expect_one(SQL, &params)
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

    /// In the order of `insert_refund` after the immutable ones, and of `save_refund`.
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
    /// One refund with what belongs to it.
    pub fn refund(&mut self, id: RefundId) -> Result<Option<RefundRow>, StoreError> {
        const SQL: &str = concat!(
            "-- refund
            SELECT ",
            refund_columns!(),
            ", ",
            close_out_columns!(),
            ", ",
            request_columns!(),
            " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id
            LEFT JOIN requests ON requests.refund_id = refunds.id
            WHERE refunds.id = $1"
        );
        self.first(SQL, &[id.as_bytes().into()], read_row)
    }

    /// The same for a refund that is known to be there.
    pub fn known_refund(&mut self, id: RefundId) -> Result<Box<RefundRow>, StoreError> {
        let row = self.refund(id)?;
        row.map(Box::new)
            .ok_or_else(|| StoreError::Unreadable("a refund is gone".to_owned()))
    }

    /// Refunds with an open question, the oldest first.
    pub fn oldest_questions(&mut self, limit: u32) -> Result<Vec<RefundRow>, StoreError> {
        const SQL: &str = concat!(
            "-- oldest_questions
            SELECT ",
            refund_columns!(),
            ", ",
            close_out_columns!(),
            ", ",
            request_columns!(),
            " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id
            LEFT JOIN requests ON requests.refund_id = refunds.id
            WHERE refunds.attention <> '[]' ORDER BY refunds.id LIMIT $1"
        );
        self.all(SQL, &[i64::from(limit).into()], read_row)
    }

    /// How many refunds have an open question of each reason, and how many have a decision that waits for a second
    /// person, among the first `COUNTED_MAX` with any.
    pub fn count_attention(&mut self) -> Result<(Vec<(Reason, i64)>, i64), StoreError> {
        // One column for each reason, in their order.
        let columns = Reason::ALL.map(|reason| {
            let reason = reason.as_str();
            format!("count(CASE WHEN attention LIKE '%\"reason\":\"{reason}\"%' THEN 1 END)")
        });
        let sql = format!(
            "-- count_attention
            SELECT {}, count(CASE WHEN attention LIKE '%\"approval\":{{%' THEN 1 END)
            FROM (SELECT attention FROM refunds WHERE attention <> '[]' ORDER BY id LIMIT $1) AS open",
            columns.join(", ")
        );
        let counts = self.first(&sql, &[COUNTED_MAX.into()], |row| {
            let reasons = Reason::ALL.into_iter().enumerate();
            let counts =
                reasons.map(|(column, reason)| Ok((reason, row.opt_integer(column)?.unwrap_or(0))));
            let counts = counts.collect::<Result<Vec<_>, StoreError>>()?;
            let waiting = row.opt_integer(Reason::ALL.len())?.unwrap_or(0);
            Ok((counts, waiting))
        })?;
        Ok(counts.unwrap_or_default())
    }
}

fn read_locked(row: &dyn Row) -> Result<Locked, StoreError> {
    read_refund(row).map(Locked)
}

pub(in crate::store::tables) fn read_row(row: &dyn Row) -> Result<RefundRow, StoreError> {
    let close_out = match row.opt_blob(AFTER_REFUND)? {
        Some(_) => Some(read_close_out(row, AFTER_REFUND)?),
        None => None,
    };
    let request = match row.opt_blob(AFTER_CLOSE_OUT)? {
        Some(_) => Some(read_request(row, AFTER_CLOSE_OUT)?),
        None => None,
    };
    Ok(RefundRow {
        refund: read_refund(row)?,
        close_out,
        request,
    })
}

pub(in crate::store::tables) fn read_refund(row: &dyn Row) -> Result<Refund, StoreError> {
    let money = match (row.opt_text(COLUMN.amount)?, row.opt_text(COLUMN.currency)?) {
        (Some(amount), Some(currency)) => Some(Money {
            amount: Amount::parse(amount).map_err(|_| corrupt("amount"))?,
            currency: currency.parse().map_err(|_| corrupt("currency"))?,
        }),
        _ => None,
    };
    let refund_no = row
        .opt_text(COLUMN.refund_no)?
        .map(|text| serde_json::from_value(text.into()))
        .transpose();
    Ok(Refund {
        id: RefundId::new(uuid(row.blob(COLUMN.id)?)?),
        account: Account {
            provider: row.text(COLUMN.provider)?.to_owned(),
            name: row.text(COLUMN.account)?.to_owned(),
        },
        refund_no: refund_no.map_err(|_| corrupt("refund number"))?,
        received_at: Timestamp::from_millis(row.integer(COLUMN.received_at)?),
        provider_refund_no: number(row.opt_text(COLUMN.provider_refund_no)?)?,
        order_no: number(row.opt_text(COLUMN.order_no)?)?,
        status: Status::from_word(row.text(COLUMN.status)?).ok_or_else(|| corrupt("status"))?,
        provider_status: row.opt_text(COLUMN.provider_status)?.map(str::to_owned),
        money,
        failure: row
            .opt_text(COLUMN.failure)?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| corrupt("failure"))?,
        finished_at: row
            .opt_integer(COLUMN.finished_at)?
            .map(Timestamp::from_millis),
        attention: serde_json::from_str(row.text(COLUMN.attention)?)
            .map_err(|_| corrupt("attention"))?,
        updated_at: Timestamp::from_millis(row.integer(COLUMN.updated_at)?),
    })
}
