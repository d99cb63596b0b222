//! Builds of the program that may end where a test says (cargo feature `failpoints`) or that carry a
//! planted bug (`sabotage-*`). They share everything compiled already but our own crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::server::{PROGRAM, PROGRAM_VARIABLE};

/// The binary that exists only with these features, so that the ordinary one is never overwritten.
const BINARY: &str = "refund-receiver-faulty";

/// What was built by this process.
static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// The program with crash points.
pub fn with_crash_points() -> PathBuf {
    std::env::var_os(PROGRAM_VARIABLE).map_or_else(|| built("failpoints"), PathBuf::from)
}

/// The program with these cargo features, built where that has not been done.
pub fn built(features: &str) -> PathBuf {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry(features.to_owned())
        .or_insert_with(|| build(features))
        .clone()
}

fn build(features: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--bin",
            BINARY,
            "--features",
            features,
        ])
        .status()
        .expect("cargo can be started");
    assert!(
        status.success(),
        "the program cannot be built with {features}"
    );
    // Every set of features ends in the same place; the link stays when the next one is put there.
    let folder = Path::new(PROGRAM)
        .parent()
        .expect("a program lies in a folder");
    let kept = folder.join(format!("{BINARY}-{}", features.replace(',', "-")));
    std::fs::remove_file(&kept).ok();
    std::fs::hard_link(folder.join(BINARY), &kept).expect("a program can be linked");
    kept
}
