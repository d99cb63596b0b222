//! A database file that was truncated or emptied, found before SQLite opens it. SQLite takes a file of no
//! or one byte for a new database and drops the WAL next to it; the missing end of a last page it
//! notices only when a row there is read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::lock;
use super::lock::StoreLock;
use super::with_suffix;
use crate::store::StoreError;

/// Bytes of the header at the start of the file, <https://sqlite.org/fileformat.html#the_database_header>.
const HEADER_BYTES: usize = 100;

/// Rejects a file that is shorter than its header says, and an empty or missing one where a store
/// was made.
pub(in crate::store) fn check(
    path: &Path,
    bytes: u64,
    store_lock: &StoreLock,
) -> Result<(), StoreError> {
    if bytes == 0 {
        if store_lock.is_marked() {
            let lock = with_suffix(path, lock::SUFFIX);
            return Err(StoreError::Corrupt(format!(
                "it is empty or gone, but a store was made here; restore a backup (`refund-receiver restore --from`), \
                 or remove {} to begin a new one",
                lock.display()
            )));
        }
        return Ok(());
    }
    if bytes < HEADER_BYTES as u64 {
        let what = "it is too short for a database; restore a backup";
        return Err(StoreError::Corrupt(what.to_owned()));
    }
    // What the WAL holds may not have been copied into the file yet; then only SQLite can tell.
    let log = with_suffix(path, "-wal").metadata();
    if log.is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    let mut header = [0; HEADER_BYTES];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut header))
        .map_err(|error| StoreError::open(path, &error))?;
    let whole = length_by(&header);
    if bytes < whole {
        let what = format!("it was truncated: it has {bytes} bytes of {whole}; restore a backup");
        return Err(StoreError::Corrupt(what));
    }
    Ok(())
}

/// The length of the file according to its header; 0 where SQLite would not believe it either.
fn length_by(header: &[u8; HEADER_BYTES]) -> u64 {
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u64::from(u32::from_be_bytes(bytes))
    };
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let (changes, pages, pages_valid_for) = (number(24), number(28), number(92));
    if changes == pages_valid_for {
        pages * page_bytes
    } else {
        0
    }
}
