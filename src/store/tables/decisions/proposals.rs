//! Decisions that wait for a second person, and how that ended.

use super::super::{Snapshot, Tx, corrupt};
use super::ruling;
use crate::domain::decision::{Ended, Ending, Proposal};
use crate::domain::ids::{CallbackId, DecisionId, RefundId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::uuid;

columns!(proposal_columns, ProposalColumns: proposals {
    id, refund_id, question, callback_id, decision, reason, proposed_by, proposed_at, ended_at, ended_by, outcome,
    outcome_reason,
});

impl Tx<'_> {
    /// Stores a decision that waits for a second person.
    pub fn insert_proposal(&mut self, proposal: &Proposal) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_proposal
            INSERT INTO proposals (id, refund_id, question, callback_id, decision, reason, proposed_by, proposed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let ruling = &proposal.ruling;
        let params = [
            proposal.id.as_bytes().into(),
            proposal.refund_id.as_bytes().into(),
            ruling.question.as_str().into(),
            ruling.callback_id.as_ref().map(CallbackId::as_bytes).into(),
            ruling.decision.as_str().into(),
            proposal.reason.as_str().into(),
            proposal.by.as_str().into(),
            proposal.at.as_millis().into(),
        ];
        self.driver.expect_one(SQL, &params)
    }

    /// Ends one, once.
    pub fn end_proposal(&mut self, id: DecisionId, ended: &Ended) -> Result<(), StoreError> {
        const SQL: &str = "-- end_proposal
            UPDATE proposals SET ended_at = $1, ended_by = $2, outcome = $3, outcome_reason = $4
            WHERE id = $5 AND ended_at IS NULL";
        let params = [
            ended.at.as_millis().into(),
            ended.by.as_str().into(),
            ended.how.as_str().into(),
            ended.reason.as_str().into(),
            id.as_bytes().into(),
        ];
        self.driver.expect_one(SQL, &params)
    }
}

impl Snapshot<'_> {
    /// One proposal.
    pub fn proposal(&mut self, id: DecisionId) -> Result<Option<Proposal>, StoreError> {
        const SQL: &str = concat!(
            "-- proposal
            SELECT ",
            proposal_columns!(),
            " FROM proposals WHERE id = $1"
        );
        self.first(SQL, &[id.as_bytes().into()], read_proposal)
    }

    /// Those about a refund, newest first.
    pub fn newest_proposals(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<Proposal>, StoreError> {
        const SQL: &str = concat!(
            "-- newest_proposals
            SELECT ",
            proposal_columns!(),
            " FROM proposals WHERE refund_id = $1 ORDER BY id DESC LIMIT $2"
        );
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        self.all(SQL, &params, read_proposal)
    }

    /// Those about a refund, oldest first.
    pub fn proposals_of_refund(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<Proposal>, StoreError> {
        const SQL: &str = concat!(
            "-- proposals_of_refund
            SELECT ",
            proposal_columns!(),
            " FROM proposals WHERE refund_id = $1 ORDER BY id LIMIT $2"
        );
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        self.all(SQL, &params, read_proposal)
    }
}

fn read_proposal(row: &dyn Row) -> Result<Proposal, StoreError> {
    const COLUMN: ProposalColumns = ProposalColumns::from(0);
    let ended = match row.opt_integer(COLUMN.ended_at)? {
        None => None,
        Some(at) => Some(Ended {
            at: Timestamp::from_millis(at),
            by: row.text(COLUMN.ended_by)?.to_owned(),
            how: Ending::from_word(row.text(COLUMN.outcome)?)
                .ok_or_else(|| corrupt("outcome of a proposal"))?,
            reason: row.text(COLUMN.outcome_reason)?.to_owned(),
        }),
    };
    Ok(Proposal {
        id: DecisionId::new(uuid(row.blob(COLUMN.id)?)?),
        refund_id: RefundId::new(uuid(row.blob(COLUMN.refund_id)?)?),
        ruling: ruling(row, COLUMN.question, COLUMN.callback_id, COLUMN.decision)?,
        reason: row.text(COLUMN.reason)?.to_owned(),
        by: row.text(COLUMN.proposed_by)?.to_owned(),
        at: Timestamp::from_millis(row.integer(COLUMN.proposed_at)?),
        ended,
    })
}
