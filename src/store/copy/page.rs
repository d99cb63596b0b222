//! A page of rows, whatever their table: read in the order of the key, compared, digested.

use super::Digest;
use super::tables::{Table, Type};
use crate::store::StoreError;
use crate::store::engine::driver::{Driver, OwnedValue, Row, Value};

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// At the first row.
    Start,
    /// Behind the row with this key.
    After(Vec<OwnedValue>),
}

/// Some rows, each with the values of all columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub rows: Vec<Vec<OwnedValue>>,
}

impl Page {
    /// The rows behind `after`.
    pub(super) fn read(
        driver: &mut dyn Driver,
        table: &Table,
        after: &Position,
        limit: u32,
    ) -> Result<Self, StoreError> {
        let columns = names(table.columns.iter().map(|(name, _)| name.as_str()));
        let order = if table.key.is_empty() {
            columns.clone()
        } else {
            names(table.key.iter().map(String::as_str))
        };
        let mut params: Vec<Value<'_>> = Vec::new();
        let condition = match after {
            Position::Start => String::new(),
            Position::After(key) => {
                params.extend(key.iter().map(OwnedValue::as_value));
                format!("WHERE ({order}) > ({})", numbered(key.len()))
            }
        };
        params.push(i64::from(limit).into());
        let sql = format!(
            "-- copy_page\nSELECT {columns} FROM {} {condition} ORDER BY {order} LIMIT ${}",
            table.name,
            params.len(),
        );
        Self::query(driver, table, &sql, &params)
    }

    /// The rows that this statement answers, which selects all columns.
    pub(super) fn query(
        driver: &mut dyn Driver,
        table: &Table,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Self, StoreError> {
        let mut rows = Vec::new();
        driver.query(sql, params, &mut |row| {
            rows.push(read_row(table, row)?);
            Ok(())
        })?;
        Ok(Self { rows })
    }

    /// Where the next page begins; `None` behind an empty page.
    pub(super) fn end(&self, table: &Table) -> Option<Position> {
        let last = self.rows.last()?;
        let key = table.columns.iter().zip(last);
        Some(Position::After(
            table
                .key
                .iter()
                .filter_map(|name| key.clone().find(|((column, _), _)| column == name))
                .map(|(_, value)| value.clone())
                .collect(),
        ))
    }

    /// The digest of everything so far and of this page.
    pub(super) fn digest(&self, so_far: [u8; 32], digest: Digest) -> [u8; 32] {
        if self.rows.is_empty() {
            return so_far;
        }
        let mut bytes = so_far.to_vec();
        for value in self.rows.iter().flatten() {
            // A tag and a length before each, so that no two different rows have the same bytes.
            let (tag, content): (u8, &[u8]) = match value {
                OwnedValue::Null => (0, &[]),
                OwnedValue::Integer(number) => (1, &number.to_be_bytes()),
                OwnedValue::Text(text) => (2, text.as_bytes()),
                OwnedValue::Blob(blob) => (3, blob),
            };
            bytes.push(tag);
            bytes.extend((content.len() as u64).to_be_bytes());
            bytes.extend(content);
        }
        digest(&bytes)
    }
}

fn read_row(table: &Table, row: &dyn Row) -> Result<Vec<OwnedValue>, StoreError> {
    let read = |(index, (_, of_type)): (usize, &(String, Type))| {
        Ok(match of_type {
            Type::Integer => row.opt_integer(index)?.map(OwnedValue::Integer),
            Type::Text => row
                .opt_text(index)?
                .map(|text| OwnedValue::Text(text.to_owned())),
            Type::Blob => row
                .opt_blob(index)?
                .map(|blob| OwnedValue::Blob(blob.to_vec())),
        }
        .unwrap_or(OwnedValue::Null))
    };
    table.columns.iter().enumerate().map(read).collect()
}

/// `a, b, c`.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// `$1, $2, $3`.
pub(super) fn numbered(count: usize) -> String {
    let numbers: Vec<_> = (1..=count).map(|number| format!("${number}")).collect();
    numbers.join(", ")
}
