//! Copying a store to another engine, or to another file or server: every table, in the order of its key, a
//! page a transaction.
//!
//! * Nothing is copied into a store that holds anything.
//! * Both stores must be out of service; a running instance is noticed and the copy rejected.
//! * An interrupted copy goes on where it stopped: rows are copied in the order of their keys, so the
//!   last key in the target says how far it came. Until the copy is complete a marker table is in the
//!   target, and no service starts on it.
//! * At the end both stores are read again and compared row by row; the digests are for the
//!   operator's records.

mod page;
mod side;
mod tables;

use super::schema::{Making, SCHEMA};
use super::{StoreError, StoreUrl};
use crate::domain::time::Clock;
use page::{Page, Position};
use side::{Role, Side};
use tables::{Table, tables};

/// Rows in one transaction.
const PAGE: u32 = 1_000;

/// A one-shot digest of bytes, 32 bytes long; given by the caller, as the store does no cryptography.
pub type Digest = fn(&[u8]) -> [u8; 32];

/// Why nothing was copied, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Source and target are the same.
    #[error("source and target are the same store")]
    SameStore,
    /// The target holds something that this copy did not bring.
    #[error("the target is not empty: its table {0} has rows; give an empty file or database")]
    NotEmpty(String),
    /// An instance is running on it.
    #[error("{0} connections of running instances are on the {1}; stop the service first")]
    Running(i64, &'static str),
    /// A part was copied from another store.
    #[error("the target holds an unfinished copy of {0}; finish that one, or give an empty target")]
    OtherCopy(String),
    /// Source and target do not hold the same.
    #[error(
        "table {0} differs between source and target; the source was written during the copy: stop whatever \
         writes to it, and copy to a new target"
    )]
    Differs(String),
    /// One of the stores cannot be used.
    #[error("the {0}: {1}")]
    Store(&'static str, StoreError),
}

/// One table, copied and compared.
#[derive(Clone, Debug)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The digest of all of them, in the order of their keys; the same for the same rows on any engine.
    pub digest: [u8; 32],
}

/// Copies a store; `progress` is told the table and how many of its rows were copied or compared so far.
pub fn copy(
    from: &StoreUrl,
    to: &StoreUrl,
    clock: &dyn Clock,
    digest: Digest,
    mut progress: impl FnMut(&'static str, &str, u64),
) -> Result<Vec<CopiedTable>, CopyError> {
    let name = from.to_string();
    if name == to.to_string() {
        return Err(CopyError::SameStore);
    }
    let tables = tables(SCHEMA);
    let mut source = Side::open_source(from)?;
    let mut target = Side::open_target(to, Making::by(clock))?;
    target.mark(&name, &tables)?;
    for table in &tables {
        if !table.key.is_empty() {
            copy_table(&mut source, &mut target, table, |rows| {
                progress("copied", &table.name, rows);
            })?;
        }
    }
    for table in tables.iter().filter(|table| table.key.is_empty()) {
        let page = source.page(table, &Position::Start, PAGE)?;
        target.replace_all(table, &page)?;
    }
    let compared = tables
        .iter()
        .map(|table| {
            compare(&mut source, &mut target, table, digest, |rows| {
                progress("compared", &table.name, rows);
            })
        })
        .collect::<Result<_, _>>()?;
    target.unmark()?;
    Ok(compared)
}

fn copy_table(
    source: &mut Side,
    target: &mut Side,
    table: &Table,
    mut progress: impl FnMut(u64),
) -> Result<(), CopyError> {
    let mut position = target.last(table)?;
    let mut rows = 0;
    loop {
        let page = source.page(table, &position, PAGE)?;
        target.insert(table, &page)?;
        rows += page.rows.len() as u64;
        progress(rows);
        match page.end(table) {
            Some(end) if page.rows.len() == PAGE as usize => position = end,
            _ => return Ok(()),
        }
    }
}

fn compare(
    source: &mut Side,
    target: &mut Side,
    table: &Table,
    digest: Digest,
    mut progress: impl FnMut(u64),
) -> Result<CopiedTable, CopyError> {
    let mut position = Position::Start;
    let mut copied = CopiedTable {
        name: table.name.clone(),
        rows: 0,
        digest: [0; 32],
    };
    loop {
        let page = source.page(table, &position, PAGE)?;
        if page != target.page(table, &position, PAGE)? {
            return Err(CopyError::Differs(table.name.clone()));
        }
        copied.digest = page.digest(copied.digest, digest);
        copied.rows += page.rows.len() as u64;
        progress(copied.rows);
        match page.end(table) {
            Some(end) if page.rows.len() == PAGE as usize => position = end,
            _ => return Ok(copied),
        }
    }
}

impl Side {
    fn name(&self) -> &'static str {
        match self.role {
            Role::Source => "source",
            Role::Target => "target",
        }
    }

    /// Says which side an error is of.
    fn of<T>(&self, result: Result<T, StoreError>) -> Result<T, CopyError> {
        result.map_err(|error| CopyError::Store(self.name(), error))
    }

    fn page(&mut self, table: &Table, after: &Position, limit: u32) -> Result<Page, CopyError> {
        let page = Page::read(self.driver.as_mut(), table, after, limit);
        self.of(page)
    }
}
