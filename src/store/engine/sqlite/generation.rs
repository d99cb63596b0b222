//! Which WAL belongs to which file. SQLite replays whatever WAL lies next to a database: one that another
//! history left there makes a mixture of two, which takes callbacks and loses them.
//!
//! So each start gives the file a number of its own (`user_version`, in its header), and the lock file next
//! to it says which numbers the file may have under the WAL that lies there. The new number is in the WAL
//! first, and in the file once the WAL has been copied; until that is seen the lock file names both, so
//! whenever the process ends, a file and its own WAL fit. A backup has the number 0, which no start gives.
//!
//! The file is read past SQLite, which would look into the WAL. Decided in
//! `docs/adr/0016-epoch-and-log-identity.md`.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::lock;
use super::lock::StoreLock;
use super::{Log, Sqlite, with_suffix};
use crate::failpoints::crash_point;
use crate::store::StoreError;

/// The number of a file that no WAL belongs to.
pub(in crate::store) const OF_NO_LOG: u32 = 0;
/// Where `user_version` lies, <https://sqlite.org/fileformat.html#the_database_header>.
const NUMBER_AT: u64 = 60;
/// What a WAL begins with; the last bit is the order of bytes.
const LOG_MAGIC: u32 = 0x377f_0682;
/// Bytes before the first frame of a WAL.
const LOG_HEADER_BYTES: u64 = 32;
/// WAL that is copied at once, so that a start stays short.
const COPIED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a start found.
pub(in crate::store) struct Found {
    /// The number in the file; `None` where there is no file yet.
    number: Option<u32>,
    /// Numbers that the file may have under the WAL that lies there.
    possible: Vec<u32>,
    /// Whether the file is another than the one that was served last.
    is_replaced: bool,
}

impl Found {
    /// Whether this file was put in the place of the one that was served last: an older copy, whose feed gives numbers
    /// again that readers have.
    pub(in crate::store) fn is_replaced(&self) -> bool {
        self.is_replaced
    }
}

/// Rejects a WAL that was written for another file. To be asked before this process opens the file with
/// SQLite: closing it here would end the locks that SQLite has on it.
pub(in crate::store) fn check(database: &Path, noted: Vec<u32>) -> Result<Found, StoreError> {
    let log = with_suffix(database, "-wal");
    let number = read_u32(database, NUMBER_AT)?;
    let is_replaced = number.is_some_and(|number| !noted.is_empty() && !noted.contains(&number));
    if !has_frames(&log)? {
        let possible = Vec::new();
        return Ok(Found {
            number,
            possible,
            is_replaced,
        });
    }
    match number {
        Some(_) if is_replaced => Err(StoreError::Corrupt(format!(
            "{log} is the WAL of another database than {database} (it was left when the file was replaced); \
                 to use {database} as it is, move {log} and its -shm away; to use the WAL, put back the file that \
                 it was written for; `refund-receiver restore --from` moves old files aside by itself",
            log = log.display(),
            database = database.display(),
        ))),
        number => Ok(Found {
            number,
            possible: noted,
            is_replaced,
        }),
    }
}

/// The same for a command that only looks: a service may be starting at that moment.
pub(in crate::store) fn check_unlocked(database: &Path) -> Result<(), StoreError> {
    loop {
        let noted = lock::noted(database);
        let checked = check(database, noted.clone());
        if checked.is_ok() || lock::noted(database) == noted {
            return checked.map(drop);
        }
    }
}

/// Gives the file a number of its own for what is written from now on.
pub(in crate::store) fn renew(
    sqlite: &mut Sqlite,
    database: &Path,
    store_lock: &StoreLock,
    found: Found,
) -> Result<(), StoreError> {
    let note = |numbers: &[u32]| {
        let at_lock = |error| StoreError::open(&with_suffix(database, lock::SUFFIX), &error);
        store_lock.note(numbers).map_err(at_lock)
    };
    let new = fresh();
    let mut possible = found.possible;
    // A file that was made just now has the number of no WAL until its own WAL has been copied.
    possible.extend([found.number.unwrap_or(OF_NO_LOG), new]);
    note(&possible)?;
    crash_point!("generation-noted");
    sqlite.set_user_version(new)?;
    crash_point!("generation-set");
    let log = with_suffix(database, "-wal").metadata();
    let is_short = log.is_ok_and(|log| log.len() <= COPIED_BYTES_MAX);
    // Where the WAL is long, or a reader holds it, a later start sees the number in the file.
    if is_short && sqlite.copy_log()?.is_some_and(Log::is_copied) {
        crash_point!("generation-copied");
        note(&[new])?;
    }
    Ok(())
}

/// Says of a file that no process has open that no WAL belongs to it.
pub(in crate::store) fn disown_wal(database: &Path) -> Result<(), StoreError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).open(database)?;
        file.seek(SeekFrom::Start(NUMBER_AT))?;
        file.write_all(&OF_NO_LOG.to_be_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| StoreError::open(database, &error))
}

/// Whether there is anything in a WAL. One that was only preallocated begins with zeros.
fn has_frames(log: &Path) -> Result<bool, StoreError> {
    let magic = read_u32(log, 0)?;
    let is_longer = log.metadata().is_ok_and(|log| log.len() > LOG_HEADER_BYTES);
    Ok(is_longer && magic.is_some_and(|magic| magic & !1 == LOG_MAGIC))
}

fn read_u32(path: &Path, at: u64) -> Result<Option<u32>, StoreError> {
    let read = || {
        let mut bytes = [0; 4];
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes).map(|()| bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(u32::from_be_bytes(bytes))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {
            Ok(None)
        }
        Err(error) => Err(StoreError::open(path, &error)),
    }
}

/// A number that no other start has, and not 0. Not by the clock: two starts of one moment must differ.
fn fresh() -> u32 {
    let random = RandomState::new().build_hasher().finish();
    // `user_version` has a sign, so 31 bits are left.
    u32::try_from(random >> 33).unwrap_or(1).max(1)
}
