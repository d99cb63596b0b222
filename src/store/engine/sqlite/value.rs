//! Rows of the crate. A value of another type than the column has is an error, never a cast.

use rusqlite::types::ValueRef;

use crate::store::StoreError;
use crate::store::engine::driver::Row;

impl Row for rusqlite::Row<'_> {
    fn opt_integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.get_ref(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            other => Err(wrong_type(column, &other)),
        }
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.get_ref(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => std::str::from_utf8(text)
                .map(Some)
                .map_err(|_| StoreError::Unreadable(format!("column {column} is not UTF-8"))),
            other => Err(wrong_type(column, &other)),
        }
    }

    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.get_ref(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            other => Err(wrong_type(column, &other)),
        }
    }
}

fn wrong_type(column: usize, value: &ValueRef<'_>) -> StoreError {
    StoreError::Unreadable(format!("column {column} is {}", value.data_type()))
}
