//! The statements of a transaction in the terms of the domain: a method each, with its SQL, one file per
//! table. [`Snapshot`] reads; [`Tx`] reads, locks and writes.

#[macro_use]
mod columns;

mod audit;
mod decisions;
mod epay;
mod events;
mod inbound;
mod outcomes;
mod readers;
mod requests;
mod trail;

use std::time::Duration;

use uuid::Uuid;

use super::StoreError;
use super::engine::driver::{Driver, Row, Value};
use crate::domain::ids::ExternalId;
use crate::domain::time::Timestamp;
use crate::domain::trail::Entry;

pub use audit::{AuditedCallback, AuditedRefund, Counts, HandledApplication};
pub use decisions::{AuditedDecision, DecisionRow, LastMove};
pub use events::EventRow;
pub use inbound::callbacks::{CallbackClaim, CallbackRow, NewCallback, read_claim};
pub use inbound::dedup::Receipt;
pub use inbound::pending::PendingCallback;
pub use outcomes::overviews::{CallbackLine, Outcome};
pub use outcomes::parities::NewParity;
pub use outcomes::refund_list::{RefundFilter, RefundPage};
pub use outcomes::refunds::{Locked, RefundRow};
pub use readers::console_sessions::SessionRow;
pub use readers::consumers::ConsumerRow;
pub use readers::endpoints::{DisabledReason, EndpointRow, ParkedPush};
pub use requests::{
    AccountState, AccountStop, AttemptEnd, AttemptRow, KnownKey, NewAttempt, OfPayment,
    OpenRequests,
};
pub use trail::{TrailFilter, TrailHead, TrailRow};

/// Some rows of a list, and whether there are more behind them.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows, in the order of the list.
    pub rows: Vec<T>,
    /// Whether the list goes on.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Of the rows for [`rows_to_ask`].
    fn of(mut rows: Vec<T>, limit: u32) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        Self { rows, has_more }
    }

    /// Read step by step, and shorter where the rows are large, since several readers may ask at once. `of_row` tells
    /// a row's id and size, `step` reads so many after an id.
    fn in_steps<Id: Copy>(
        limit: u32,
        mut after: Option<Id>,
        of_row: impl Fn(&T) -> (Id, usize),
        mut step: impl FnMut(Option<Id>, u32) -> Result<Self, StoreError>,
    ) -> Result<Self, StoreError> {
        let (mut rows, mut bytes, mut left) = (Vec::new(), 0, limit);
        loop {
            let next = step(after, left.min(STEP))?;
            left -= left.min(STEP);
            for (id, size) in next.rows.iter().map(&of_row) {
                after = Some(id);
                bytes += size;
            }
            rows.extend(next.rows);
            if !next.has_more || left == 0 || bytes >= PAGE_BYTES {
                let has_more = next.has_more;
                return Ok(Self { rows, has_more });
            }
        }
    }
}

/// Rows read at once by [`Page::in_steps`]; with bodies of the greatest length 1 MiB.
const STEP: u32 = 16;
/// Bytes with which such a page is full; one step may go beyond it.
const PAGE_BYTES: usize = 1024 * 1024;

/// Bound of a count that a metric shows, so that its cost is bounded.
pub const COUNTED_MAX: i64 = 100_000;

/// Rows to ask for: one more than a page holds tells whether there are more.
fn rows_to_ask(limit: u32) -> i64 {
    i64::from(limit).saturating_add(1)
}

/// One unchanging state to read from.
pub struct Snapshot<'a> {
    driver: &'a mut dyn Driver,
}

/// A transaction that writes.
pub struct Tx<'a> {
    driver: &'a mut dyn Driver,
    buffered: Buffered,
    /// Whether the row that is inserted next is known to be there.
    was_there: bool,
}

/// What waits for the end of a transaction.
#[derive(Default)]
pub(super) struct Buffered {
    events: Vec<events::NewEvent>,
    /// Entries of the trail that wait for their numbers.
    acts: Vec<Entry>,
    /// How long after their arrival callbacks were applied.
    pub(super) apply_delays: Vec<Duration>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(driver: &'a mut dyn Driver) -> Self {
        Self { driver }
    }

    /// The clock that every process on this store sees; `None` where only one machine can be one.
    pub fn server_clock(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.driver.clock()?.map(Timestamp::from_millis))
    }

    /// Reads all rows.
    fn all<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        self.driver.query(sql, params, &mut |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Reads the first row, if there is one.
    fn first<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut first = None;
        self.driver.query(sql, params, &mut |row| {
            let read = read(row)?;
            first.get_or_insert(read);
            Ok(())
        })?;
        Ok(first)
    }
}

impl<'a> Tx<'a> {
    pub(super) fn new(driver: &'a mut dyn Driver) -> Self {
        Self {
            driver,
            buffered: Buffered::default(),
            was_there: false,
        }
    }

    /// Runs a part that may fail without taking the rest of the transaction along. An error that does not
    /// blame one job means that the whole transaction is lost.
    pub(super) fn apart<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let before = self.buffered.lengths();
        self.driver.save_point()?;
        let result = part(self).and_then(|done| self.driver.await_sent().map(|()| done));
        match &result {
            Ok(_) => self.driver.release_save_point()?,
            Err(error) if error.blames_one_job() => {
                self.buffered.truncate(before);
                self.driver.roll_back_to_save_point()?;
            }
            Err(_) => {}
        }
        result
    }

    /// Adds what a job left that needs not be run here.
    pub(super) fn add(&mut self, other: Buffered) {
        self.buffered.events.extend(other.events);
        self.buffered.acts.extend(other.acts);
        self.buffered.apply_delays.extend(other.apply_delays);
    }

    /// Runs a job that was found to insert a row which is there.
    pub(super) fn with_known_row<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.was_there = true;
        let done = run(self);
        self.was_there = false;
        done
    }

    /// Inserts a row unless its key is there; whether it is new.
    fn insert_new(&mut self, sql: &str, params: &[Value<'_>]) -> Result<bool, StoreError> {
        if std::mem::take(&mut self.was_there) {
            return Ok(false);
        }
        self.driver.insert_new(sql, params)
    }

    /// What is left for the end.
    pub(super) fn into_buffered(self) -> Buffered {
        self.buffered
    }

    /// Counts, if this transaction commits, that a callback was applied so long after its arrival.
    pub fn note_apply_delay(&mut self, delay: Duration) {
        self.buffered.apply_delays.push(delay);
    }

    /// Does to the store what accepting needs, and changes nothing.
    pub(super) fn probe(&mut self) -> Result<(), StoreError> {
        // Takes the locks that accepting takes, by an id that no callback has.
        const SQL: &str = "-- touch_no_callback
            UPDATE callbacks SET deliveries = deliveries WHERE id = $1";
        self.execute(SQL, &[Uuid::nil().as_bytes().into()])?;
        if self.driver.write_nothing()? {
            return Ok(());
        }
        self.rewrite_counter().map(drop)
    }

    /// The same state, for reading.
    pub fn snapshot(&mut self) -> Snapshot<'_> {
        Snapshot {
            driver: self.driver,
        }
    }

    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        self.driver.execute(sql, params)
    }
}

impl Buffered {
    fn lengths(&self) -> [usize; 3] {
        [self.events.len(), self.acts.len(), self.apply_delays.len()]
    }

    fn truncate(&mut self, [events, acts, apply_delays]: [usize; 3]) {
        self.events.truncate(events);
        self.acts.truncate(acts);
        self.apply_delays.truncate(apply_delays);
    }
}

/// What a column holds is not what this program writes there.
fn corrupt(what: &str) -> StoreError {
    StoreError::Unreadable(format!("an unreadable {what} is stored"))
}

fn number(text: Option<&str>) -> Result<Option<ExternalId>, StoreError> {
    text.map(|text| text.parse().map_err(|_| corrupt("number")))
        .transpose()
}
