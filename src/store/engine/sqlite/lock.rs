//! The lock file next to the database: one process a store, the note that a store was made there, and which
//! numbers its file may have (`generation.rs`).

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::file_mode;
use super::with_suffix;
use crate::store::StoreError;

/// What its name ends in, behind the name of the database.
pub(in crate::store) const SUFFIX: &str = ".lock";
/// Says that an emptied file is no new one.
const MARK: &str = "a store was made here\n";
/// What the line with the numbers begins with.
const NUMBERS: &str = "generations";
/// Bytes that are read of it.
const BYTES_MAX: u64 = 4_096;

/// The lock next to the file: one process a store, held until the process ends.
#[derive(Debug)]
pub(in crate::store) struct StoreLock {
    file: File,
}

impl StoreLock {
    /// Takes the lock, or says who has it.
    pub(in crate::store) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = with_suffix(database, SUFFIX);
        let file = file_mode::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::open(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(StoreError::open(&path, &error)),
        }
    }

    /// Whether a store was ever made next to it.
    pub(in crate::store) fn is_marked(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.len() > 0)
    }

    /// Notes that a store was made, so that an emptied file is not taken for a new one.
    pub(in crate::store) fn mark(&self) -> std::io::Result<()> {
        if self.is_marked() {
            return Ok(());
        }
        (&self.file).write_all(MARK.as_bytes())?;
        self.file.sync_all()
    }

    /// The numbers that the file next to it may have; empty where that is not known.
    pub(in crate::store) fn noted(&self) -> Vec<u32> {
        let mut text = String::new();
        let mut file = &self.file;
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.take(BYTES_MAX).read_to_string(&mut text));
        read.map_or(Vec::new(), |_| numbers(&text))
    }

    /// Replaces the noted numbers.
    pub(in crate::store) fn note(&self, numbers: &[u32]) -> std::io::Result<()> {
        let mut text = format!("{MARK}{NUMBERS}");
        for number in numbers {
            // Writing to a String cannot fail.
            let _ = write!(text, " {number:08x}");
        }
        text.push('\n');
        // One short write within one sector, then the file is truncated to its length.
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        file.sync_all()
    }
}

/// What the lock file of a database notes, read without taking it.
pub(in crate::store) fn noted(database: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(with_suffix(database, SUFFIX));
    text.map_or(Vec::new(), |text| numbers(&text))
}

/// Empty where a line cannot be read: then nothing is known.
fn numbers(text: &str) -> Vec<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix(NUMBERS));
    let words = line.unwrap_or_default().split_whitespace();
    let read = words.map(|word| u32::from_str_radix(word, 16));
    read.collect::<Result<_, _>>().unwrap_or_default()
}
