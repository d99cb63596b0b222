//! Looking for damage in a file that a service uses: in pieces, because the WAL cannot start over while one
//! piece is read.

use std::time::Duration;

use crate::store::StoreError;
use crate::store::sqlite::Sqlite;

/// Longest time for one table.
pub(super) const PIECE_MAX: Duration = Duration::from_secs(5);

/// What was found in a file.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    /// What is damaged.
    pub found: Vec<String>,
    /// Tables that are too large to be read within the time that a file in use allows.
    pub unread: Vec<String>,
}

/// Checks table by table, with the indexes of each; one that takes longer than `piece_max` counts as unread.
pub(super) fn of_tables(sqlite: &mut Sqlite, piece_max: Duration) -> Result<Damage, StoreError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::driver::Driver as _;

    #[test]
    fn a_table_that_takes_too_long_is_given_up_and_the_others_are_checked() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        sqlite
            .run_script(
                "CREATE TABLE large (x); CREATE TABLE small (x);
                 INSERT INTO large WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
                 SELECT i FROM n;",
            )
            .unwrap();
        let checked = of_tables(&mut sqlite, Duration::ZERO).unwrap();
        assert_eq!(
            (checked.unread, checked.found.len()),
            (vec!["large".to_owned()], 0)
        );
        let checked = of_tables(&mut sqlite, PIECE_MAX).unwrap();
        assert_eq!((checked.unread.len(), checked.found.len()), (0, 0));
    }
}
