//! Values and rows between the seam and the crate. Types are checked by the server's own
//! description of the statement: a wrong one is an error, never a cast.

use bytes::BytesMut;
use tokio_postgres::Row as PostgresRow;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::store::StoreError;
use crate::store::engine::driver::{OwnedValue, Row, Value};

type Failed = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql_checked(ty, out),
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::Blob(bytes) => bytes.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // Each value checks for itself.
    }

    to_sql_checked!();
}

impl ToSql for OwnedValue {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        self.as_value().to_sql(ty, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Row for PostgresRow {
    fn opt_integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(|error| wrong(&error))
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        self.try_get(column).map_err(|error| wrong(&error))
    }

    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        self.try_get(column).map_err(|error| wrong(&error))
    }
}

fn wrong(error: &tokio_postgres::Error) -> StoreError {
    StoreError::Unreadable(error.to_string())
}
