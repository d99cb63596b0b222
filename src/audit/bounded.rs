//! I10: what grows has a bound. Memory and connections are watched while the service runs; here are the
//! bounds that show on disk.

use std::path::Path;

use super::facts::RefundFacts;
use crate::domain::claim::Reason;
use crate::domain::refund::ATTENTION_MAX;

/// The log is copied into the file long before.
const LOG_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Ten thousand refusals of ten KiB at most, and SQLite's own pages.
const EVIDENCE_BYTES_MAX: u64 = 160 * 1024 * 1024;

/// A refund has few open questions of one kind, however often it is contradicted.
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

/// The log beside the store, given its length.
pub fn of_log(bytes: u64) -> Vec<String> {
    too_large(bytes, LOG_BYTES_MAX)
}

/// The file of refused requests, which may not be there.
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
