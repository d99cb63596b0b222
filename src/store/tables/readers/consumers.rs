//! Named consumers: cursors that readers have acknowledged.

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Row;
use crate::store::tables::{Snapshot, Tx};

/// One stored cursor in the feed.
#[derive(Clone, Debug)]
pub struct ConsumerRow {
    /// The reader that it belongs to.
    pub reader: String,
    /// Its name, unique for the reader.
    pub name: String,
    /// Everything up to this number is done with.
    pub acked_sequence: i64,
    /// When it was first used.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

columns!(consumer_columns, ConsumerColumns: consumers {
    reader, name, acked_sequence, created_at, updated_at,
});

impl Tx<'_> {
    /// Reads a consumer and locks it until the commit.
    pub fn lock_consumer(
        &mut self,
        reader: &str,
        name: &str,
    ) -> Result<Option<ConsumerRow>, StoreError> {
        const SQL: &str = concat!(
            "-- lock_consumer
            UPDATE consumers SET updated_at = updated_at WHERE reader = $1 AND name = $2
            RETURNING ",
            consumer_columns!()
        );
        let params = [reader.into(), name.into()];
        self.snapshot().first(SQL, &params, read_consumer)
    }

    /// Makes a consumer; leaves one that is there as it is.
    pub fn insert_consumer(&mut self, consumer: &ConsumerRow) -> Result<(), StoreError> {
        const SQL: &str = "-- insert_consumer
            INSERT INTO consumers (reader, name, acked_sequence, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT DO NOTHING";
        let params = [
            consumer.reader.as_str().into(),
            consumer.name.as_str().into(),
            consumer.acked_sequence.into(),
            consumer.created_at.as_millis().into(),
            consumer.updated_at.as_millis().into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// Moves a locked consumer.
    pub fn move_consumer(&mut self, consumer: &ConsumerRow) -> Result<(), StoreError> {
        const SQL: &str = "-- move_consumer
            UPDATE consumers SET acked_sequence = $1, updated_at = $2 WHERE reader = $3 AND name = $4";
        let params = [
            consumer.acked_sequence.into(),
            consumer.updated_at.as_millis().into(),
            consumer.reader.as_str().into(),
            consumer.name.as_str().into(),
        ];
        self.execute(SQL, &params).map(drop)
    }

    /// Forgets a consumer; `false` where there is none.
    pub fn delete_consumer(&mut self, reader: &str, name: &str) -> Result<bool, StoreError> {
        const SQL: &str = "-- delete_consumer
            DELETE FROM consumers WHERE reader = $1 AND name = $2";
        let params = [reader.into(), name.into()];
        let deleted = self.execute(SQL, &params)?;
        Ok(deleted == 1)
    }
}

impl Snapshot<'_> {
    /// One consumer.
    pub fn consumer(
        &mut self,
        reader: &str,
        name: &str,
    ) -> Result<Option<ConsumerRow>, StoreError> {
        const SQL: &str = concat!(
            "-- consumer
            SELECT ",
            consumer_columns!(),
            " FROM consumers
            WHERE reader = $1 AND name = $2"
        );
        let params = [reader.into(), name.into()];
        self.first(SQL, &params, read_consumer)
    }

    /// Every consumer of a reader.
    pub fn consumers_of_reader(&mut self, reader: &str) -> Result<Vec<ConsumerRow>, StoreError> {
        const SQL: &str = concat!(
            "-- consumers_of_reader
            SELECT ",
            consumer_columns!(),
            " FROM consumers
            WHERE reader = $1 ORDER BY name"
        );
        self.all(SQL, &[reader.into()], read_consumer)
    }

    /// Consumers of all readers, `limit` at most.
    pub fn consumers(&mut self, limit: u32) -> Result<Vec<ConsumerRow>, StoreError> {
        const SQL: &str = concat!(
            "-- consumers
            SELECT ",
            consumer_columns!(),
            " FROM consumers
            ORDER BY reader, name LIMIT $1"
        );
        self.all(SQL, &[i64::from(limit).into()], read_consumer)
    }

    /// How many a reader has.
    pub fn count_consumers(&mut self, reader: &str) -> Result<i64, StoreError> {
        const SQL: &str = "-- count_consumers
            SELECT count(*) FROM consumers WHERE reader = $1";
        let counted = self.first(SQL, &[reader.into()], |row| row.integer(0))?;
        Ok(counted.unwrap_or(0))
    }
}

fn read_consumer(row: &dyn Row) -> Result<ConsumerRow, StoreError> {
    const COLUMN: ConsumerColumns = ConsumerColumns::from(0);
    Ok(ConsumerRow {
        reader: row.text(COLUMN.reader)?.to_owned(),
        name: row.text(COLUMN.name)?.to_owned(),
        acked_sequence: row.integer(COLUMN.acked_sequence)?,
        created_at: Timestamp::from_millis(row.integer(COLUMN.created_at)?),
        updated_at: Timestamp::from_millis(row.integer(COLUMN.updated_at)?),
    })
}
