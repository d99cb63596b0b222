//! The feed's rows. Events of a transaction are buffered and numbered last, just before the commit: numbers
//! are gapless and in commit order, and the counter is locked for the shortest time.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::{Snapshot, Tx};
use crate::domain::event::EventKind;
use crate::domain::ids::{EventId, RefundId};
use crate::domain::time::Timestamp;
use crate::store::copy::Digest;
use crate::store::engine::driver::{Row, Rows, Value};
use crate::store::feed_counter::{Counter, FeedKnown, Numbered};
use crate::store::tables::inbound::callbacks::{refund_id, uuid};
use crate::store::{StoreError, schema};

/// Values of a new row.
const EVENT_VALUES: usize = 6;

/// An event that waits for its number.
pub(super) struct NewEvent {
    id: EventId,
    kind: EventKind,
    occurred_at: Timestamp,
    data: String,
    refund_id: RefundId,
}

impl NewEvent {
    /// As `INSERT_EVENT` binds it.
    fn row(&self, sequence: i64) -> [Value<'_>; EVENT_VALUES] {
        [
            sequence.into(),
            self.id.as_bytes().into(),
            self.kind.as_str().into(),
            self.occurred_at.as_millis().into(),
            self.data.as_str().into(),
            self.refund_id.as_bytes().into(),
        ]
    }
}

/// One entry of the feed.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its number; the next commit continues with the next one.
    pub sequence: i64,
    /// Its id.
    pub id: EventId,
    /// Its kind, as written.
    pub kind: String,
    /// When its transaction ran.
    pub occurred_at: Timestamp,
    /// JSON as readers get it.
    pub data: String,
    /// The refund that it is about; `None` where version 2 stored it.
    pub refund_id: Option<RefundId>,
}

columns!(event_columns, EventColumns: events { sequence, id, kind = type, occurred_at, data, refund_id });

impl Tx<'_> {
    /// Adds an event to the feed.
    pub fn append_event(
        &mut self,
        id: EventId,
        kind: EventKind,
        refund_id: RefundId,
        data: &impl Serialize,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let data = serde_json::to_string(data)
            .map_err(|error| StoreError::Statement(error.to_string()))?;
        self.buffered.events.push(NewEvent {
            id,
            kind,
            occurred_at: now,
            data,
            refund_id,
        });
        Ok(())
    }

    /// Rewrites the counter unchanged, to probe the disk; returns the rows rewritten.
    pub(super) fn rewrite_counter(&mut self) -> Result<usize, StoreError> {
        const SQL: &str = "-- rewrite_counter
            UPDATE feed SET last_sequence = last_sequence";
        self.execute(SQL, &[])
    }

    /// Begins another history for the feed: cursors of readers belong to the old epoch. Returns the new one.
    pub fn renew_epoch(&mut self, random: Uuid) -> Result<String, StoreError> {
        const SQL: &str = "-- renew_epoch
            UPDATE feed_epoch SET epoch = $1";
        let epoch = schema::epoch(random);
        self.driver.expect_one(SQL, &[epoch.as_str().into()])?;
        Ok(epoch)
    }

    /// Begins another history unless this one has ended already; returns the new epoch if so.
    pub(in crate::store) fn end_history(
        &mut self,
        known: &FeedKnown,
        random: Uuid,
    ) -> Result<Option<String>, StoreError> {
        if self.snapshot().epoch()? != *known.epoch {
            return Ok(None);
        }
        self.renew_epoch(random).map(Some)
    }

    /// Numbers and stores the acts and the events of this transaction, last before its commit. The trail's head is
    /// locked first: a writer that waits for it holds up no events.
    pub(in crate::store) fn number(
        &mut self,
        counter: &Counter,
        digest: Digest,
    ) -> Result<Option<Numbered>, StoreError> {
        if !self.buffered.acts.is_empty() {
            self.driver.before_numbering()?;
            self.append_acts(digest)?;
        }
        self.number_events(counter)
    }

    /// Numbers and stores the events of this transaction, if there are any.
    #[expect(
        clippy::disallowed_methods,
        reason = "names a history apart from all others; no clock orders them"
    )]
    fn number_events(&mut self, counter: &Counter) -> Result<Option<Numbered>, StoreError> {
        const TAKE_SEQUENCES: &str = "-- take_sequences
            UPDATE feed SET last_sequence = last_sequence + $1 RETURNING last_sequence";
        const INSERT_EVENT: &str = "-- insert_event
            INSERT INTO events (sequence, id, type, occurred_at, data, refund_id) VALUES ($1, $2, $3, $4, $5, $6)";
        if self.buffered.events.is_empty() {
            return Ok(None);
        }
        // Before the counter's row is locked, so that it has what is known here unless commits were lost.
        let known = counter.known();
        self.driver.before_numbering()?;
        let events = std::mem::take(&mut self.buffered.events);
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let last = self
            .snapshot()
            .first(TAKE_SEQUENCES, &[count.into()], |row| row.integer(0))?
            .ok_or_else(|| StoreError::Unreadable("the feed's counter is gone".to_owned()))?;
        // Before a number is given away twice.
        let begun = if last - count < known.last {
            self.end_history(&known, Uuid::now_v7())?.map(Arc::from)
        } else {
            None
        };
        let rows: Vec<_> = (last - count + 1..)
            .zip(&events)
            .flat_map(|(sequence, event)| event.row(sequence))
            .collect();
        let rows = Rows {
            width: EVENT_VALUES,
            values: &rows,
        };
        self.driver.expect_each(INSERT_EVENT, rows)?;
        self.driver.announce(last)?;
        Ok(Some(Numbered { last, begun }))
    }
}

impl Snapshot<'_> {
    /// Entries after this number, oldest first.
    pub fn events_after(&mut self, after: i64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        const SQL: &str = concat!(
            "-- events_after
            SELECT ",
            event_columns!(),
            " FROM events
            WHERE sequence > $1 ORDER BY sequence LIMIT $2"
        );
        let params = [after.into(), i64::from(limit).into()];
        self.all(SQL, &params, read_event)
    }

    /// The first events about a refund, oldest first; those of version 2 are not among them.
    pub fn events_of_refund(
        &mut self,
        refund_id: RefundId,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        const SQL: &str = concat!(
            "-- events_of_refund
            SELECT ",
            event_columns!(),
            " FROM events
            WHERE refund_id = $1 ORDER BY sequence LIMIT $2"
        );
        let params = [refund_id.as_bytes().into(), i64::from(limit).into()];
        self.all(SQL, &params, read_event)
    }

    /// When the transaction of an event ran.
    pub fn event_time(&mut self, sequence: i64) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "-- event_time
            SELECT occurred_at FROM events WHERE sequence = $1";
        let time = self.first(SQL, &[sequence.into()], |row| row.integer(0))?;
        Ok(time.map(Timestamp::from_millis))
    }

    /// Which history the numbers count.
    pub fn epoch(&mut self) -> Result<String, StoreError> {
        const SQL: &str = "-- epoch
            SELECT epoch FROM feed_epoch";
        let epoch = self.first(SQL, &[], |row| Ok(row.text(0)?.to_owned()))?;
        epoch.ok_or_else(|| StoreError::Unreadable("the feed's epoch is gone".to_owned()))
    }

    /// The last number given away.
    pub fn last_sequence(&mut self) -> Result<i64, StoreError> {
        const SQL: &str = "-- last_sequence
            SELECT last_sequence FROM feed";
        let last = self.first(SQL, &[], |row| row.integer(0))?;
        last.ok_or_else(|| StoreError::Unreadable("the feed's counter is gone".to_owned()))
    }
}

fn read_event(row: &dyn Row) -> Result<EventRow, StoreError> {
    const COLUMN: EventColumns = EventColumns::from(0);
    Ok(EventRow {
        sequence: row.integer(COLUMN.sequence)?,
        id: EventId::new(uuid(row.blob(COLUMN.id)?)?),
        kind: row.text(COLUMN.kind)?.to_owned(),
        occurred_at: Timestamp::from_millis(row.integer(COLUMN.occurred_at)?),
        data: row.text(COLUMN.data)?.to_owned(),
        refund_id: refund_id(row, COLUMN.refund_id)?,
    })
}
