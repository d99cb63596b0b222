//! What an audit reads: every table in pages of its key, so that no snapshot lasts long. A row that cannot be
//! read is handed on as such: it is a finding, not the end of the audit. Nothing here writes.

use super::requests::request_columns;
use super::{Snapshot, corrupt};
use crate::domain::claim::Account;
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::money::Amount;
use crate::domain::order::OrderState;
use crate::domain::order::close_out::CloseOut;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::epay::close_outs::{close_out_columns, order_state, read_close_out};
use crate::store::tables::inbound::callbacks::{
    AFTER_CALLBACK, CallbackRow, callback_columns, read_callback, refund_id, reply_columns, uuid,
};
use crate::store::tables::outcomes::refunds::{RefundRow, read_row, refund_columns};

/// Sorts before every id.
const FIRST: &[u8] = &[];

/// A callback, and account and number of the refund that it points to, if that is there.
pub type AuditedCallback = (CallbackRow, Option<(Account, Option<String>)>);

/// A refund with what belongs to it, or why its row cannot be read.
pub type AuditedRefund = (RefundId, Result<RefundRow, StoreError>);

/// An application that is handled.
#[derive(Clone, Debug)]
pub struct HandledApplication {
    /// The refund batch.
    pub batchno: String,
    /// The refund whose close-out handled it.
    pub handled_by: Option<RefundId>,
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Callbacks.
    pub callbacks: i64,
    /// Refunds.
    pub refunds: i64,
    /// Close-outs.
    pub close_outs: i64,
    /// Pre-orders.
    pub orders: i64,
    /// Entries of the feed.
    pub events: i64,
}

columns!(number_columns, NumberColumns: refunds { provider, account, refund_no });
columns!(message_columns, MessageColumns: relay_messages { provider, account, message_key, callback_id });

impl Snapshot<'_> {
    /// Callbacks after this one, by id.
    pub fn callbacks_to_audit(
        &mut self,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Vec<AuditedCallback>, StoreError> {
        const SQL: &str = concat!(
            "-- callbacks_to_audit
            SELECT ",
            callback_columns!(),
            ", ",
            reply_columns!(),
            ", ",
            number_columns!(),
            " FROM callbacks LEFT JOIN replies ON replies.callback_id = callbacks.id
            LEFT JOIN refunds ON refunds.id = callbacks.refund_id
            WHERE callbacks.id > $1 ORDER BY callbacks.id LIMIT $2"
        );
        let after = after.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [after.into(), i64::from(limit).into()];
        self.all(SQL, &params, read_audited)
    }

    /// Refunds after this one, by id.
    pub fn refunds_to_audit(
        &mut self,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<AuditedRefund>, StoreError> {
        const SQL: &str = concat!(
            "-- refunds_to_audit
            SELECT ",
            refund_columns!(),
            ", ",
            close_out_columns!(),
            ", ",
            request_columns!(),
            " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id
            LEFT JOIN requests ON requests.refund_id = refunds.id
            WHERE refunds.id > $1 ORDER BY refunds.id LIMIT $2"
        );
        let after = after.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [after.into(), i64::from(limit).into()];
        self.all(SQL, &params, |row| {
            Ok((RefundId::new(uuid(row.blob(0)?)?), read_row(row)))
        })
    }

    /// Requests after this one, by refund, and whether that is there.
    pub fn requests_to_audit(
        &mut self,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<(RefundId, bool)>, StoreError> {
        const SQL: &str = "-- requests_to_audit
            SELECT requests.refund_id, refunds.id
            FROM requests LEFT JOIN refunds ON refunds.id = requests.refund_id
            WHERE requests.refund_id > $1 ORDER BY requests.refund_id LIMIT $2";
        let after = after.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [after.into(), i64::from(limit).into()];
        self.all(SQL, &params, |row| {
            let id = RefundId::new(uuid(row.blob(0)?)?);
            Ok((id, row.opt_blob(1)?.is_some()))
        })
    }

    /// The fences of the attempts of a request that have no end.
    pub fn open_attempts(&mut self, refund_id: RefundId) -> Result<Vec<i64>, StoreError> {
        const SQL: &str = "-- open_attempts
            SELECT fence FROM attempts WHERE refund_id = $1 AND ended_at IS NULL ORDER BY id";
        let params = [refund_id.as_bytes().into()];
        self.all(SQL, &params, |row| row.integer(0))
    }

    /// The payments of requests after this one, and what was paid, where it is known.
    pub fn payments_to_audit(
        &mut self,
        after: Option<&(Account, String)>,
        limit: u32,
    ) -> Result<Vec<(Account, String, Option<Amount>)>, StoreError> {
        const SQL: &str = "-- payments_to_audit
            SELECT provider, account, payment, order_amount FROM payments
            WHERE (provider, account, payment) > ($1, $2, $3)
            ORDER BY provider, account, payment LIMIT $4";
        let (provider, name, payment) = after.map_or(("", "", ""), |(account, payment)| {
            let (provider, name) = (account.provider.as_str(), account.name.as_str());
            (provider, name, payment.as_str())
        });
        let params = [
            provider.into(),
            name.into(),
            payment.into(),
            i64::from(limit).into(),
        ];
        self.all(SQL, &params, |row| {
            let account = Account {
                provider: row.text(0)?.to_owned(),
                name: row.text(1)?.to_owned(),
            };
            let paid = row.opt_text(3)?.map(Amount::parse).transpose();
            let paid = paid.map_err(|_| corrupt("amount of a payment"))?;
            Ok((account, row.text(2)?.to_owned(), paid))
        })
    }

    /// Whether there is a refund with this id.
    pub fn is_refund(&mut self, id: RefundId) -> Result<bool, StoreError> {
        const SQL: &str = "-- is_refund
            SELECT count(*) FROM refunds WHERE id = $1";
        let params = [id.as_bytes().into()];
        let found = self.first(SQL, &params, |row| row.integer(0))?;
        Ok(found.unwrap_or(0) > 0)
    }

    /// Orders after this one by number: state, and whether a close-out closed it.
    pub fn orders_to_audit(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, OrderState, bool)>, StoreError> {
        const SQL: &str = "-- orders_to_audit
            SELECT order_no, state, closed_by_close_out FROM T_SP_YD
            WHERE order_no > $1 ORDER BY order_no LIMIT $2";
        let params = [after.into(), i64::from(limit).into()];
        self.all(SQL, &params, |row| {
            let state = order_state(row.text(1)?)?;
            Ok((row.text(0)?.to_owned(), state, row.integer(2)? != 0))
        })
    }

    /// The applications of an order that are handled.
    pub fn handled_applications(
        &mut self,
        order_no: &str,
    ) -> Result<Vec<HandledApplication>, StoreError> {
        const SQL: &str = "-- handled_applications
            SELECT batchno, handled_by FROM T_SP_YD_SXF
            WHERE order_no = $1 AND state = 'handled' ORDER BY batchno";
        let params = [order_no.into()];
        self.all(SQL, &params, |row| {
            Ok(HandledApplication {
                batchno: row.text(0)?.to_owned(),
                handled_by: refund_id(row, 1)?,
            })
        })
    }

    /// Every close-out of a payment.
    pub fn close_outs_of_payment(&mut self, trandeno: &str) -> Result<Vec<CloseOut>, StoreError> {
        const SQL: &str = concat!(
            "-- close_outs_of_payment
            SELECT ",
            close_out_columns!(),
            " FROM close_outs WHERE close_outs.trandeno = $1 ORDER BY close_outs.refund_id"
        );
        let params = [trandeno.into()];
        self.all(SQL, &params, |row| read_close_out(row, 0))
    }

    /// Messages of relays after this one: its account and key, what it brought the first time, and the
    /// key under which that is stored, if it is.
    #[expect(
        clippy::type_complexity,
        reason = "one row of one query with one caller"
    )]
    pub fn relay_messages_to_audit(
        &mut self,
        after: Option<&(Account, Vec<u8>)>,
        limit: u32,
    ) -> Result<Vec<((Account, Vec<u8>), CallbackId, Option<Vec<u8>>)>, StoreError> {
        const SQL: &str = concat!(
            "-- relay_messages_to_audit
            SELECT ",
            message_columns!(),
            ", callbacks.delivery_key
            FROM relay_messages LEFT JOIN callbacks ON callbacks.id = relay_messages.callback_id
            WHERE (relay_messages.provider, relay_messages.account, relay_messages.message_key) > ($1, $2, $3)
            ORDER BY relay_messages.provider, relay_messages.account, relay_messages.message_key LIMIT $4"
        );
        const COLUMN: MessageColumns = MessageColumns::from(0);
        let (provider, name, key) = after.map_or(("", "", FIRST), |(account, key)| {
            (account.provider.as_str(), account.name.as_str(), &key[..])
        });
        let params = [
            provider.into(),
            name.into(),
            key.into(),
            i64::from(limit).into(),
        ];
        self.all(SQL, &params, |row| {
            let account = Account {
                provider: row.text(COLUMN.provider)?.to_owned(),
                name: row.text(COLUMN.account)?.to_owned(),
            };
            Ok((
                (account, row.blob(COLUMN.message_key)?.to_vec()),
                CallbackId::new(uuid(row.blob(COLUMN.callback_id)?)?),
                row.opt_blob(COLUMN.callback_id + 1)?.map(<[u8]>::to_vec),
            ))
        })
    }

    /// When the newest callback was received.
    pub fn newest_callback(&mut self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "-- newest_callback
            SELECT received_at FROM callbacks ORDER BY id DESC LIMIT 1";
        self.first(SQL, &[], |row| row.integer(0).map(Timestamp::from_millis))
    }

    /// How many rows there are of everything.
    pub fn count_rows(&mut self) -> Result<Counts, StoreError> {
        const SQL: &str = "-- count_rows
            SELECT (SELECT count(*) FROM callbacks), (SELECT count(*) FROM refunds),
              (SELECT count(*) FROM close_outs), (SELECT count(*) FROM T_SP_YD), (SELECT count(*) FROM events)";
        let found = self.first(SQL, &[], |row| {
            Ok(Counts {
                callbacks: row.integer(0)?,
                refunds: row.integer(1)?,
                close_outs: row.integer(2)?,
                orders: row.integer(3)?,
                events: row.integer(4)?,
            })
        })?;
        Ok(found.unwrap_or_default())
    }
}

fn read_audited(row: &dyn Row) -> Result<AuditedCallback, StoreError> {
    const NUMBER: NumberColumns = NumberColumns::from(AFTER_CALLBACK);
    let refund = match row.opt_text(NUMBER.provider)? {
        Some(provider) => {
            let account = Account {
                provider: provider.to_owned(),
                name: row.text(NUMBER.account)?.to_owned(),
            };
            Some((account, row.opt_text(NUMBER.refund_no)?.map(str::to_owned)))
        }
        None => None,
    };
    Ok((read_callback(row)?, refund))
}
