//! The trail of acts. Entries of a transaction are buffered and appended just before the commit, under the lock of
//! the head row, so that numbers have no gap and each hash continues the one before it, however many instances
//! append. Nothing here updates or deletes an entry.

use std::time::Duration;

use super::{Page, Snapshot, Tx, corrupt, rows_to_ask};
use crate::domain::time::Timestamp;
use crate::domain::trail::{About, Actor, Entry};
use crate::failpoints::crash_point;
use crate::store::StoreError;
use crate::store::copy::Digest;
use crate::store::engine::driver::{Row, Value};

const NEWEST_TAIL: &str = " ORDER BY sequence DESC LIMIT $3";
const OLDEST_TAIL: &str = " ORDER BY sequence LIMIT $3";

/// Clocks of instances differ by less, and entries are in the order of their commits.
const SKEW: Duration = Duration::from_secs(600);
/// Before the first entry.
const NOTHING: [u8; 32] = [0; 32];

/// One entry of the trail.
#[derive(Clone, Debug)]
pub struct TrailRow {
    /// Its number; the next one continues with the next number.
    pub sequence: i64,
    pub entry: Entry,
    /// Over the hash before it and the entry ([`Entry::chained_bytes`]).
    pub hash: [u8; 32],
}

/// Where the trail ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailHead {
    /// The last number; 0: nothing was done yet.
    pub sequence: i64,
    /// Its hash; zeros before the first.
    pub hash: [u8; 32],
}

/// Which entries are asked for; every given condition must hold.
#[derive(Clone, Debug, Default)]
pub struct TrailFilter {
    pub reader: Option<String>,
    pub act: Option<String>,
    /// The id of what it is about.
    pub about: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Oldest first; else newest first.
    pub is_oldest_first: bool,
    /// Behind this number in that order.
    pub cursor: Option<i64>,
}

columns!(trail_columns, TrailColumns: trail {
    sequence, at = acted_at, reader, token_id, peer, act, about_kind, about, reason, before = state_before,
    after = state_after, hash,
});

/// Completed by [`Snapshot::trail`] with one condition for each filter, then [`NEWEST_TAIL`] or [`OLDEST_TAIL`].
const PAGE_HEAD: &str = concat!(
    "-- trail_page
    SELECT ",
    trail_columns!(),
    " FROM trail WHERE sequence > $1 AND sequence < $2"
);

impl Tx<'_> {
    /// Adds an act to the trail: it is there if this transaction commits, and only then.
    pub fn append_act(&mut self, entry: Entry) {
        self.buffered.acts.push(entry);
    }

    /// Numbers, chains and stores the acts of this transaction, if there are any.
    pub(in crate::store) fn append_acts(&mut self, digest: Digest) -> Result<(), StoreError> {
        const TAKE: &str = "-- take_trail_head
            UPDATE trail_head SET last_sequence = last_sequence + $1 RETURNING last_sequence, last_hash";
        const INSERT: &str = "-- insert_act
            INSERT INTO trail (sequence, acted_at, reader, token_id, peer, act, about_kind, about, reason,
              state_before, state_after, hash)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        const CHAIN: &str = "-- chain_trail
            UPDATE trail_head SET last_hash = $1";
        if self.buffered.acts.is_empty() {
            return Ok(());
        }
        let acts = std::mem::take(&mut self.buffered.acts);
        let count = i64::try_from(acts.len()).unwrap_or(i64::MAX);
        let head = self.snapshot().first(TAKE, &[count.into()], |row| {
            Ok((row.integer(0)?, hash(row.opt_blob(1)?)?))
        })?;
        let (last, mut previous) =
            head.ok_or_else(|| StoreError::Unreadable("the trail's head is gone".to_owned()))?;
        for (sequence, entry) in (last - count + 1..).zip(&acts) {
            previous = digest(&entry.chained_bytes(sequence, &previous));
            self.driver.expect_one(
                INSERT,
                &[
                    sequence.into(),
                    entry.at.as_millis().into(),
                    entry.by.reader.as_str().into(),
                    entry.by.token_id.as_str().into(),
                    entry.by.from.as_str().into(),
                    entry.act.as_str().into(),
                    entry.about.kind.as_str().into(),
                    entry.about.id.as_str().into(),
                    entry.reason.as_deref().into(),
                    entry.before.as_deref().into(),
                    entry.after.as_deref().into(),
                    (&previous).into(),
                ],
            )?;
        }
        self.driver.expect_one(CHAIN, &[(&previous).into()])?;
        crash_point!("act-appended");
        Ok(())
    }
}

impl Snapshot<'_> {
    /// Where the trail ends.
    pub fn trail_head(&mut self) -> Result<TrailHead, StoreError> {
        const SQL: &str = "-- trail_head
            SELECT last_sequence, last_hash FROM trail_head";
        let head = self.first(SQL, &[], |row| {
            Ok(TrailHead {
                sequence: row.integer(0)?,
                hash: hash(row.opt_blob(1)?)?,
            })
        })?;
        head.ok_or_else(|| StoreError::Unreadable("the trail's head is gone".to_owned()))
    }

    /// Entries after this number, oldest first.
    pub fn trail_after(&mut self, after: i64, limit: u32) -> Result<Vec<TrailRow>, StoreError> {
        const SQL: &str = concat!(
            "-- trail_after
            SELECT ",
            trail_columns!(),
            " FROM trail WHERE sequence > $1 ORDER BY sequence LIMIT $2"
        );
        self.all(SQL, &[after.into(), i64::from(limit).into()], read_trail)
    }

    /// A page of the entries that are asked for.
    pub fn trail(
        &mut self,
        filter: &TrailFilter,
        limit: u32,
    ) -> Result<Page<TrailRow>, StoreError> {
        let (mut low, mut high) = self.bounds(filter)?;
        match (filter.cursor, filter.is_oldest_first) {
            (Some(cursor), true) => low = low.max(cursor),
            (Some(cursor), false) => high = high.min(cursor),
            (None, _) => {}
        }
        let mut params = vec![low.into(), high.into(), rows_to_ask(limit).into()];
        let mut sql = PAGE_HEAD.to_owned();
        let millis = |time: Option<Timestamp>| time.map(|time| Value::from(time.as_millis()));
        // The plus keeps the engine from sorting a long time instead of walking a short page.
        for (condition, value) in [
            (" AND reader = $", filter.reader.as_deref().map(Value::from)),
            (" AND act = $", filter.act.as_deref().map(Value::from)),
            (" AND about = $", filter.about.as_deref().map(Value::from)),
            (" AND +acted_at >= $", millis(filter.since)),
            (" AND +acted_at < $", millis(filter.until)),
        ] {
            if let Some(value) = value {
                params.push(value);
                sql.push_str(condition);
                sql.push_str(&params.len().to_string());
            }
        }
        sql.push_str(if filter.is_oldest_first {
            OLDEST_TAIL
        } else {
            NEWEST_TAIL
        });
        let rows = self.all(&sql, &params, read_trail)?;
        Ok(Page::of(rows, limit))
    }

    /// Numbers between which everything of the asked time is, so that no page walks through other years.
    fn bounds(&mut self, filter: &TrailFilter) -> Result<(i64, i64), StoreError> {
        const FIRST: &str = "-- first_act_since
            SELECT sequence FROM trail WHERE acted_at >= $1 ORDER BY acted_at, sequence LIMIT 1";
        const LAST: &str = "-- last_act_until
            SELECT sequence FROM trail WHERE acted_at < $1 ORDER BY acted_at DESC, sequence DESC LIMIT 1";
        let low = match filter.since {
            None => Some(1),
            Some(since) => {
                let params = [since.minus(SKEW).as_millis().into()];
                self.first(FIRST, &params, |row| row.integer(0))?
            }
        };
        let high = match filter.until {
            None => Some(i64::MAX - 1),
            Some(until) => {
                let params = [until.plus(SKEW).as_millis().into()];
                self.first(LAST, &params, |row| row.integer(0))?
            }
        };
        Ok(low
            .zip(high)
            .map_or((0, 0), |(low, high)| (low - 1, high + 1)))
    }
}

fn hash(stored: Option<&[u8]>) -> Result<[u8; 32], StoreError> {
    stored.map_or(Ok(NOTHING), |bytes| {
        bytes.try_into().map_err(|_| corrupt("hash of the trail"))
    })
}

fn read_trail(row: &dyn Row) -> Result<TrailRow, StoreError> {
    const COLUMN: TrailColumns = TrailColumns::from(0);
    let text = |column| row.text(column).map(str::to_owned);
    let opt_text = |column| Ok::<_, StoreError>(row.opt_text(column)?.map(str::to_owned));
    Ok(TrailRow {
        sequence: row.integer(COLUMN.sequence)?,
        entry: Entry {
            at: Timestamp::from_millis(row.integer(COLUMN.at)?),
            by: Actor {
                reader: text(COLUMN.reader)?,
                token_id: text(COLUMN.token_id)?,
                from: text(COLUMN.peer)?,
            },
            act: text(COLUMN.act)?,
            about: About {
                kind: text(COLUMN.about_kind)?,
                id: text(COLUMN.about)?,
            },
            reason: opt_text(COLUMN.reason)?,
            before: opt_text(COLUMN.before)?,
            after: opt_text(COLUMN.after)?,
        },
        hash: hash(Some(row.blob(COLUMN.hash)?))?,
    })
}
