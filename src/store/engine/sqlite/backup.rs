//! SQLite: a file taken as it lies, and a copy of one state. Why the backup interface and not
//! `VACUUM INTO`: `docs/adr/0011-backup.md`.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::Sqlite;
use crate::store::StoreError;
use crate::store::engine::driver::Driver as _;

/// Pages (4 KiB) copied between two looks at the progress: 4 MiB.
const PAGES_A_STEP: std::ffi::c_int = 1_024;

impl Sqlite {
    /// Opens a file that no process has open, without looking for a WAL and without locks; changes nothing,
    /// not even in its folder.
    pub(in crate::store) fn open_at_rest(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let sqlite = Self::open(&uri_at_rest(path), flags)?;
        sqlite.set("mmap_size", "0", "0")?;
        Ok(sqlite)
    }

    /// The names of its tables.
    pub(in crate::store) fn tables(&mut self) -> Result<Vec<String>, StoreError> {
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        self.texts(sql)
    }

    /// What SQLite finds wrong with one table: its pages, its indexes, its foreign keys.
    pub(in crate::store) fn check_table(&mut self, table: &str) -> Result<Vec<String>, StoreError> {
        self.begin_snapshot()?;
        let found = self.check_in_snapshot(table);
        self.rollback();
        found
    }

    fn check_in_snapshot(&mut self, table: &str) -> Result<Vec<String>, StoreError> {
        let mut found = self.texts(&format!("PRAGMA integrity_check('{table}')"))?;
        found.retain(|line| line != "ok");
        let strays = self.texts(&format!("PRAGMA foreign_key_check('{table}')"))?;
        let stray = |_| format!("a row of {table} names a row that is not there");
        found.extend(strays.iter().map(stray));
        Ok(found)
    }

    /// Copies the state that this snapshot sees. The caller has begun it and ends it: without one each
    /// commit of the service would start the copy over.
    pub(in crate::store) fn copy_into(
        &mut self,
        to: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), StoreError> {
        // A snapshot begins with its first read.
        let count = "SELECT count(*) FROM sqlite_schema";
        self.connection.query_row(count, [], |_| Ok(()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(to, flags | OpenFlags::SQLITE_OPEN_CREATE)?;
        let backup = Backup::new(&self.connection, &mut copy)?;
        loop {
            let step = backup.step(PAGES_A_STEP)?;
            let now = backup.progress();
            let pages = |count| u64::try_from(count).unwrap_or(0);
            progress(pages(now.pagecount - now.remaining), pages(now.pagecount));
            match step {
                StepResult::More => {}
                StepResult::Done => return Ok(()),
                other => return Err(StoreError::Busy(format!("the copy is {other:?}"))),
            }
        }
    }
}

/// The address of a file at rest; every byte that could mean something in an address is escaped.
fn uri_at_rest(path: &Path) -> PathBuf {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_nothing_but_the_path() {
        let uri = uri_at_rest(Path::new("/a b/x?mode=rwc&#%41.db"));
        assert_eq!(
            uri,
            Path::new("file:/a%20b/x%3Fmode%3Drwc%26%23%2541.db?immutable=1")
        );
    }
}
