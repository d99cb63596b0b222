//! Decisions of persons about refunds: rows that are inserted with the refund they change, and never changed.

mod proposals;

use super::{Snapshot, Tx, corrupt};
use crate::domain::claim::{Reason, Status};
use crate::domain::decision::{Agreed, Decision, DecisionRecord, Ruling};
use crate::domain::ids::{CallbackId, DecisionId, RefundId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::uuid;

columns!(decision_columns, DecisionColumns: decisions {
    id, refund_id, question, callback_id, decision, reason, decided_by, decided_at, status_before, status_after,
    agreed_by, agreed_reason, digest,
});

/// Sorts before every id.
const FIRST: &[u8] = &[];

/// A decision as it is stored.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    pub record: DecisionRecord,
    /// SHA-256 of all of it.
    pub digest: Vec<u8>,
}

/// The last decision that set a status.
#[derive(Clone, Copy, Debug)]
pub struct LastMove {
    pub id: DecisionId,
    pub status: Status,
    pub at: Timestamp,
}

/// A decision with its id; the row cannot be read where it is an error. And whether its refund is there.
pub type AuditedDecision = (DecisionId, Result<DecisionRow, StoreError>, bool);

impl Tx<'_> {
    /// Stores a decision with its digest.
    pub fn insert_decision(
        &mut self,
        record: &DecisionRecord,
        digest: &[u8; 32],
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_decision
            INSERT INTO decisions (id, refund_id, question, callback_id, decision, reason, decided_by, decided_at,
              status_before, status_after, agreed_by, agreed_reason, digest)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let ruling = &record.ruling;
        let agreed = record.agreed.as_ref();
        let params = [
            record.id.as_bytes().into(),
            record.refund_id.as_bytes().into(),
            ruling.question.as_str().into(),
            ruling.callback_id.as_ref().map(CallbackId::as_bytes).into(),
            ruling.decision.as_str().into(),
            record.reason.as_str().into(),
            record.by.as_str().into(),
            record.at.as_millis().into(),
            record.status_before.as_str().into(),
            record.status_after.as_str().into(),
            agreed.map(|agreed| agreed.by.as_str()).into(),
            agreed.map(|agreed| agreed.reason.as_str()).into(),
            digest.into(),
        ];
        self.driver.expect_one(SQL, &params)
    }
}

impl Snapshot<'_> {
    /// The decisions about a refund, oldest first.
    pub fn decisions_of_refund(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<DecisionRow>, StoreError> {
        const SQL: &str = concat!(
            "-- decisions_of_refund
            SELECT ",
            decision_columns!(),
            " FROM decisions WHERE refund_id = $1 ORDER BY decided_at, id LIMIT $2"
        );
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        self.all(SQL, &params, read_decision)
    }

    /// The same, newest first.
    pub fn newest_decisions(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        const SQL: &str = concat!(
            "-- newest_decisions
            SELECT ",
            decision_columns!(),
            " FROM decisions WHERE refund_id = $1 ORDER BY decided_at DESC, id DESC LIMIT $2"
        );
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        self.all(SQL, &params, |row| read_decision(row).map(|row| row.record))
    }

    /// The last decision that set the status of a refund, be it the same as before.
    pub fn last_move(&mut self, refund_id: RefundId) -> Result<Option<LastMove>, StoreError> {
        const SQL: &str = "-- last_move
            SELECT id, status_after, decided_at FROM decisions
            WHERE refund_id = $1 AND decision NOT IN ('keep', 'dismiss') ORDER BY decided_at DESC, id DESC LIMIT 1";
        self.first(SQL, &[refund_id.as_bytes().into()], |row| {
            Ok(LastMove {
                id: DecisionId::new(uuid(row.blob(0)?)?),
                status: status(row.text(1)?)?,
                at: Timestamp::from_millis(row.integer(2)?),
            })
        })
    }

    /// Decisions after this one, by id, for an audit.
    pub fn decisions_to_audit(
        &mut self,
        after: Option<DecisionId>,
        limit: u32,
    ) -> Result<Vec<AuditedDecision>, StoreError> {
        const SQL: &str = concat!(
            "-- decisions_to_audit
            SELECT ",
            decision_columns!(),
            ", refunds.id FROM decisions LEFT JOIN refunds ON refunds.id = decisions.refund_id
            WHERE decisions.id > $1 ORDER BY decisions.id LIMIT $2"
        );
        const AFTER_DECISION: usize = DecisionColumns::up_to(0).1;
        let after = after.as_ref().map_or(FIRST, |id| id.as_bytes());
        let params = [after.into(), i64::from(limit).into()];
        self.all(SQL, &params, |row| {
            let id = DecisionId::new(uuid(row.blob(0)?)?);
            let has_refund = row.opt_blob(AFTER_DECISION)?.is_some();
            Ok((id, read_decision(row), has_refund))
        })
    }
}

fn read_decision(row: &dyn Row) -> Result<DecisionRow, StoreError> {
    const COLUMN: DecisionColumns = DecisionColumns::from(0);
    let agreed = match (
        row.opt_text(COLUMN.agreed_by)?,
        row.opt_text(COLUMN.agreed_reason)?,
    ) {
        (Some(by), Some(reason)) => Some(Agreed {
            by: by.to_owned(),
            reason: reason.to_owned(),
        }),
        _ => None,
    };
    Ok(DecisionRow {
        record: DecisionRecord {
            id: DecisionId::new(uuid(row.blob(COLUMN.id)?)?),
            refund_id: RefundId::new(uuid(row.blob(COLUMN.refund_id)?)?),
            ruling: ruling(row, COLUMN.question, COLUMN.callback_id, COLUMN.decision)?,
            reason: row.text(COLUMN.reason)?.to_owned(),
            by: row.text(COLUMN.decided_by)?.to_owned(),
            at: Timestamp::from_millis(row.integer(COLUMN.decided_at)?),
            status_before: status(row.text(COLUMN.status_before)?)?,
            status_after: status(row.text(COLUMN.status_after)?)?,
            agreed,
        },
        digest: row.blob(COLUMN.digest)?.to_vec(),
    })
}

/// What was decided, and of which question, from the columns of these names.
fn ruling(
    row: &dyn Row,
    question: usize,
    callback_id: usize,
    decision: usize,
) -> Result<Ruling, StoreError> {
    let callback_id = row.opt_blob(callback_id)?.map(uuid).transpose()?;
    Ok(Ruling {
        question: Reason::from_word(row.text(question)?).ok_or_else(|| corrupt("question"))?,
        callback_id: callback_id.map(CallbackId::new),
        decision: Decision::from_word(row.text(decision)?).ok_or_else(|| corrupt("decision"))?,
    })
}

fn status(word: &str) -> Result<Status, StoreError> {
    Status::from_word(word).ok_or_else(|| corrupt("status of a decision"))
}
