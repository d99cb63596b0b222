//! Which log belongs to which file. SQLite replays whatever log lies next to a database: one that another
//! history left there makes a mixture of two, which takes callbacks and loses them.
//!
//! So each start gives the file a number of its own (`user_version`, in its header), and the lock file next to it
//! says which numbers the file may have under the log that lies there. The new number is in the log first, and
//! in the file once the log has been copied; until that is seen the lock file names both, so whenever the
//! process ends, a file and its own log fit. A backup has the number 0, which no start gives.
//!
//! The file is read past SQLite, which would look into the log. Decided in
//! `docs/adr/0016-epoch-and-log-identity.md`.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::StoreError;
use super::lock::{self, StoreLock};
use super::sqlite::{Sqlite, with_suffix};
use crate::faults::crash_point;

/// The number of a file that no log belongs to.
const OF_NO_LOG: u32 = 0;
/// Where `user_version` lies, <https://sqlite.org/fileformat.html#the_database_header>.
const NUMBER_AT: u64 = 60;
/// What a log begins with; the last bit is the order of bytes.
const LOG_MAGIC: u32 = 0x377f_0682;
/// Bytes before the first frame of a log.
const LOG_HEADER_BYTES: u64 = 32;
/// Log that is copied at once, so that a start stays short.
const COPIED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Refuses a log that was written for another file.
pub(super) fn check(database: &Path, noted: &[u32]) -> Result<(), StoreError> {
    let log = with_suffix(database, "-wal");
    if noted.is_empty() || !has_frames(&log)? {
        return Ok(());
    }
    match number_of(database)? {
        Some(number) if !noted.contains(&number) => Err(StoreError::Corrupt(format!(
            "{log} is the log of another database than {database} (it was left when the file was replaced); \
             to use {database} as it is, move {log} and its -shm away; to use the log, put back the file that it was \
             written for; `refund-receiver restore --from` moves old files aside by itself",
            log = log.display(),
            database = database.display(),
        ))),
        Some(_) | None => Ok(()),
    }
}

/// The same for a command that only looks: a service may be starting at that moment.
pub(super) fn check_unlocked(database: &Path) -> Result<(), StoreError> {
    loop {
        let noted = lock::noted(database);
        let checked = check(database, &noted);
        if checked.is_ok() || lock::noted(database) == noted {
            return checked;
        }
    }
}

/// Gives the file a number of its own for what is written from now on.
pub(super) fn renew(
    sqlite: &mut Sqlite,
    database: &Path,
    store_lock: &StoreLock,
) -> Result<(), StoreError> {
    let log = with_suffix(database, "-wal");
    let at_lock = |error| StoreError::open(&with_suffix(database, lock::SUFFIX), &error);
    let mut possible = if has_frames(&log)? {
        store_lock.noted()
    } else {
        Vec::new()
    };
    let new = fresh();
    possible.extend(number_of(database)?);
    possible.push(new);
    store_lock.note(&possible).map_err(at_lock)?;
    crash_point!("generation-noted");
    sqlite.set_user_version(new)?;
    crash_point!("generation-set");
    if log
        .metadata()
        .is_ok_and(|log| log.len() <= COPIED_BYTES_MAX)
    {
        sqlite.copy_log()?;
    }
    crash_point!("generation-copied");
    // A reader may have stood in the way; then a later start finds out.
    if number_of(database)? == Some(new) {
        store_lock.note(&[new]).map_err(at_lock)?;
    }
    Ok(())
}

/// Says of a file that no process has open that no log belongs to it.
pub(super) fn cut_off(database: &Path) -> Result<(), StoreError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).open(database)?;
        file.seek(SeekFrom::Start(NUMBER_AT))?;
        file.write_all(&OF_NO_LOG.to_be_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| StoreError::open(database, &error))
}

/// The number in the file itself; `None` where there is no header yet.
fn number_of(database: &Path) -> Result<Option<u32>, StoreError> {
    read_u32(database, NUMBER_AT)
}

/// Whether there is anything in a log. One that was only laid out begins with zeros.
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
