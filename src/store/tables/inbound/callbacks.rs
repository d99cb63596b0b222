//! Callbacks as they were received: rows, pages of them, and the claims alone.

use uuid::Uuid;

use crate::domain::claim::{Account, Claim, DeliveryKey, RefundNo};
use crate::domain::ids::{AttemptId, CallbackId, RefundId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::{Page, Snapshot, corrupt, rows_to_ask};

/// A callback as transaction 1 stores it.
#[derive(Clone, Debug)]
pub struct NewCallback {
    /// Our id for it.
    pub id: CallbackId,
    /// The provider's account that sent it.
    pub account: Account,
    /// The refund that it names, if any.
    pub refund_no: Option<RefundNo>,
    /// Whether releases up to schema 2 took its refund number for none, and stored it so.
    pub was_without_number: bool,
    /// Callbacks with the same key are repeats of one.
    pub delivery_key: DeliveryKey,
    /// Which key or token verified it.
    pub key_id: String,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    /// JSON of its claim, if it makes one.
    pub claim: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When the resume worker may take it over.
    pub settle_after: Timestamp,
}

/// A stored callback.
#[derive(Clone, Debug)]
pub struct CallbackRow {
    /// Its id.
    pub id: CallbackId,
    /// The provider's account that sent it.
    pub account: Account,
    /// The refund that it names; empty where it names none.
    pub refund_no: String,
    /// Callbacks with the same key are repeats of one.
    pub delivery_key: Vec<u8>,
    /// Which key or token verified it.
    pub key_id: String,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    /// JSON of its claim, if it makes one.
    pub claim: Option<String>,
    /// When it was first received.
    pub received_at: Timestamp,
    /// When it was last received.
    pub last_received_at: Timestamp,
    /// How often it was received.
    pub deliveries: i64,
    /// The refund that it created or updated.
    pub refund_id: Option<RefundId>,
    /// Its effect; `None` while it is pending.
    pub verdict: Option<String>,
    /// When transaction 2 committed.
    pub settled_at: Option<Timestamp>,
    /// Failed attempts to apply it.
    pub settle_attempts: i64,
    /// The attempt of ours whose reply it is; `None`: the provider or a relay sent it.
    pub attempt_id: Option<AttemptId>,
}

/// The claim of a callback without its bytes, for going through many.
#[derive(Clone, Debug)]
pub struct CallbackClaim {
    /// The callback.
    pub id: CallbackId,
    /// The refund that it created or updated.
    pub refund_id: Option<RefundId>,
    /// Callbacks with the same key are repeats of one.
    pub delivery_key: Vec<u8>,
    /// JSON of its claim, if it makes one.
    pub claim: Option<String>,
    /// When it was first received.
    pub received_at: Timestamp,
    /// Its effect; `None` while it is pending.
    pub verdict: Option<String>,
    /// When transaction 2 committed.
    pub settled_at: Option<Timestamp>,
}

columns!(callback_columns, CallbackColumns: callbacks {
    id, provider, account, refund_no, delivery_key, key_id, headers, body, claim, received_at, last_received_at,
    deliveries, refund_id, verdict, settled_at, settle_attempts,
});
columns!(reply_columns, ReplyColumns: replies { attempt_id });

pub(in crate::store::tables) use callback_columns;
pub(in crate::store::tables) use reply_columns;

columns!(claim_columns, ClaimColumns: callbacks {
    id, refund_id, delivery_key, claim, received_at, verdict, settled_at,
});

const REPLY: ReplyColumns = ReplyColumns::from(CallbackColumns::up_to(0).1);
/// Column of an answer that follows those of a callback and its attempt.
pub(in crate::store::tables) const AFTER_CALLBACK: usize =
    ReplyColumns::up_to(CallbackColumns::up_to(0).1).1;

impl Snapshot<'_> {
    /// A page of the callbacks of a refund after one of them, or from the first, oldest first: at most
    /// `limit`, and fewer where they are large, since several readers may ask at once.
    pub fn callback_page(
        &mut self,
        refund: RefundId,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Page<CallbackRow>, StoreError> {
        let of_row = |row: &CallbackRow| (row.id, size(row));
        Page::in_steps(limit, after, of_row, |after, limit| {
            self.callbacks_of_refund(refund, after, limit)
        })
    }

    /// The same, bounded in rows alone.
    pub fn callbacks_of_refund(
        &mut self,
        refund_id: RefundId,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Page<CallbackRow>, StoreError> {
        const SQL: &str = concat!(
            "-- callbacks_of_refund
            SELECT ",
            callback_columns!(),
            ", ",
            reply_columns!(),
            " FROM callbacks LEFT JOIN replies ON replies.callback_id = callbacks.id
            WHERE refund_id = $1 AND id > $2
            ORDER BY id LIMIT $3"
        );
        // No callback has this id, and each comes after it.
        let after = after.unwrap_or(CallbackId::new(Uuid::nil()));
        let params = [
            refund_id.as_bytes().into(),
            after.as_bytes().into(),
            rows_to_ask(limit).into(),
        ];
        let rows = self.all(SQL, &params, read_callback)?;
        Ok(Page::of(rows, limit))
    }

    /// One callback.
    pub fn callback(&mut self, id: CallbackId) -> Result<Option<CallbackRow>, StoreError> {
        const SQL: &str = concat!(
            "-- callback
            SELECT ",
            callback_columns!(),
            ", ",
            reply_columns!(),
            " FROM callbacks LEFT JOIN replies ON replies.callback_id = callbacks.id
            WHERE id = $1"
        );
        self.first(SQL, &[id.as_bytes().into()], read_callback)
    }

    /// The claims of the applied callbacks of a refund in the order in which they took effect; of more than
    /// `limit` those that were received first.
    pub fn applied_claims(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<CallbackClaim>, StoreError> {
        const SQL: &str = concat!(
            "-- applied_claims
            SELECT ",
            claim_columns!(),
            " FROM callbacks
            WHERE refund_id = $1 AND settled_at IS NOT NULL AND claim IS NOT NULL
            ORDER BY id LIMIT $2"
        );
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        let mut claims = self.all(SQL, &params, read_claim_row)?;
        // Here, because the engine would read and sort all of them for it.
        claims.sort_by_key(|claim| (claim.settled_at, claim.id));
        Ok(claims)
    }

    /// The claims of every callback under a refund's number.
    pub fn claims_under_number(
        &mut self,
        account: &Account,
        refund_no: &str,
    ) -> Result<Vec<CallbackClaim>, StoreError> {
        const SQL: &str = concat!(
            "-- claims_under_number
            SELECT ",
            claim_columns!(),
            " FROM callbacks
            WHERE provider = $1 AND account = $2 AND refund_no = $3 ORDER BY id"
        );
        let (provider, name) = (account.provider.as_str(), account.name.as_str());
        let params = [provider.into(), name.into(), refund_no.into()];
        self.all(SQL, &params, read_claim_row)
    }

    /// Every callback under a number; empty for those that name none.
    pub fn callbacks_under_number(
        &mut self,
        account: &Account,
        refund_no: &str,
    ) -> Result<Vec<CallbackRow>, StoreError> {
        const SQL: &str = concat!(
            "-- callbacks_under_number
            SELECT ",
            callback_columns!(),
            ", ",
            reply_columns!(),
            " FROM callbacks LEFT JOIN replies ON replies.callback_id = callbacks.id
            WHERE provider = $1 AND account = $2 AND refund_no = $3 ORDER BY id"
        );
        let (provider, name) = (account.provider.as_str(), account.name.as_str());
        let params = [provider.into(), name.into(), refund_no.into()];
        self.all(SQL, &params, read_callback)
    }
}

/// Reads the columns of a callback from the first on.
pub(in crate::store::tables) fn read_callback(row: &dyn Row) -> Result<CallbackRow, StoreError> {
    const COLUMN: CallbackColumns = CallbackColumns::from(0);
    Ok(CallbackRow {
        id: CallbackId::new(uuid(row.blob(COLUMN.id)?)?),
        account: Account {
            provider: row.text(COLUMN.provider)?.to_owned(),
            name: row.text(COLUMN.account)?.to_owned(),
        },
        refund_no: row.text(COLUMN.refund_no)?.to_owned(),
        delivery_key: row.blob(COLUMN.delivery_key)?.to_vec(),
        key_id: row.text(COLUMN.key_id)?.to_owned(),
        headers: row.text(COLUMN.headers)?.to_owned(),
        body: row.blob(COLUMN.body)?.to_vec(),
        claim: row.opt_text(COLUMN.claim)?.map(str::to_owned),
        received_at: Timestamp::from_millis(row.integer(COLUMN.received_at)?),
        last_received_at: Timestamp::from_millis(row.integer(COLUMN.last_received_at)?),
        deliveries: row.integer(COLUMN.deliveries)?,
        refund_id: refund_id(row, COLUMN.refund_id)?,
        verdict: row.opt_text(COLUMN.verdict)?.map(str::to_owned),
        settled_at: row
            .opt_integer(COLUMN.settled_at)?
            .map(Timestamp::from_millis),
        settle_attempts: row.integer(COLUMN.settle_attempts)?,
        attempt_id: match row.opt_blob(REPLY.attempt_id)? {
            Some(bytes) => Some(AttemptId::new(uuid(bytes)?)),
            None => None,
        },
    })
}

fn read_claim_row(row: &dyn Row) -> Result<CallbackClaim, StoreError> {
    const COLUMN: ClaimColumns = ClaimColumns::from(0);
    Ok(CallbackClaim {
        id: CallbackId::new(uuid(row.blob(COLUMN.id)?)?),
        refund_id: refund_id(row, COLUMN.refund_id)?,
        delivery_key: row.blob(COLUMN.delivery_key)?.to_vec(),
        claim: row.opt_text(COLUMN.claim)?.map(str::to_owned),
        received_at: Timestamp::from_millis(row.integer(COLUMN.received_at)?),
        verdict: row.opt_text(COLUMN.verdict)?.map(str::to_owned),
        settled_at: row
            .opt_integer(COLUMN.settled_at)?
            .map(Timestamp::from_millis),
    })
}

/// A claim as it is stored: JSON.
pub fn read_claim(json: &str) -> Result<Claim, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Unreadable(format!("a claim: {error}")))
}

fn size(row: &CallbackRow) -> usize {
    row.body.len() + row.headers.len() + row.claim.as_ref().map_or(0, String::len)
}

/// Sixteen stored bytes.
pub(in crate::store::tables) fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| corrupt("id"))
}

/// The id of a refund, where the column holds one.
pub(in crate::store::tables) fn refund_id(
    row: &dyn Row,
    column: usize,
) -> Result<Option<RefundId>, StoreError> {
    let bytes = row.opt_blob(column)?;
    Ok(bytes.map(uuid).transpose()?.map(RefundId::new))
}
