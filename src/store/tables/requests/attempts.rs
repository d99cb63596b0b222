//! Attempts: each send and each ask, on disk before its first byte, with its end afterwards.

use super::super::{Page, Snapshot, Tx, corrupt, rows_to_ask};
use crate::domain::ids::{AttemptId, CallbackId, RefundId};
use crate::domain::request::Class;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::uuid;

/// An attempt as it is stored before its call.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    pub id: AttemptId,
    pub refund_id: RefundId,
    /// Whether it asks; else it sends.
    pub is_ask: bool,
    pub fence: i64,
    pub started_at: Timestamp,
    pub method: &'static str,
    /// Secrets masked, here and below.
    pub url: String,
    /// JSON object.
    pub headers: String,
    pub body: Vec<u8>,
    /// SHA-256 of `body`.
    pub body_hash: [u8; 32],
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct AttemptEnd {
    pub ended_at: Timestamp,
    pub class: Class,
    pub code: Option<String>,
    pub message: Option<String>,
    /// Of the last reply; `None`: there was none.
    pub status: Option<u16>,
    /// JSON object.
    pub reply_headers: Option<String>,
    /// As received.
    pub reply_body: Option<Vec<u8>>,
}

/// A stored attempt.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    pub id: AttemptId,
    pub refund_id: RefundId,
    pub is_ask: bool,
    pub fence: i64,
    pub started_at: Timestamp,
    pub method: String,
    pub url: String,
    pub headers: String,
    pub body: Vec<u8>,
    /// `None`: it is open, or its worker died.
    pub end: Option<AttemptEnd>,
}

columns!(attempt_columns, AttemptColumns: attempts {
    id, refund_id, kind, fence, started_at, method, url, headers, body, ended_at, class, code, message, status,
    reply_headers, reply_body,
});

const SEND: &str = "send";
const ASK: &str = "ask";

impl Tx<'_> {
    /// Stores an attempt, before the first byte of its call.
    pub fn insert_attempt(&mut self, attempt: &NewAttempt) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_attempt
            INSERT INTO attempts (id, refund_id, kind, fence, started_at, method, url, headers, body, body_hash)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let params = [
            attempt.id.as_bytes().into(),
            attempt.refund_id.as_bytes().into(),
            (if attempt.is_ask { ASK } else { SEND }).into(),
            attempt.fence.into(),
            attempt.started_at.as_millis().into(),
            attempt.method.into(),
            attempt.url.as_str().into(),
            attempt.headers.as_str().into(),
            attempt.body.as_slice().into(),
            (&attempt.body_hash).into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// Ends an attempt, also one that was taken for abandoned: what came of it is kept. `false` where it has
    /// an end of its own already.
    pub fn end_attempt(&mut self, id: AttemptId, end: &AttemptEnd) -> Result<bool, StoreError> {
        const SQL: &str = "-- end_attempt
            UPDATE attempts SET ended_at = $1, class = $2, code = $3, message = $4, status = $5, reply_headers = $6,
              reply_body = $7
            WHERE id = $8 AND (ended_at IS NULL OR code = 'abandoned')";
        let params = [
            end.ended_at.as_millis().into(),
            end.class.as_str().into(),
            end.code.as_deref().into(),
            end.message.as_deref().into(),
            end.status.map(i64::from).into(),
            end.reply_headers.as_deref().into(),
            end.reply_body.as_deref().into(),
            id.as_bytes().into(),
        ];
        Ok(self.execute(SQL, &params)? == 1)
    }

    /// Ends the attempts of a request that were left open by a worker that died.
    pub fn end_abandoned_attempts(
        &mut self,
        refund_id: RefundId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- end_abandoned_attempts
            UPDATE attempts SET ended_at = $1, class = 'unknown', code = 'abandoned'
            WHERE refund_id = $2 AND ended_at IS NULL";
        let params = [now.as_millis().into(), refund_id.as_bytes().into()];
        self.execute(SQL, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// The first attempts of a request, oldest first: at most `limit`, and fewer where they are large.
    pub fn attempts_of_refund(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Page<AttemptRow>, StoreError> {
        let of_row = |row: &AttemptRow| (row.id, size(row));
        Page::in_steps(limit, None, of_row, |after, limit| {
            self.attempts_after(refund_id, after, limit)
        })
    }

    fn attempts_after(
        &mut self,
        refund_id: RefundId,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Page<AttemptRow>, StoreError> {
        const SQL: &str = concat!(
            "-- attempts_of_refund
            SELECT ",
            attempt_columns!(),
            " FROM attempts WHERE refund_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        );
        let after = after.unwrap_or(AttemptId::new(uuid::Uuid::nil()));
        let params = [
            refund_id.as_bytes().into(),
            after.as_bytes().into(),
            rows_to_ask(limit).into(),
        ];
        let rows = self.all(SQL, &params, read_attempt)?;
        Ok(Page::of(rows, limit))
    }

    /// Whether the attempt whose reply this callback is asked or sent; `None`: it is no reply.
    pub fn is_reply_to_ask(&mut self, id: CallbackId) -> Result<Option<bool>, StoreError> {
        const SQL: &str = "-- is_reply_to_ask
            SELECT attempts.kind FROM replies JOIN attempts ON attempts.id = replies.attempt_id
            WHERE replies.callback_id = $1";
        self.first(SQL, &[id.as_bytes().into()], |row| Ok(row.text(0)? == ASK))
    }

    /// Whether the request was sent again after the attempt whose reply this callback is.
    pub fn is_reply_to_earlier_send(&mut self, id: CallbackId) -> Result<bool, StoreError> {
        const SQL: &str = "-- is_reply_to_earlier_send
            SELECT 1 FROM replies JOIN attempts ON attempts.id = replies.attempt_id
            JOIN attempts AS later ON later.refund_id = attempts.refund_id AND later.id > attempts.id
            WHERE replies.callback_id = $1 AND later.kind = 'send' AND later.fence > attempts.fence LIMIT 1";
        let found = self.first(SQL, &[id.as_bytes().into()], |_| Ok(()))?;
        Ok(found.is_some())
    }
}

fn size(row: &AttemptRow) -> usize {
    let reply = row.end.as_ref().and_then(|end| end.reply_body.as_ref());
    row.body.len() + row.headers.len() + reply.map_or(0, Vec::len)
}

fn read_attempt(row: &dyn Row) -> Result<AttemptRow, StoreError> {
    const COLUMN: AttemptColumns = AttemptColumns::from(0);
    let owned = |column| Ok::<_, StoreError>(row.opt_text(column)?.map(str::to_owned));
    let end = match row.opt_integer(COLUMN.ended_at)? {
        None => None,
        Some(ended_at) => Some(AttemptEnd {
            ended_at: Timestamp::from_millis(ended_at),
            class: Class::from_word(row.text(COLUMN.class)?)
                .ok_or_else(|| corrupt("class of an attempt"))?,
            code: owned(COLUMN.code)?,
            message: owned(COLUMN.message)?,
            status: row
                .opt_integer(COLUMN.status)?
                .map(u16::try_from)
                .transpose()
                .map_err(|_| corrupt("status of a reply"))?,
            reply_headers: owned(COLUMN.reply_headers)?,
            reply_body: row.opt_blob(COLUMN.reply_body)?.map(<[u8]>::to_vec),
        }),
    };
    Ok(AttemptRow {
        id: AttemptId::new(uuid(row.blob(COLUMN.id)?)?),
        refund_id: RefundId::new(uuid(row.blob(COLUMN.refund_id)?)?),
        is_ask: row.text(COLUMN.kind)? == ASK,
        fence: row.integer(COLUMN.fence)?,
        started_at: Timestamp::from_millis(row.integer(COLUMN.started_at)?),
        method: row.text(COLUMN.method)?.to_owned(),
        url: row.text(COLUMN.url)?.to_owned(),
        headers: row.text(COLUMN.headers)?.to_owned(),
        body: row.blob(COLUMN.body)?.to_vec(),
        end,
    })
}
