//! Replacing a store by a backup. Nothing is deleted, and at no moment does a half restored store start: the
//! copy is whole and on disk under a name of its own before the old files move, and while the store's own
//! name is free the mark in the lock file keeps a start from making a new store there. Whenever it is
//! interrupted, the same command does it again.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::time::Clock;
use crate::failpoints::crash_point;
use crate::store::engine::driver::Driver as _;
use crate::store::engine::sqlite::generation;
use crate::store::engine::sqlite::lock::StoreLock;
use crate::store::engine::sqlite::{Sqlite, Synchronous, with_suffix};
use crate::store::engine::{make_folder, real_path};
use crate::store::schema;
use crate::store::schema::Making;
use crate::store::tables::Tx;
use crate::store::{StoreError, StoreUrl};

/// The copy, before it has the store's name.
const COPY: &str = ".restoring";
/// A file, its WAL, and the index of the WAL. The file moves first: a file without its WAL would start.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];
/// Bytes that make `schema::check` read every page.
const READ_THROUGH: u64 = 1;

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// Files that were there before, under the names that they have now.
    pub moved: Vec<PathBuf>,
    /// The new history of the feed.
    pub epoch: String,
    /// Its last number.
    pub last_sequence: i64,
}

/// Replaces `store` by a copy of `backup`; rejected while a service runs on it.
pub fn restore_file(
    backup: &Path,
    store: &Path,
    clock: &dyn Clock,
) -> Result<Restored, StoreError> {
    make_folder(store)?;
    let store = &real_path(store)?;
    let lock = StoreLock::take(store)?;
    if real_path(backup)? == *store {
        let what = "the backup is the store itself";
        return Err(StoreError::Open(what.to_owned()));
    }
    if with_suffix(backup, "-wal").exists() {
        let what = format!(
            "{}: a log lies next to it, so it is a store in use or one left by a crash; `backup` makes a file of it",
            backup.display()
        );
        return Err(StoreError::Open(what));
    }
    // Before gigabytes are copied; its pages are read below, once they are ours.
    crate::store::Inspection::open(&StoreUrl::Sqlite(backup.to_owned())).map_or_else(
        |error| match error {
            StoreError::SchemaVersion { .. } => Ok(()),
            other => Err(other),
        },
        |_| Ok(()),
    )?;
    let copy = with_suffix(store, COPY);
    copy_whole(backup, &copy)?;
    let (epoch, last_sequence) = begin_history(&copy, clock)?;
    generation::disown_wal(&copy)?;
    crash_point!("restore-copied");
    let at_lock = |error| StoreError::open(store, &error);
    lock.mark().map_err(at_lock)?;
    let moved = move_aside(store, clock)?;
    crash_point!("restore-moved");
    rename(&copy, store)?;
    crash_point!("restore-named");
    // Its feed has a new epoch already; a start need not give it another.
    lock.note(&[generation::OF_NO_LOG]).map_err(at_lock)?;
    Ok(Restored {
        moved,
        epoch,
        last_sequence,
    })
}

/// A copy that its owner alone may read, on disk.
fn copy_whole(from: &Path, to: &Path) -> Result<(), StoreError> {
    for part in PARTS {
        let left = with_suffix(to, part);
        match std::fs::remove_file(&left) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::open(&left, &error)),
        }
    }
    let copy = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(to)?;
        std::io::copy(&mut File::open(from)?, &mut file)?;
        file.sync_all()
    };
    copy().map_err(|error| StoreError::open(to, &error))
}

/// Steps the schema up, reads every page, and gives the feed a new epoch.
fn begin_history(copy: &Path, clock: &dyn Clock) -> Result<(String, i64), StoreError> {
    schema::check(&mut Sqlite::open_at_rest(copy)?, READ_THROUGH)?;
    let mut sqlite = Sqlite::open_writer(copy, Synchronous::Full)?;
    schema::prepare(&mut sqlite, Making::by(clock))?;
    sqlite.begin()?;
    let mut tx = Tx::new(&mut sqlite);
    let epoch = tx.renew_epoch(clock.new_uuid())?;
    let last_sequence = tx.snapshot().last_sequence()?;
    sqlite.commit()?;
    // Closing it moves what was written into the file.
    drop(sqlite);
    if with_suffix(copy, "-wal").exists() {
        let what = format!("the copy {} could not be closed", copy.display());
        return Err(StoreError::Busy(what));
    }
    Ok((epoch, last_sequence))
}

/// Gives what lies there names that say when they were moved.
fn move_aside(store: &Path, clock: &dyn Clock) -> Result<Vec<PathBuf>, StoreError> {
    let now: String = clock
        .now()
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let mut moved = Vec::new();
    for part in PARTS {
        let old = with_suffix(store, part);
        if old.symlink_metadata().is_err() {
            continue;
        }
        let aside = with_suffix(store, &format!(".before-restore-{now}{part}"));
        if aside.symlink_metadata().is_ok() {
            let what = format!("{} is there already", aside.display());
            return Err(StoreError::Open(what));
        }
        rename(&old, &aside)?;
        crash_point!("restore-moving");
        moved.push(aside);
    }
    Ok(moved)
}

/// Renames, on disk.
fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    let folder = to.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::rename(from, to)
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|error| StoreError::open(to, &error))
}
