//! Notifications: stored by transaction 1, marked applied by transaction 2.

use uuid::Uuid;

use super::{COUNTED_MAX, Page, Snapshot, Tx, corrupt, rows_to_ask};
use crate::domain::claim::{Account, Claim, DeliveryKey, RefundNo};
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::refund::Verdict;
use crate::domain::time::Timestamp;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

/// A notification as transaction 1 stores it.
#[derive(Clone, Debug)]
pub struct NewCallback {
    /// Our id for it.
    pub id: CallbackId,
    /// Whose it is.
    pub account: Account,
    /// The refund that it names, if any.
    pub refund_no: Option<RefundNo>,
    /// Whether releases up to schema 2 took its refund number for none, and stored it so.
    pub was_without_number: bool,
    /// What makes two deliveries the same one.
    pub delivery_key: DeliveryKey,
    /// Which key or token verified it.
    pub key_id: String,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    /// JSON of what it says, if it says anything.
    pub claim: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When the resume worker may take it over.
    pub settle_after: Timestamp,
}

/// Whether these very bytes were known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// They are new.
    New,
    /// They came before, and were counted.
    Before {
        /// The id they got then.
        id: CallbackId,
        /// Whether transaction 2 has been there.
        is_applied: bool,
    },
}

/// A notification that transaction 2 still owes.
#[derive(Clone, Debug)]
pub struct DueCallback {
    /// Its id.
    pub id: CallbackId,
    /// Whose it is.
    pub account: Account,
    /// JSON of what it says; `None` where it says nothing that we can read.
    pub claim: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often applying failed.
    pub attempts: u32,
}

/// A notification as the operator sees it.
#[derive(Clone, Debug)]
pub struct CallbackRow {
    /// Its id.
    pub id: CallbackId,
    /// When it first came.
    pub received_at: Timestamp,
    /// When it last came.
    pub last_received_at: Timestamp,
    /// How often it came.
    pub deliveries: i64,
    /// When transaction 2 was through.
    pub settled_at: Option<Timestamp>,
    /// What became of it.
    pub verdict: Option<String>,
    /// Which key or token verified it.
    pub key_id: String,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// The bytes as received.
    pub body: Vec<u8>,
    /// Whose it is.
    pub account: Account,
    /// The refund that it made or met.
    pub refund_id: Option<RefundId>,
    /// JSON of what it says, if it says anything.
    pub claim: Option<String>,
}

/// What one notification of a refund said, for going through its history again.
#[derive(Clone, Debug)]
pub struct AppliedClaim {
    /// The notification.
    pub id: CallbackId,
    /// JSON of what it says.
    pub claim: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// How many notifications of a refund are looked at for a question that a program of the version before put, which
/// notes none.
const JUDGED_BY_OTHERS_MAX: i64 = 100;

/// What stands for "no number" in the unique index, where NULL would never be a repeat.
pub(super) fn number_or_empty(refund_no: Option<&RefundNo>) -> &str {
    refund_no.map_or("", RefundNo::as_str)
}

impl Tx<'_> {
    /// Notes a question about a refund; `false` where it was asked before. The same claim with the same verdict
    /// is the same question.
    pub fn ask(
        &mut self,
        refund_id: RefundId,
        question_key: &[u8; 32],
        (claim_json, verdict): (&str, Verdict),
        by: CallbackId,
    ) -> Result<bool, StoreError> {
        let params = [
            refund_id.as_bytes().into(),
            question_key.into(),
            by.as_bytes().into(),
        ];
        if self.execute(sql::INSERT_QUESTION, &params)? == 0 {
            return Ok(false);
        }
        let before = self
            .snapshot()
            .claim_judged_before(refund_id, claim_json, verdict, by)?;
        Ok(!before)
    }

    /// Marks a notification applied; [`StoreError::Superseded`] where somebody else has done so.
    pub fn apply_callback(
        &mut self,
        id: CallbackId,
        refund_id: Option<RefundId>,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.driver.expect_one(
            sql::APPLY_CALLBACK,
            &[
                refund_id.as_ref().map(RefundId::as_bytes).into(),
                verdict.as_str().into(),
                now.as_millis().into(),
                id.as_bytes().into(),
            ],
        )
    }

    /// Takes notifications that transaction 2 owes and that are due, the longest due first. Until the
    /// lease ends no other worker takes them; a worker that dies gives them back by that.
    pub fn lease_unapplied(
        &mut self,
        due: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueCallback>, StoreError> {
        let params = [
            until.as_millis().into(),
            due.as_millis().into(),
            i64::from(limit).into(),
        ];
        let mut leased = self
            .snapshot()
            .all(sql::LEASE_UNAPPLIED, &params, read_due)?;
        leased.sort_by_key(|row| (row.received_at, row.id));
        Ok(leased)
    }

    /// Lets what is due later than `latest` be due now.
    pub fn bring_applying_forward(
        &mut self,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<(), StoreError> {
        let params = [now.as_millis().into(), latest.as_millis().into()];
        self.execute(sql::BRING_APPLYING_FORWARD, &params).map(drop)
    }

    /// Puts off the next try to apply.
    pub fn defer_apply(&mut self, id: CallbackId, until: Timestamp) -> Result<(), StoreError> {
        let params = [until.as_millis().into(), id.as_bytes().into()];
        self.execute(sql::DEFER_APPLY, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// When the next notification that transaction 2 owes is due, if it owes any.
    pub fn next_unapplied(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let found = self.first(sql::NEXT_UNAPPLIED, &[], |row| row.opt_integer(0))?;
        Ok(found.flatten().map(Timestamp::from_millis))
    }

    /// The refund that a applied notification made or met, and whether it contradicts it.
    pub fn applied_callback(
        &mut self,
        id: CallbackId,
    ) -> Result<Option<(Option<RefundId>, bool)>, StoreError> {
        self.first(sql::APPLIED_CALLBACK, &[id.as_bytes().into()], |row| {
            let refund_id = row.opt_blob(0)?.map(uuid).transpose()?.map(RefundId::new);
            Ok((refund_id, row.text(1)? == Verdict::Conflict.as_str()))
        })
    }

    /// One notification, if transaction 2 owes it.
    pub fn unapplied_callback(
        &mut self,
        id: CallbackId,
    ) -> Result<Option<DueCallback>, StoreError> {
        self.first(sql::UNAPPLIED_CALLBACK, &[id.as_bytes().into()], read_due)
    }

    /// How many notifications transaction 2 owes, up to `COUNTED_MAX`, and since when the oldest.
    pub fn count_unapplied(&mut self) -> Result<(i64, Option<Timestamp>), StoreError> {
        let found = self.first(sql::COUNT_UNAPPLIED, &[COUNTED_MAX.into()], |row| {
            Ok((
                row.integer(0)?,
                row.opt_integer(1)?.map(Timestamp::from_millis),
            ))
        })?;
        Ok(found.unwrap_or((0, None)))
    }

    /// Whether one of the first notifications of this refund, but for one, said the very same and got the
    /// same verdict.
    fn claim_judged_before(
        &mut self,
        refund_id: RefundId,
        claim_json: &str,
        verdict: Verdict,
        but: CallbackId,
    ) -> Result<bool, StoreError> {
        let params = [
            refund_id.as_bytes().into(),
            JUDGED_BY_OTHERS_MAX.into(),
            claim_json.into(),
            verdict.as_str().into(),
            but.as_bytes().into(),
        ];
        let found = self.first(sql::CLAIM_JUDGED_BEFORE, &params, |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// A page of the notifications of a refund after one of them, or from the first, oldest first.
    pub fn callbacks_of_refund(
        &mut self,
        refund_id: RefundId,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Page<CallbackRow>, StoreError> {
        // No notification has this id, and each comes after it.
        let after = after.unwrap_or(CallbackId::new(Uuid::nil()));
        let params = [
            refund_id.as_bytes().into(),
            after.as_bytes().into(),
            rows_to_ask(limit).into(),
        ];
        let rows = self.all(sql::CALLBACKS_OF_REFUND, &params, read_callback)?;
        Ok(Page::of(rows, limit))
    }

    /// One notification.
    pub fn callback(&mut self, id: CallbackId) -> Result<Option<CallbackRow>, StoreError> {
        self.first(sql::CALLBACK, &[id.as_bytes().into()], read_callback)
    }

    /// What the applied notifications of a refund said, in the order in which they took effect; of more than
    /// `limit` those that came first.
    pub fn applied_claims(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<AppliedClaim>, StoreError> {
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        let mut claims = self.all(sql::APPLIED_CLAIMS, &params, |row| {
            let claim = AppliedClaim {
                id: CallbackId::new(uuid(row.blob(0)?)?),
                claim: row.text(1)?.to_owned(),
                received_at: Timestamp::from_millis(row.integer(2)?),
            };
            Ok((row.integer(3)?, claim))
        })?;
        // Here, because the engine would read and sort all of them for it.
        claims.sort_by_key(|(settled_at, claim)| (*settled_at, claim.id));
        Ok(claims.into_iter().map(|(_, claim)| claim).collect())
    }
}

fn read_callback(row: &dyn Row) -> Result<CallbackRow, StoreError> {
    let refund_id = row.opt_blob(11)?.map(uuid).transpose()?;
    Ok(CallbackRow {
        id: CallbackId::new(uuid(row.blob(0)?)?),
        received_at: Timestamp::from_millis(row.integer(1)?),
        last_received_at: Timestamp::from_millis(row.integer(2)?),
        deliveries: row.integer(3)?,
        settled_at: row.opt_integer(4)?.map(Timestamp::from_millis),
        verdict: row.opt_text(5)?.map(str::to_owned),
        key_id: row.text(6)?.to_owned(),
        headers: row.text(7)?.to_owned(),
        body: row.blob(8)?.to_vec(),
        account: Account {
            provider: row.text(9)?.to_owned(),
            name: row.text(10)?.to_owned(),
        },
        refund_id: refund_id.map(RefundId::new),
        claim: row.opt_text(12)?.map(str::to_owned),
    })
}

/// A claim as it is stored: the JSON of [`CallbackRow`], [`DueCallback`] and [`AppliedClaim`].
pub fn read_claim(json: &str) -> Result<Claim, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Unreadable(format!("a claim: {error}")))
}

fn read_due(row: &dyn Row) -> Result<DueCallback, StoreError> {
    Ok(DueCallback {
        id: CallbackId::new(uuid(row.blob(0)?)?),
        account: Account {
            provider: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
        },
        claim: row.opt_text(3)?.map(str::to_owned),
        received_at: Timestamp::from_millis(row.integer(4)?),
        attempts: u32::try_from(row.integer(5)?).unwrap_or(u32::MAX),
    })
}

/// Sixteen stored bytes.
pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| corrupt("id"))
}
