//! The lock file beside the database: one process a store, and the note that a store was made there.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;

use super::sqlite::with_suffix;
use super::{StoreError, private};

/// What its name ends in, behind the name of the database.
pub(super) const SUFFIX: &str = ".lock";

/// The lock beside the file: one process a store, held until the process ends.
#[derive(Debug)]
pub(super) struct StoreLock {
    file: File,
}

impl StoreLock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = with_suffix(database, SUFFIX);
        let file = private::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::open(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(StoreError::open(&path, &error)),
        }
    }

    /// Whether a store was ever made beside it.
    pub(super) fn is_marked(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.len() > 0)
    }

    /// Notes that a store was made, so that an emptied file is not taken for a new one.
    pub(super) fn mark(&self) -> std::io::Result<()> {
        if self.is_marked() {
            return Ok(());
        }
        (&self.file).write_all(b"a store was made here\n")?;
        self.file.sync_all()
    }
}
