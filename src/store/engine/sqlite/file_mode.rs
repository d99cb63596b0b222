//! Files that hold what was received: only the user of the service may read them, whatever the umask
//! says. SQLite gives its WAL and its index the mode of the database, so the database is made first.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::lock;
use super::with_suffix;
use crate::store::StoreError;

/// Read and written by the owner.
const FILE_MODE: u32 = 0o600;
/// Entered by the owner.
const FOLDER_MODE: u32 = 0o700;
/// What others may do.
const OF_OTHERS: u32 = 0o077;
/// What lies next to a database, by what its name ends in.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", lock::SUFFIX];

/// Options by which a new file is the owner's alone from the first moment on.
pub(in crate::store) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Makes the file of a database where there is none, and takes from others what they may do with an older
/// one.
pub(in crate::store) fn make_database(path: &Path) -> Result<(), StoreError> {
    // Never one that is there: closing it would end the locks that SQLite has on it in this process.
    match options().create_new(true).write(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(StoreError::open(path, &error));
        }
        Ok(_) | Err(_) => {}
    }
    for suffix in SUFFIXES {
        tighten(&with_suffix(path, suffix));
    }
    Ok(())
}

/// A file of another owner, or on a file system without modes, stays as it is: the operator is told.
fn tighten(path: &Path) {
    let Ok(found) = path.metadata() else {
        return;
    };
    let mode = found.permissions().mode();
    if mode & OF_OTHERS == 0 {
        return;
    }
    let was = format!("{:o}", mode & 0o777);
    let tightened = std::fs::set_permissions(path, Permissions::from_mode(FILE_MODE));
    let path = path.display();
    match tightened {
        Ok(()) => {
            tracing::warn!(%path, was, "others could read a file of the store; now its owner alone");
        }
        Err(error) => tracing::warn!(%path, was, %error, "others can read a file of the store"),
    }
}

/// Makes a folder and those above it.
pub(in crate::store) fn make_folders(path: &Path) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
}
