//! The build of the program with crash points. It shares everything compiled already but our own crate.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::server::{PROGRAM, chosen_program};

/// The variable of the crate `fail` that says where to abort.
pub const VARIABLE: &str = "FAILPOINTS";
/// The binary that exists only with these features, so that the ordinary one is never overwritten.
const BINARY: &str = "refund-receiver-faulty";

/// The program with faults, built where that has not been done.
pub fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| chosen_program().unwrap_or_else(build))
        .clone()
}

fn build() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--all-features",
            "--bin",
            BINARY,
        ])
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the program with faults cannot be built");
    Path::new(PROGRAM).with_file_name(BINARY)
}
