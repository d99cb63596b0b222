//! The last exchanges, for people and tests. Bounded in count and in bytes.

pub mod export;

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Value, json};

use crate::crypto::{hex, sha256};

const ENTRIES_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is kept of one body.
const BODY_CHARS_MAX: usize = 16 * 1024;

/// The bytes that a signature was checked over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hashed {
    pub length: usize,
    pub sha256: String,
    /// What they are.
    pub what: &'static str,
}

impl Hashed {
    pub fn of(what: &'static str, bytes: &[u8]) -> Self {
        Self {
            length: bytes.len(),
            sha256: hex(&sha256(bytes)),
            what,
        }
    }

    /// For a message.
    pub fn to_text(&self) -> String {
        let (what, length, digest) = (self.what, self.length, &self.sha256);
        format!("hashed {what}: {length} bytes, SHA-256 {digest}")
    }
}

/// One exchange: a request to a provider, or a callback of one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    pub sequence: u64,
    /// By the sandbox's clock.
    pub at: String,
    pub provider: String,
    pub call: String,
    pub number: Option<String>,
    /// `null`: the connection ended without an answer.
    pub status: Option<u16>,
    pub fault: Option<String>,
    pub verdict: String,
    /// The provider turned the request down by its rules, or the service the callback.
    pub refused: bool,
    pub request: String,
    pub reply: String,
    pub hashed: Option<Hashed>,
}

impl Entry {
    /// What happened, without the bytes.
    pub fn brief(&self) -> Value {
        json!({
            "sequence": self.sequence,
            "at": self.at,
            "provider": self.provider,
            "call": self.call,
            "number": self.number,
            "status": self.status,
            "fault": self.fault,
            "verdict": self.verdict,
            "refused": self.refused,
        })
    }
}

#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    bytes: usize,
    sequence: u64,
}

/// Bytes as text, shortened where they are long.
pub fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BODY_CHARS_MAX)]);
    text.into_owned()
}

impl Journal {
    pub fn push(&mut self, mut entry: Entry) {
        self.sequence += 1;
        entry.sequence = self.sequence;
        self.bytes += size(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= size(&oldest);
        }
    }

    /// Those after this sequence, oldest first.
    pub fn after(&self, sequence: u64, limit: usize) -> Vec<&Entry> {
        let newer = self
            .entries
            .iter()
            .filter(|entry| entry.sequence > sequence);
        newer.take(limit).collect()
    }

    /// The last so many, oldest first.
    pub fn newest(&self, count: usize) -> Vec<&Entry> {
        let older = self.entries.len().saturating_sub(count);
        self.entries.iter().skip(older).collect()
    }
}

fn size(entry: &Entry) -> usize {
    entry.request.len() + entry.reply.len() + entry.verdict.len() + 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_bounded_and_counts_on() {
        let mut journal = Journal::default();
        for _ in 0..ENTRIES_MAX + 5 {
            journal.push(Entry::default());
        }
        let first = journal.after(0, 1);
        assert_eq!(first[0].sequence, 6);
        assert_eq!(journal.after(ENTRIES_MAX as u64 + 4, 10).len(), 1);
        let newest = journal.newest(2);
        assert_eq!(newest.len(), 2);
        assert_eq!(newest[1].sequence, ENTRIES_MAX as u64 + 5);
    }
}
