//! Evidence: rejected requests, in a file of their own. It is capped and written without fsync, so that a
//! flood of bad requests can neither fill nor slow the store. Losing it in a power cut is acceptable; losing
//! an accepted callback is not.

mod read;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::engine::driver::Driver;
use crate::store::engine::sqlite::{Sqlite, Synchronous, with_suffix};

pub use read::{EvidenceFilter, StoredRequest, count, list, one};

/// Bounds; beyond them the oldest are deleted. The bytes bound the file at about 100 MiB.
const CAP: Cap = Cap {
    rows: 10_000,
    bytes: 96 * 1024 * 1024,
};
/// Bytes of a rejected body that are stored: any real callback is stored whole, so that it can be diagnosed.
pub const HEAD_BYTES_MAX: usize = 16 * 1_024;
/// Approximate bytes of a row besides its texts.
const ROW_BYTES: i64 = 160;
/// Rejections that may wait to be written; further ones are only counted.
const QUEUE_MAX: usize = 512;
/// Rejections in one transaction.
const BATCH_MAX: usize = 256;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS evidence (
  id          INTEGER PRIMARY KEY,
  received_at INTEGER NOT NULL,
  reason      TEXT    NOT NULL,
  path        TEXT    NOT NULL,
  peer        TEXT    NOT NULL,
  headers     TEXT    NOT NULL,
  body_sha256 BLOB    NOT NULL,
  body_length INTEGER NOT NULL,
  body_head   BLOB    NOT NULL
) STRICT";

const INSERT: &str = "-- insert_evidence
INSERT INTO evidence (received_at, reason, path, peer, headers, body_sha256, body_length, body_head)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const COUNT: &str = "-- count_evidence
SELECT count(*), coalesce(sum(length(path) + length(peer) + length(headers) + length(body_head)), 0)
FROM evidence";

const DELETE_OLDEST: &str = "-- delete_oldest_evidence
DELETE FROM evidence WHERE id = (SELECT min(id) FROM evidence)
RETURNING length(path) + length(peer) + length(headers) + length(body_head)";

/// Rows and bytes.
#[derive(Clone, Copy, Debug)]
struct Cap {
    rows: i64,
    bytes: i64,
}

/// Why a request was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not what this provider sends.
    Malformed,
    /// The signature or token is not of the account's provider.
    Unauthorized,
    /// The body took too long.
    TooSlow,
    /// The body is too large.
    TooLarge,
    /// A content encoding or another media type.
    UnsupportedMedia,
    /// Sent to a URL that nothing serves.
    NotFound,
    /// Not a POST.
    MethodNotAllowed,
    /// Stored as a callback, but without a claim that could take effect (`EPay`, errcode 1).
    InvalidContent,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::TooSlow,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InvalidContent,
    ];

    /// The word in the file, and in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unsupported_media",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::InvalidContent => "invalid_content",
        }
    }
}

/// One rejected request.
#[derive(Clone, Debug)]
pub struct RejectedRequest {
    /// When it was received.
    pub received_at: Timestamp,
    /// Why it was rejected.
    pub reason: Reason,
    /// The path that it was sent to.
    pub path: String,
    /// The peer's address.
    pub peer: String,
    /// JSON object of the headers that matter.
    pub headers: String,
    /// SHA-256 of the whole body, as far as it was read.
    pub body_sha256: [u8; 32],
    /// Bytes of the body that were read.
    pub body_length: usize,
    /// The first [`HEAD_BYTES_MAX`] bytes.
    pub body_head: Vec<u8>,
}

/// The evidence file and the thread that writes it.
pub struct Evidence {
    queue: Option<SyncSender<RejectedRequest>>,
    thread: Option<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<String>>>,
}

/// The evidence file of a store: `refunds.db` has `refunds.evidence.db` next to it.
pub fn path_beside(database: &Path) -> PathBuf {
    let stem = match database.extension() {
        Some(extension) if extension == "db" => database.with_extension(""),
        _ => database.to_owned(),
    };
    with_suffix(&stem, ".evidence.db")
}

impl Evidence {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, CAP)
    }

    fn open_with(path: &Path, cap: Cap) -> Result<Self, StoreError> {
        let mut sqlite = Sqlite::open_writer(path, Synchronous::Normal)?;
        sqlite.run_script(SCHEMA)?;
        let mut writer = Writer {
            held: held(&mut sqlite)?,
            sqlite,
            cap,
        };
        let (queue, rejections) = sync_channel(QUEUE_MAX);
        let failure = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&failure);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("evidence-writer".to_owned())
            .spawn(move || writer.write_all(&rejections, &noted, &lost))
            .map_err(|error| StoreError::open(path, &error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            dropped,
            failure,
        })
    }

    /// Stores a rejection without waiting; where too many wait it is only counted.
    pub fn keep(&self, rejection: RejectedRequest) {
        let kept = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(rejection).is_ok());
        if !kept {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Rejections that were only counted.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Why the file cannot be written at the moment, if it cannot.
    pub fn failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of evidence panicked");
        }
    }
}

/// The connection of the thread, and how much the file holds.
struct Writer {
    sqlite: Sqlite,
    cap: Cap,
    held: Cap,
}

impl Writer {
    fn write_all(
        &mut self,
        rejections: &Receiver<RejectedRequest>,
        failure: &Mutex<Option<String>>,
        dropped: &AtomicU64,
    ) {
        while let Ok(first) = rejections.recv() {
            let mut batch = vec![first];
            batch.extend(rejections.try_iter().take(BATCH_MAX - 1));
            let before = self.held;
            let result = self.write_batch(&batch);
            if result.is_err() {
                self.sqlite.rollback();
                self.held = before;
                dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
            let error = result.err().map(|error| error.to_string());
            if let Some(error) = &error {
                tracing::warn!(
                    error,
                    rejections = batch.len(),
                    "evidence could not be stored"
                );
            }
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = error;
        }
    }

    fn write_batch(&mut self, batch: &[RejectedRequest]) -> Result<(), StoreError> {
        self.sqlite.begin()?;
        for rejection in batch {
            self.insert(rejection)?;
        }
        while self.held.rows > self.cap.rows || self.held.bytes > self.cap.bytes {
            self.delete_oldest()?;
        }
        self.sqlite.commit()?;
        // Never idle: a checkpoint is an fsync, and those of the store would wait for it.
        self.sqlite.maintain(false)
    }

    fn insert(&mut self, rejection: &RejectedRequest) -> Result<(), StoreError> {
        let length = i64::try_from(rejection.body_length).unwrap_or(i64::MAX);
        self.sqlite.execute(
            INSERT,
            &[
                rejection.received_at.as_millis().into(),
                rejection.reason.as_str().into(),
                rejection.path.as_str().into(),
                rejection.peer.as_str().into(),
                rejection.headers.as_str().into(),
                (&rejection.body_sha256).into(),
                length.into(),
                rejection.body_head.as_slice().into(),
            ],
        )?;
        // Characters of the texts, as SQL counts them.
        let texts = [&rejection.path, &rejection.peer, &rejection.headers];
        let chars: usize = texts.map(|text| text.chars().count()).iter().sum();
        let bytes = chars + rejection.body_head.len();
        self.held.rows += 1;
        self.held.bytes += i64::try_from(bytes).unwrap_or(i64::MAX) + ROW_BYTES;
        Ok(())
    }

    fn delete_oldest(&mut self) -> Result<(), StoreError> {
        let mut bytes = None;
        self.sqlite.query(DELETE_OLDEST, &[], &mut |row| {
            bytes = Some(row.integer(0)?);
            Ok(())
        })?;
        match bytes {
            Some(bytes) => {
                self.held.rows -= 1;
                self.held.bytes -= bytes + ROW_BYTES;
            }
            // Nothing is left, whatever was counted.
            None => self.held = Cap { rows: 0, bytes: 0 },
        }
        Ok(())
    }
}

fn held(sqlite: &mut Sqlite) -> Result<Cap, StoreError> {
    let mut kept = Cap { rows: 0, bytes: 0 };
    sqlite.query(COUNT, &[], &mut |row| {
        kept.rows = row.integer(0)?;
        kept.bytes = row.integer(1)? + kept.rows * ROW_BYTES;
        Ok(())
    })?;
    Ok(kept)
}

#[cfg(test)]
#[path = "evidence_test.rs"]
mod tests;
