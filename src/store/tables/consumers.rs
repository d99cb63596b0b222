//! Named consumers: how far a reader says it has come in the feed.

use super::{Snapshot, Tx};
use crate::domain::time::Timestamp;
use crate::store::driver::Row;
use crate::store::{StoreError, sql};

/// One kept place in the feed.
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

impl Tx<'_> {
    /// Reads a consumer and keeps everybody else from moving it until the commit.
    pub fn lock_consumer(
        &mut self,
        reader: &str,
        name: &str,
    ) -> Result<Option<ConsumerRow>, StoreError> {
        let params = [reader.into(), name.into()];
        self.snapshot()
            .first(sql::LOCK_CONSUMER, &params, read_consumer)
    }

    /// Makes a consumer; leaves one that is there as it is.
    pub fn insert_consumer(&mut self, consumer: &ConsumerRow) -> Result<(), StoreError> {
        let params = [
            consumer.reader.as_str().into(),
            consumer.name.as_str().into(),
            consumer.acked_sequence.into(),
            consumer.created_at.as_millis().into(),
            consumer.updated_at.as_millis().into(),
        ];
        self.execute(sql::INSERT_CONSUMER, &params).map(drop)
    }

    /// Moves a locked consumer.
    pub fn move_consumer(&mut self, consumer: &ConsumerRow) -> Result<(), StoreError> {
        let params = [
            consumer.acked_sequence.into(),
            consumer.updated_at.as_millis().into(),
            consumer.reader.as_str().into(),
            consumer.name.as_str().into(),
        ];
        self.execute(sql::MOVE_CONSUMER, &params).map(drop)
    }

    /// Forgets a consumer; `false` where there is none.
    pub fn delete_consumer(&mut self, reader: &str, name: &str) -> Result<bool, StoreError> {
        let params = [reader.into(), name.into()];
        let deleted = self.execute(sql::DELETE_CONSUMER, &params)?;
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
        let params = [reader.into(), name.into()];
        self.first(sql::CONSUMER, &params, read_consumer)
    }

    /// Every consumer of a reader.
    pub fn consumers_of_reader(&mut self, reader: &str) -> Result<Vec<ConsumerRow>, StoreError> {
        self.all(sql::CONSUMERS_OF_READER, &[reader.into()], read_consumer)
    }

    /// Consumers of all readers, `limit` at most.
    pub fn consumers(&mut self, limit: u32) -> Result<Vec<ConsumerRow>, StoreError> {
        self.all(sql::CONSUMERS, &[i64::from(limit).into()], read_consumer)
    }

    /// How many a reader has.
    pub fn count_consumers(&mut self, reader: &str) -> Result<i64, StoreError> {
        let counted = self.first(sql::COUNT_CONSUMERS, &[reader.into()], |row| row.integer(0))?;
        Ok(counted.unwrap_or(0))
    }
}

fn read_consumer(row: &dyn Row) -> Result<ConsumerRow, StoreError> {
    Ok(ConsumerRow {
        reader: row.text(0)?.to_owned(),
        name: row.text(1)?.to_owned(),
        acked_sequence: row.integer(2)?,
        created_at: Timestamp::from_millis(row.integer(3)?),
        updated_at: Timestamp::from_millis(row.integer(4)?),
    })
}
