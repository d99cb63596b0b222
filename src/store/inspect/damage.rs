//! Looking for damage in a file that a service uses: in pieces, because the WAL cannot start over while one
//! piece is read.

use std::time::Duration;

use crate::store::StoreError;
use crate::store::engine::sqlite::Sqlite;

/// Longest time for one table.
pub(in crate::store) const PIECE_MAX: Duration = Duration::from_secs(5);

/// What was found in a file.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    /// What is damaged.
    pub found: Vec<String>,
    /// Tables that are too large to be read within the time that a file in use allows.
    pub unread: Vec<String>,
}

/// Checks table by table, with the indexes of each; one that takes longer than `piece_max` counts as unread.
pub(in crate::store) fn of_tables(
    sqlite: &mut Sqlite,
    piece_max: Duration,
) -> Result<Damage, StoreError> {
    let mut damage = Damage::default();
    sqlite.cut_after(piece_max)?;
    for table in sqlite.tables()? {
        match sqlite.check_table(&table) {
            Ok(found) => damage.found.extend(found),
            Err(StoreError::Busy(_)) => damage.unread.push(table),
            Err(error) => return Err(error),
        }
    }
    sqlite.cut_after(Duration::MAX)?;
    Ok(damage)
}
