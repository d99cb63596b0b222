//! Evidence: what was refused, kept apart from the money in a file of its own. It is capped, and
//! written without waiting for the disk, so that a flood of bad requests can neither fill nor slow
//! the store. Losing it in a power cut is acceptable; losing an accepted callback is not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::StoreError;
use super::driver::Driver;
use super::sqlite::{Sqlite, Synchronous, with_suffix};
use crate::domain::clock::Moment;

/// Rows kept; the oldest go first. With [`HEAD_BYTES_MAX`] and the headers kept, a row has 10 KiB at
/// most, so this bounds the file at about 100 MiB.
const ROWS_MAX: i64 = 10_000;
/// Bytes of a refused body that are kept.
pub const HEAD_BYTES_MAX: usize = 2_048;
/// Refusals that may wait to be written; further ones are only counted.
const QUEUE_MAX: usize = 1_024;
/// Refusals in one transaction.
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

const CAP: &str = "-- cap_evidence
DELETE FROM evidence WHERE id <= (SELECT max(id) FROM evidence) - $1";

/// One refused request.
#[derive(Clone, Debug)]
pub struct RefusedRequest {
    /// When it came.
    pub received_at: Moment,
    /// Why it was refused; one of a closed set of words.
    pub reason: &'static str,
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
    queue: Option<SyncSender<RefusedRequest>>,
    thread: Option<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<String>>>,
}

/// Where the evidence of a store lies: `refunds.db` has `refunds.evidence.db` beside it.
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
        let mut sqlite = Sqlite::open_writer(path, Synchronous::Normal)?;
        sqlite.run_script(SCHEMA)?;
        let (queue, refusals) = sync_channel(QUEUE_MAX);
        let failure = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&failure);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("evidence-writer".to_owned())
            .spawn(move || write_all(&mut sqlite, &refusals, &noted, &lost))
            .map_err(|error| StoreError::open(path, &error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            dropped,
            failure,
        })
    }

    /// Keeps a refusal, without waiting; where too many wait it is only counted.
    pub fn keep(&self, refusal: RefusedRequest) {
        let kept = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(refusal).is_ok());
        if !kept {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Refusals that were only counted.
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

fn write_all(
    sqlite: &mut Sqlite,
    refusals: &Receiver<RefusedRequest>,
    failure: &Mutex<Option<String>>,
    dropped: &AtomicU64,
) {
    while let Ok(first) = refusals.recv() {
        let mut batch = vec![first];
        batch.extend(refusals.try_iter().take(BATCH_MAX - 1));
        let result = write_batch(sqlite, &batch);
        if result.is_err() {
            sqlite.rollback();
            dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        let error = result.err().map(|error| error.to_string());
        if let Some(error) = &error {
            tracing::warn!(error, refusals = batch.len(), "evidence could not be kept");
        }
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

fn write_batch(sqlite: &mut Sqlite, batch: &[RefusedRequest]) -> Result<(), StoreError> {
    sqlite.begin()?;
    for refusal in batch {
        let length = i64::try_from(refusal.body_length).unwrap_or(i64::MAX);
        sqlite.execute(
            INSERT,
            &[
                refusal.received_at.as_millis().into(),
                refusal.reason.into(),
                refusal.path.as_str().into(),
                refusal.peer.as_str().into(),
                refusal.headers.as_str().into(),
                (&refusal.body_sha256).into(),
                length.into(),
                refusal.body_head.as_slice().into(),
            ],
        )?;
    }
    sqlite.execute(CAP, &[ROWS_MAX.into()])?;
    sqlite.commit()?;
    sqlite.maintain(true)
}
