//! When the WAL is checkpointed, and by which thread. The writer must never copy much itself: commits wait
//! for it. The mass is left to the checkpoint thread; the writer makes the short last copy, which lets the
//! WAL start over while commits go on.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::{Sqlite, with_suffix};
use crate::failpoints::crash_point;
use crate::store::StoreError;

/// WAL pages (4 KiB) after which the checkpoint thread copies the WAL into the file: 4 MiB.
const COPY_PAGES: u64 = 1_024;
/// WAL pages after which the writer makes the last copy itself, so that the WAL starts over: 16 MiB.
const START_OVER_PAGES: u64 = 4_096;
/// WAL pages between two such tries, where a reader held it.
const TRY_AGAIN_PAGES: u64 = 1_024;
/// Most pages that the writer copies itself: 16 MiB. More has gathered behind a long snapshot.
const OWN_PAGES_MAX: u64 = 4_096;

/// Bytes of the WAL that are preallocated before the first commit; a little more than it should need.
const LOG_BYTES: u64 = 20 * 1024 * 1024;
/// What is written at once.
const ZEROS: &[u8] = &[0; 64 * 1024];

/// What is to be done about the WAL now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Nothing,
    /// The checkpoint thread copies.
    Thread,
    /// The writer copies the rest.
    Writer,
}

/// Fills the WAL's file with zeros up to [`LOG_BYTES`]. A commit that makes the file longer has to write its length
/// and blocks too, a second trip to the disk; one that overwrites has not. Zeros behind the last frame are no frame,
/// so this is safe whatever the WAL holds.
pub(in crate::store) fn lay_out(database: &Path) -> Result<(), StoreError> {
    let path = with_suffix(database, "-wal");
    let lay_out = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&path)?;
        let length = file.metadata()?.len();
        let filled = write_zeros(&mut file, LOG_BYTES.saturating_sub(length));
        if filled.is_err() {
            file.set_len(length)?;
        }
        filled.and_then(|()| file.sync_all())
    };
    lay_out().map_err(|error| StoreError::open(&path, &error))
}

fn write_zeros(file: &mut File, count: u64) -> std::io::Result<()> {
    let mut left = count;
    while left > 0 {
        let next = usize::try_from(left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        file.write_all(&ZEROS[..next])?;
        left -= next as u64;
    }
    Ok(())
}

/// The WAL after a copy, in pages.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Log {
    pages: u64,
    /// Those that are in the file, on disk.
    pub(in crate::store) copied: u64,
}

impl Log {
    /// Whether the file has everything.
    pub(in crate::store) fn is_copied(self) -> bool {
        self.copied == self.pages
    }
}

/// Decides by the pages in the WAL, those of them since the last decision, and those copied already.
fn work(pages: u64, fresh: u64, copied: u64, idle: bool) -> Work {
    let starts_over = pages >= START_OVER_PAGES && fresh >= TRY_AGAIN_PAGES;
    let ends_here = starts_over || (idle && fresh > 0);
    if ends_here && pages.saturating_sub(copied) <= OWN_PAGES_MAX {
        Work::Writer
    } else if ends_here || fresh >= COPY_PAGES {
        Work::Thread
    } else {
        Work::Nothing
    }
}

impl Sqlite {
    /// Checkpoints the WAL where that is due; `idle` where no job waits for a commit.
    pub(super) fn look_after_log(&mut self, idle: bool) -> Result<(), StoreError> {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < self.copied_at {
            self.copied_at = 0; // The log has started over.
            if let Some(checkpointer) = &self.checkpointer {
                checkpointer.set_copied(0);
            }
        }
        let copied = match &self.checkpointer {
            Some(checkpointer) => checkpointer.copied(),
            None => pages, // Small enough for its one writer.
        };
        let work = work(pages, pages - self.copied_at, copied, idle);
        if work != Work::Nothing {
            self.copied_at = pages;
        }
        match work {
            Work::Nothing => Ok(()),
            Work::Thread => {
                if let Some(checkpointer) = &self.checkpointer {
                    checkpointer.ask();
                }
                Ok(())
            }
            Work::Writer => {
                let log = self.checkpoint()?;
                if let (Some(checkpointer), Some(log)) = (&self.checkpointer, log) {
                    checkpointer.set_copied(log.copied);
                }
                Ok(())
            }
        }
    }

    /// Copies the WAL into the file as far as no reader needs it; blocks no commit. `None` while
    /// another copy is under way.
    pub(in crate::store) fn checkpoint(&mut self) -> Result<Option<Log>, StoreError> {
        crash_point!("checkpoint-before");
        let log = self.copy_log()?;
        crash_point!("checkpoint-after");
        Ok(log)
    }

    /// The same, at a start.
    pub(in crate::store) fn copy_log(&mut self) -> Result<Option<Log>, StoreError> {
        let sql = "PRAGMA wal_checkpoint(PASSIVE)";
        let (pages, copied): (i64, i64) = self
            .connection
            .query_row(sql, [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let pages = u64::try_from(pages).ok();
        Ok(pages
            .zip(u64::try_from(copied).ok())
            .map(|(pages, copied)| Log { pages, copied }))
    }

    /// The number of the file, see `generation.rs`.
    pub(in crate::store) fn set_user_version(&mut self, number: u32) -> Result<(), StoreError> {
        Ok(self
            .connection
            .pragma_update(None, "user_version", number)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_copies_the_short_rest_alone() {
        assert_eq!(work(10, 10, 0, false), Work::Nothing);
        assert_eq!(work(10, 10, 0, true), Work::Writer);
        assert_eq!(work(10, 0, 10, true), Work::Nothing);
        assert_eq!(work(1_024, 1_024, 0, false), Work::Thread);
        assert_eq!(work(4_096, 1_024, 3_000, false), Work::Writer);
        for idle in [false, true] {
            // What has gathered behind a snapshot of minutes, once that has ended.
            assert_eq!(work(500_000, 1_024, 2_000, idle), Work::Thread);
            assert_eq!(work(501_500, 1_500, 500_000, idle), Work::Writer);
        }
    }
}
