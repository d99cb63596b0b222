//! Callbacks that are stored and not applied yet: leased, applied or put off by transaction 2.
//!
//! A row that is named by its key is pending where it has no verdict, which the table's CHECK says is the
//! same as `settled_at IS NULL`. The latter is the condition of the index of all pending rows: a server whose
//! statistics show that index empty would read all of it for each row, and slower the further applying lags.

use crate::domain::claim::Account;
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::refund::Verdict;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::inbound::callbacks::{refund_id, uuid};
use crate::store::tables::{COUNTED_MAX, Snapshot, Tx};

/// A callback that is not applied yet.
#[derive(Clone, Debug)]
pub struct PendingCallback {
    /// Its id.
    pub id: CallbackId,
    /// The provider's account that sent it.
    pub account: Account,
    /// JSON of its claim; `None` where none can be read.
    pub claim: Option<String>,
    /// When it was first received.
    pub received_at: Timestamp,
    /// Failed attempts to apply it.
    pub attempts: u32,
}

columns!(pending_columns, PendingColumns: callbacks {
    id, provider, account, claim, received_at, settle_attempts,
});

impl Tx<'_> {
    /// Marks a callback applied; [`StoreError::Superseded`] where a concurrent worker has done so.
    pub fn apply_callback(
        &mut self,
        id: CallbackId,
        refund_id: Option<RefundId>,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- apply_callback
            UPDATE callbacks SET refund_id = $1, verdict = $2, settled_at = $3
            WHERE id = $4 AND verdict IS NULL";
        self.driver.expect_one(
            SQL,
            &[
                refund_id.as_ref().map(RefundId::as_bytes).into(),
                verdict.as_str().into(),
                now.as_millis().into(),
                id.as_bytes().into(),
            ],
        )
    }

    /// Leases pending callbacks that are due, the longest due first. Until the lease ends no other worker
    /// takes them; the lease of a worker that dies runs out.
    pub fn lease_unapplied(
        &mut self,
        due: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingCallback>, StoreError> {
        const SQL: &str = concat!(
            "-- lease_unapplied
            UPDATE callbacks SET settle_after = $1
            WHERE id IN (SELECT id FROM callbacks WHERE settled_at IS NULL AND settle_after <= $2
                         ORDER BY settle_after LIMIT $3 /* skip locked */)
            RETURNING ",
            pending_columns!()
        );
        let params = [
            until.as_millis().into(),
            due.as_millis().into(),
            i64::from(limit).into(),
        ];
        let mut leased = self.snapshot().all(SQL, &params, read_pending)?;
        leased.sort_by_key(|row| (row.received_at, row.id));
        Ok(leased)
    }

    /// Makes pending callbacks that are due later than `latest` due now.
    pub fn bring_applying_forward(
        &mut self,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- bring_applying_forward
            UPDATE callbacks SET settle_after = $1 WHERE settled_at IS NULL AND settle_after > $2";
        let params = [now.as_millis().into(), latest.as_millis().into()];
        self.execute(SQL, &params).map(drop)
    }

    /// Schedules the next attempt to apply.
    pub fn defer_apply(&mut self, id: CallbackId, until: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "-- defer_apply
            UPDATE callbacks SET settle_after = $1, settle_attempts = settle_attempts + 1
            WHERE id = $2 AND verdict IS NULL";
        let params = [until.as_millis().into(), id.as_bytes().into()];
        self.execute(SQL, &params).map(drop)
    }
}

impl Snapshot<'_> {
    /// When the next pending callback is due.
    pub fn next_unapplied(&mut self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "-- next_unapplied
            SELECT min(settle_after) FROM callbacks WHERE settled_at IS NULL";
        let found = self.first(SQL, &[], |row| row.opt_integer(0))?;
        Ok(found.flatten().map(Timestamp::from_millis))
    }

    /// The refund that an applied callback created or updated, and whether it contradicts it.
    pub fn applied_callback(
        &mut self,
        id: CallbackId,
    ) -> Result<Option<(Option<RefundId>, bool)>, StoreError> {
        const SQL: &str = "-- applied_callback
            SELECT refund_id, verdict FROM callbacks WHERE id = $1 AND settled_at IS NOT NULL";
        self.first(SQL, &[id.as_bytes().into()], |row| {
            Ok((
                refund_id(row, 0)?,
                row.text(1)? == Verdict::Conflict.as_str(),
            ))
        })
    }

    /// One callback, if it is pending.
    pub fn unapplied_callback(
        &mut self,
        id: CallbackId,
    ) -> Result<Option<PendingCallback>, StoreError> {
        const SQL: &str = concat!(
            "-- unapplied_callback
            SELECT ",
            pending_columns!(),
            " FROM callbacks
            WHERE id = $1 AND verdict IS NULL"
        );
        self.first(SQL, &[id.as_bytes().into()], read_pending)
    }

    /// Pending callbacks, up to `COUNTED_MAX`, and when the oldest of them was received.
    pub fn count_unapplied(&mut self) -> Result<(i64, Option<Timestamp>), StoreError> {
        const SQL: &str = "-- count_unapplied
            SELECT count(*), min(received_at)
            FROM (SELECT received_at FROM callbacks WHERE settled_at IS NULL ORDER BY settle_after LIMIT $1) AS open";
        let found = self.first(SQL, &[COUNTED_MAX.into()], |row| {
            Ok((
                row.integer(0)?,
                row.opt_integer(1)?.map(Timestamp::from_millis),
            ))
        })?;
        Ok(found.unwrap_or((0, None)))
    }
}

fn read_pending(row: &dyn Row) -> Result<PendingCallback, StoreError> {
    const COLUMN: PendingColumns = PendingColumns::from(0);
    Ok(PendingCallback {
        id: CallbackId::new(uuid(row.blob(COLUMN.id)?)?),
        account: Account {
            provider: row.text(COLUMN.provider)?.to_owned(),
            name: row.text(COLUMN.account)?.to_owned(),
        },
        claim: row.opt_text(COLUMN.claim)?.map(str::to_owned),
        received_at: Timestamp::from_millis(row.integer(COLUMN.received_at)?),
        attempts: u32::try_from(row.integer(COLUMN.settle_attempts)?).unwrap_or(u32::MAX),
    })
}
