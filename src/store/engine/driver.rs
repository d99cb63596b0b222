//! The seam between our statements and an engine: six verbs and a row. A driver converts values
//! and errors, nothing else; it knows no table.

use std::sync::Arc;

use crate::store::StoreError;
use crate::store::read_pool::cancel::Cancel;

/// Marks in a statement where rows that another worker has locked are skipped. To an engine with one writer
/// it is a comment.
pub(in crate::store) const SKIP_LOCKED: &str = "/* skip locked */";

/// A parameter of a statement, `$1` first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A text without NUL.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value that owns its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedValue {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl OwnedValue {
    /// The same, borrowed.
    pub(in crate::store) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

/// Rows to be written by one statement, their values one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// Values of a row.
    pub width: usize,
    /// Those of all rows.
    pub values: &'a [Value<'a>],
}

impl<'a> Rows<'a> {
    /// Row by row.
    pub(in crate::store) fn each(self) -> impl ExactSizeIterator<Item = &'a [Value<'a>]> {
        self.values.chunks_exact(self.width)
    }
}

/// One row of an answer; columns count from 0. A value of another type is [`StoreError::Unreadable`].
pub(crate) trait Row {
    fn opt_integer(&self, column: usize) -> Result<Option<i64>, StoreError>;
    fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError>;
    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError>;

    fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_integer(column)?.ok_or_else(|| null(column))
    }
    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?.ok_or_else(|| null(column))
    }
    fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        self.opt_blob(column)?.ok_or_else(|| null(column))
    }
}

fn null(column: usize) -> StoreError {
    StoreError::Unreadable(format!("column {column} is null"))
}

/// What is done with each row.
pub(crate) type EachRow<'f> = &'f mut dyn FnMut(&dyn Row) -> Result<(), StoreError>;

/// A connection of some engine.
pub(crate) trait Driver: Send {
    /// Whether other connections write to the same store at the same time.
    fn has_concurrent_writers(&self) -> bool;
    /// Starts a transaction that will write.
    fn begin(&mut self) -> Result<(), StoreError>;
    /// Starts a transaction that sees one unchanging state.
    fn begin_snapshot(&mut self) -> Result<(), StoreError>;
    /// Makes it durable; when this returns `Ok`, the data survives a power cut.
    fn commit(&mut self) -> Result<(), StoreError>;
    /// Rolls back. Never fails: an engine that cannot roll back has done so already.
    fn rollback(&mut self);
    /// Sets a savepoint.
    fn save_point(&mut self) -> Result<(), StoreError> {
        self.execute("SAVEPOINT job", &[]).map(drop)
    }
    /// Releases the savepoint.
    fn release_save_point(&mut self) -> Result<(), StoreError> {
        self.execute("RELEASE SAVEPOINT job", &[]).map(drop)
    }
    /// Rolls back to the savepoint and releases it.
    fn roll_back_to_save_point(&mut self) -> Result<(), StoreError> {
        self.execute("ROLLBACK TO SAVEPOINT job", &[])?;
        self.release_save_point()
    }
    /// Returns once everything that was sent without waiting for its answer went well.
    fn await_sent(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// The counter of the feed comes next, for which all writers queue up.
    fn before_numbering(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Makes the transaction one that has to reach the disk, without touching a row; `false` where the
    /// engine has no way to do that.
    fn write_nothing(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }
    /// Runs a statement; returns the rows that it changed.
    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError>;
    /// Runs a statement that must change one row; [`StoreError::Superseded`] where it did not, at the latest
    /// from the commit. An engine that is far away need not wait for the answer.
    fn expect_one(&mut self, sql: &str, params: &[Value<'_>]) -> Result<(), StoreError> {
        match self.execute(sql, params)? {
            1 => Ok(()),
            _ => Err(StoreError::Superseded),
        }
    }
    /// Inserts a row unless its key is there; whether it is new.
    fn insert_new(&mut self, sql: &str, params: &[Value<'_>]) -> Result<bool, StoreError> {
        Ok(self.execute(sql, params)? == 1)
    }
    /// The same for rows of which the first value is the column `id`; whether each is new.
    fn insert_each(&mut self, sql: &str, rows: Rows<'_>) -> Result<Vec<bool>, StoreError> {
        let each = rows.each().map(|row| self.insert_new(sql, row));
        each.collect()
    }
    /// [`Self::expect_one`] for each row.
    fn expect_each(&mut self, sql: &str, rows: Rows<'_>) -> Result<(), StoreError> {
        rows.each().try_for_each(|row| self.expect_one(sql, row))
    }
    /// Runs a statement that answers rows.
    fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: EachRow<'_>,
    ) -> Result<(), StoreError>;
    /// Runs the statements of a script that is written as `schema.sql` is.
    fn run_script(&mut self, script: &str) -> Result<(), StoreError>;
    /// How many tables there are; all of them, or those with this name.
    fn count_tables(&mut self, name: Option<&str>) -> Result<i64, StoreError>;
    /// The time of a query begins now; it ends early once this is cancelled.
    fn begin_query(&mut self, _cancel: Option<Arc<Cancel>>) {}
    /// What time it is where the store is, in milliseconds; `None` where that is this machine.
    fn clock(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }
    /// Announces to other processes on this store that events up to this number come with the commit.
    fn announce(&mut self, _last_sequence: i64) -> Result<(), StoreError> {
        Ok(())
    }
    /// Drops an index, if it is there, outside any transaction.
    fn drop_index(&mut self, name: &str) -> Result<(), StoreError> {
        self.run_script(&format!("DROP INDEX IF EXISTS {name};"))
    }
    /// Sees whether the connection still leads to a server that can be written to, and makes a new one where
    /// it does not; in quiet times, so that the next transaction is not the one that finds out.
    fn look(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Maintenance between two transactions (WAL checkpoint); `idle` where no job waits.
    fn maintain(&mut self, idle: bool) -> Result<(), StoreError>;
}
