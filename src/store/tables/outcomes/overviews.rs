//! Lists for the operators' pages. Each finds its rows through an index and reads a bounded number of them.

use crate::domain::claim::Account;
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::request::State;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::Snapshot;
use crate::store::tables::epay::close_outs::close_out_columns;
use crate::store::tables::inbound::callbacks::{refund_id, uuid};
use crate::store::tables::outcomes::refunds::{RefundRow, read_row, refund_columns};
use crate::store::tables::requests::request_columns;

/// Open requests that are looked at to find the oldest.
const LOOKED_AT: i64 = 5_000;

/// A callback without its bytes.
#[derive(Clone, Debug)]
pub struct CallbackLine {
    pub id: CallbackId,
    pub account: Account,
    /// The refund number that it names; empty where it names none.
    pub refund_no: String,
    pub key_id: String,
    pub received_at: Timestamp,
    pub deliveries: i64,
    pub refund_id: Option<RefundId>,
    /// Its effect; `None` while it is pending.
    pub verdict: Option<String>,
}

/// When a callback of an account came, and its effect.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub account: Account,
    pub received_at: Timestamp,
    verdict: Option<String>,
}

impl Outcome {
    /// Whether it left a question.
    pub fn asks(&self) -> bool {
        asks(self.verdict.as_deref())
    }
}

impl CallbackLine {
    /// Whether it left a question.
    pub fn asks(&self) -> bool {
        asks(self.verdict.as_deref())
    }
}

fn asks(verdict: Option<&str>) -> bool {
    matches!(verdict, Some("conflict" | "questioned" | "invalid"))
}

columns!(line_columns, LineColumns: callbacks {
    id, provider, account, refund_no, key_id, received_at, deliveries, refund_id, verdict,
});

impl Snapshot<'_> {
    /// The newest callbacks before one of them, or of all.
    pub fn newest_callbacks(
        &mut self,
        before: Option<CallbackId>,
        limit: u32,
    ) -> Result<Vec<CallbackLine>, StoreError> {
        const SQL: &str = concat!(
            "-- newest_callbacks
            SELECT ",
            line_columns!(),
            " FROM callbacks
            WHERE callbacks.id < $1 ORDER BY callbacks.id DESC LIMIT $2"
        );
        // No id is above it.
        let before = before.map_or([u8::MAX; 16], |id| *id.as_bytes());
        self.all(SQL, &[(&before).into(), i64::from(limit).into()], read_line)
    }

    /// The newest callbacks since then.
    pub fn newest_outcomes(
        &mut self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Outcome>, StoreError> {
        const SQL: &str = "-- newest_outcomes
            SELECT provider, account, received_at, verdict FROM callbacks
            WHERE id > $1 ORDER BY id DESC LIMIT $2";
        let millis = u64::try_from(since.as_millis()).unwrap_or(0);
        let mut first = [0; 16];
        // The first six bytes of an id are its time.
        first[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        self.all(SQL, &[(&first).into(), i64::from(limit).into()], |row| {
            Ok(Outcome {
                account: Account {
                    provider: row.text(0)?.to_owned(),
                    name: row.text(1)?.to_owned(),
                },
                received_at: Timestamp::from_millis(row.integer(2)?),
                verdict: row.opt_text(3)?.map(str::to_owned),
            })
        })
    }

    /// Refunds whose request is in this open state, the oldest first.
    pub fn requests_in_state(
        &mut self,
        state: State,
        limit: u32,
    ) -> Result<Vec<RefundRow>, StoreError> {
        const SQL: &str = concat!(
            "-- requests_in_state
            SELECT ",
            refund_columns!(),
            ", ",
            close_out_columns!(),
            ", ",
            request_columns!(),
            " FROM refunds LEFT JOIN close_outs ON close_outs.refund_id = refunds.id
            JOIN requests ON requests.refund_id = refunds.id
            WHERE refunds.id IN (SELECT listed.refund_id FROM requests AS listed
              WHERE listed.state IN ('queued', 'sending', 'unknown', 'accepted') AND listed.state = $1
              ORDER BY listed.state LIMIT $2)
            ORDER BY refunds.id LIMIT $3"
        );
        let params = [
            state.as_str().into(),
            LOOKED_AT.into(),
            i64::from(limit).into(),
        ];
        self.all(SQL, &params, read_row)
    }

    /// Refunds whose close-out is not done, parked ones first.
    pub fn open_close_outs(&mut self, limit: u32) -> Result<Vec<RefundRow>, StoreError> {
        const SQL: &str = concat!(
            "-- open_close_outs
            SELECT ",
            refund_columns!(),
            ", ",
            close_out_columns!(),
            ", ",
            request_columns!(),
            " FROM refunds JOIN close_outs ON close_outs.refund_id = refunds.id
            LEFT JOIN requests ON requests.refund_id = refunds.id
            WHERE refunds.id IN (SELECT listed.refund_id FROM close_outs AS listed WHERE listed.state <> 'done'
              ORDER BY listed.state LIMIT $1)
            ORDER BY refunds.id LIMIT $1"
        );
        self.all(SQL, &[i64::from(limit).into()], read_row)
    }
}

fn read_line(row: &dyn Row) -> Result<CallbackLine, StoreError> {
    const COLUMN: LineColumns = LineColumns::from(0);
    Ok(CallbackLine {
        id: CallbackId::new(uuid(row.blob(COLUMN.id)?)?),
        account: Account {
            provider: row.text(COLUMN.provider)?.to_owned(),
            name: row.text(COLUMN.account)?.to_owned(),
        },
        refund_no: row.text(COLUMN.refund_no)?.to_owned(),
        key_id: row.text(COLUMN.key_id)?.to_owned(),
        received_at: Timestamp::from_millis(row.integer(COLUMN.received_at)?),
        deliveries: row.integer(COLUMN.deliveries)?,
        refund_id: refund_id(row, COLUMN.refund_id)?,
        verdict: row.opt_text(COLUMN.verdict)?.map(str::to_owned),
    })
}
