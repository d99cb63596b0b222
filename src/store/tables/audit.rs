//! What an audit reads, page by page. A row that cannot be read is handed on as such: it is a finding,
//! not the end of the audit.

use super::Snapshot;
use super::callbacks::uuid;
use super::close_outs::{order_state, read_close_out};
use super::refunds::read_both;
use crate::domain::claim::Account;
use crate::domain::close_out::CloseOut;
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::order::OrderState;
use crate::domain::refund::Refund;
use crate::domain::time::Timestamp;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

/// Sorts before every id.
const FIRST: &[u8] = &[];

/// One stored notification with its bytes.
#[derive(Clone, Debug)]
pub struct AuditedCallback {
    /// Its id.
    pub id: CallbackId,
    /// Whose it is.
    pub account: Account,
    /// The refund that it names; empty where it names none.
    pub refund_no: String,
    /// What makes two deliveries the same one.
    pub delivery_key: Vec<u8>,
    /// Which key or token verified it.
    pub key_id: String,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    /// JSON of what it says, if it says anything.
    pub claim: Option<String>,
    /// When it first came.
    pub received_at: Timestamp,
    /// What became of it; `None` until transaction 2 has committed.
    pub verdict: Option<String>,
    /// How often applying failed.
    pub settle_attempts: i64,
    /// The refund that it made or met.
    pub refund_id: Option<RefundId>,
    /// Account and number of that refund, if it is there.
    pub refund: Option<(Account, Option<String>)>,
}

/// A refund with its close-out, or why its row cannot be read.
pub type AuditedRefund = (RefundId, Result<(Refund, Option<CloseOut>), StoreError>);

/// What a notification says, and what became of it.
#[derive(Clone, Debug)]
pub struct StoredClaim {
    /// The notification.
    pub id: CallbackId,
    /// The refund that it made or met.
    pub refund_id: Option<RefundId>,
    /// What makes two deliveries the same one.
    pub delivery_key: Vec<u8>,
    /// JSON of what it says.
    pub claim: Option<String>,
    /// What became of it.
    pub verdict: Option<String>,
}

/// The bytes of a notification, and how often they came.
#[derive(Clone, Debug)]
pub struct StoredBody {
    /// The notification.
    pub id: CallbackId,
    /// How often it came.
    pub deliveries: i64,
    /// The bytes as received.
    pub body: Vec<u8>,
}

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
    /// Notifications.
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

impl Snapshot<'_> {
    /// Notifications after this one, by id.
    pub fn callbacks_to_audit(
        &mut self,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Vec<AuditedCallback>, StoreError> {
        let after = after.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [after.into(), i64::from(limit).into()];
        self.all(sql::audit::CALLBACKS_TO_AUDIT, &params, read_callback)
    }

    /// Refunds after this one, by id.
    pub fn refunds_to_audit(
        &mut self,
        after: Option<RefundId>,
        limit: u32,
    ) -> Result<Vec<AuditedRefund>, StoreError> {
        let after = after.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [after.into(), i64::from(limit).into()];
        self.all(sql::audit::REFUNDS_TO_AUDIT, &params, |row| {
            Ok((RefundId::new(uuid(row.blob(0)?)?), read_both(row)))
        })
    }

    /// Every notification under a refund's number.
    pub fn claims_under_number(
        &mut self,
        account: &Account,
        refund_no: &str,
    ) -> Result<Vec<StoredClaim>, StoreError> {
        let (provider, name) = (account.provider.as_str(), account.name.as_str());
        let params = [provider.into(), name.into(), refund_no.into()];
        self.all(sql::audit::CLAIMS_UNDER_NUMBER, &params, |row| {
            Ok(StoredClaim {
                id: CallbackId::new(uuid(row.blob(0)?)?),
                refund_id: refund_id(row, 1)?,
                delivery_key: row.blob(2)?.to_vec(),
                claim: row.opt_text(3)?.map(str::to_owned),
                verdict: row.opt_text(4)?.map(str::to_owned),
            })
        })
    }

    /// The bytes of every notification under a number; empty stands for those that name none.
    pub fn bodies_under_number(
        &mut self,
        account: &Account,
        refund_no: &str,
    ) -> Result<Vec<StoredBody>, StoreError> {
        let (provider, name) = (account.provider.as_str(), account.name.as_str());
        let params = [provider.into(), name.into(), refund_no.into()];
        self.all(sql::audit::BODIES_UNDER_NUMBER, &params, |row| {
            Ok(StoredBody {
                id: CallbackId::new(uuid(row.blob(0)?)?),
                deliveries: row.integer(1)?,
                body: row.blob(2)?.to_vec(),
            })
        })
    }

    /// Whether there is a refund with this id.
    pub fn is_refund(&mut self, id: RefundId) -> Result<bool, StoreError> {
        let params = [id.as_bytes().into()];
        let found = self.first(sql::audit::IS_REFUND, &params, |row| row.integer(0))?;
        Ok(found.unwrap_or(0) > 0)
    }

    /// Orders after this one by number: state, and whether a close-out closed it.
    pub fn orders_to_audit(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, OrderState, bool)>, StoreError> {
        let params = [after.into(), i64::from(limit).into()];
        self.all(sql::audit::ORDERS_TO_AUDIT, &params, |row| {
            let state = order_state(row.text(1)?)?;
            Ok((row.text(0)?.to_owned(), state, row.integer(2)? != 0))
        })
    }

    /// The applications of an order that are handled.
    pub fn handled_applications(
        &mut self,
        order_no: &str,
    ) -> Result<Vec<HandledApplication>, StoreError> {
        let params = [order_no.into()];
        self.all(sql::audit::HANDLED_APPLICATIONS, &params, |row| {
            Ok(HandledApplication {
                batchno: row.text(0)?.to_owned(),
                handled_by: refund_id(row, 1)?,
            })
        })
    }

    /// Every close-out of a payment.
    pub fn close_outs_of_payment(&mut self, trandeno: &str) -> Result<Vec<CloseOut>, StoreError> {
        let params = [trandeno.into()];
        self.all(sql::audit::CLOSE_OUTS_OF_PAYMENT, &params, |row| {
            read_close_out(row, 0)
        })
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
        let (provider, name, key) = after.map_or(("", "", FIRST), |(account, key)| {
            (account.provider.as_str(), account.name.as_str(), &key[..])
        });
        let params = [
            provider.into(),
            name.into(),
            key.into(),
            i64::from(limit).into(),
        ];
        self.all(sql::audit::RELAY_MESSAGES_TO_AUDIT, &params, |row| {
            Ok((
                (account(row, 0)?, row.blob(2)?.to_vec()),
                CallbackId::new(uuid(row.blob(3)?)?),
                row.opt_blob(4)?.map(<[u8]>::to_vec),
            ))
        })
    }

    /// When the newest notification came.
    pub fn newest_callback(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.first(sql::audit::NEWEST_CALLBACK, &[], |row| {
            row.integer(0).map(Timestamp::from_millis)
        })
    }

    /// How many rows there are of everything.
    pub fn count_rows(&mut self) -> Result<Counts, StoreError> {
        let found = self.first(sql::audit::COUNT_ROWS, &[], |row| {
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

fn account(row: &dyn Row, from: usize) -> Result<Account, StoreError> {
    Ok(Account {
        provider: row.text(from)?.to_owned(),
        name: row.text(from + 1)?.to_owned(),
    })
}

fn refund_id(row: &dyn Row, column: usize) -> Result<Option<RefundId>, StoreError> {
    let bytes = row.opt_blob(column)?;
    Ok(bytes.map(uuid).transpose()?.map(RefundId::new))
}

fn read_callback(row: &dyn Row) -> Result<AuditedCallback, StoreError> {
    let refund = match row.opt_text(13)? {
        Some(_) => Some((account(row, 13)?, row.opt_text(15)?.map(str::to_owned))),
        None => None,
    };
    Ok(AuditedCallback {
        id: CallbackId::new(uuid(row.blob(0)?)?),
        account: account(row, 1)?,
        refund_no: row.text(3)?.to_owned(),
        delivery_key: row.blob(4)?.to_vec(),
        key_id: row.text(5)?.to_owned(),
        headers: row.text(6)?.to_owned(),
        body: row.blob(7)?.to_vec(),
        claim: row.opt_text(8)?.map(str::to_owned),
        received_at: Timestamp::from_millis(row.integer(9)?),
        verdict: row.opt_text(10)?.map(str::to_owned),
        settle_attempts: row.integer(11)?,
        refund_id: refund_id(row, 12)?,
        refund,
    })
}
