//! Questions about refunds that readers were told of, each once.

use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::refund::Verdict;
use crate::store::StoreError;
use crate::store::tables::{Snapshot, Tx};

/// Callbacks of a refund that are searched for a question which a program of the last version put: it notes
/// none.
const JUDGED_BY_OTHERS_MAX: i64 = 100;

impl Tx<'_> {
    /// Notes a question about a refund; `false` where it was asked before. The same claim with the same
    /// verdict is the same question, unless a person has decided since: then only the key tells.
    pub fn ask(
        &mut self,
        refund_id: RefundId,
        question_key: &[u8; 32],
        (claim_json, verdict): (&str, Verdict),
        (by, is_decided): (CallbackId, bool),
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- insert_question
            INSERT INTO questions (refund_id, question_key, callback_id) VALUES ($1, $2, $3)
            ON CONFLICT DO NOTHING";
        let params = [
            refund_id.as_bytes().into(),
            question_key.into(),
            by.as_bytes().into(),
        ];
        if self.execute(SQL, &params)? == 0 {
            return Ok(false);
        }
        if is_decided {
            return Ok(true);
        }
        let before = self
            .snapshot()
            .claim_judged_before(refund_id, claim_json, verdict, by)?;
        Ok(!before)
    }
}

impl Snapshot<'_> {
    /// Whether one of the first callbacks of this refund, except one, made the same claim and got the same
    /// verdict.
    fn claim_judged_before(
        &mut self,
        refund_id: RefundId,
        claim_json: &str,
        verdict: Verdict,
        but: CallbackId,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "-- claim_judged_before
            SELECT 1 FROM (SELECT id, claim, verdict FROM callbacks WHERE refund_id = $1 ORDER BY id LIMIT $2) AS first
            WHERE claim = $3 AND verdict = $4 AND id <> $5 LIMIT 1";
        let params = [
            refund_id.as_bytes().into(),
            JUDGED_BY_OTHERS_MAX.into(),
            claim_json.into(),
            verdict.as_str().into(),
            but.as_bytes().into(),
        ];
        let found = self.first(SQL, &params, |_| Ok(()))?;
        Ok(found.is_some())
    }
}
