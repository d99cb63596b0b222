//! The note of the last backup, next to the store, so that a service can show its age.

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::engine::sqlite::with_suffix;
use crate::domain::time::Timestamp;

const SUFFIX: &str = "-backup";

/// Notes that there is a backup of what the store held at this time.
pub fn note_backup(store: &Path, at: Timestamp) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(with_suffix(store, SUFFIX))?;
    writeln!(file, "{at}")
}

/// Time of the last backup; `None` where none is known.
pub fn last_backup(store: &Path) -> Option<Timestamp> {
    let noted = std::fs::read_to_string(with_suffix(store, SUFFIX)).ok()?;
    noted.trim_end().parse().ok()
}
