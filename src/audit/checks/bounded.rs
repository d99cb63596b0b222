//! I10: everything that grows has a bound. Tests watch memory and connections of a running service; these are
//! the bounds on disk.

use std::path::Path;

use crate::audit::facts::RefundFacts;
use crate::domain::claim::Reason;
use crate::domain::refund::ATTENTION_MAX;

/// Checkpoints keep the WAL far smaller.
const LOG_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Ten thousand rejected requests of at most ten KiB, and SQLite's own pages.
const EVIDENCE_BYTES_MAX: u64 = 160 * 1024 * 1024;

/// Few open questions of one kind, however often a refund is contradicted.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    for reason in Reason::ALL {
        let open = facts.refund.attention.iter();
        let count = open.filter(|open| open.reason == reason).count();
        if count > ATTENTION_MAX {
            problems.push(format!(
                "{count} open questions of kind {}",
                reason.as_str()
            ));
        }
    }
    problems
}

/// The length of SQLite's WAL.
pub fn of_log(bytes: u64) -> Vec<String> {
    too_large(bytes, LOG_BYTES_MAX)
}

/// The file of rejected requests, if there is one.
pub fn of_evidence(path: &Path) -> Vec<String> {
    let bytes = path.metadata().map_or(0, |file| file.len());
    too_large(bytes, EVIDENCE_BYTES_MAX)
}

fn too_large(bytes: u64, most: u64) -> Vec<String> {
    let problem = format!("has {bytes} bytes; it should never have more than {most}");
    if bytes > most {
        vec![problem]
    } else {
        Vec::new()
    }
}
