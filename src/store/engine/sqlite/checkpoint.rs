//! Checkpoints: moving the WAL into the database file next to the writer, so that no commit waits for it.
//!
//! SQLite lets a checkpoint of the kind PASSIVE run while another connection commits; it blocks
//! no writer. It cannot start the WAL over while commits go on, so the writer makes the last short one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::{Sqlite, Synchronous};
use crate::store::StoreError;
use crate::store::commit::stats::Stats;

/// A thread with a connection of its own that copies the WAL when told to.
pub(in crate::store) struct Checkpointer {
    signal: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Pages of the WAL that are in the file.
    copied: Arc<AtomicU64>,
}

impl Checkpointer {
    /// Starts the thread for this database.
    pub(in crate::store) fn start(path: &Path, stats: Arc<Stats>) -> Result<Self, StoreError> {
        let sqlite = Sqlite::open_writer(path, Synchronous::Full)?;
        // One signal waits at most: two would ask for the same copy.
        let (signal, signals) = sync_channel(1);
        let copied = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&copied);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || copy_when_told(sqlite, &signals, &stats, &told))
            .map_err(|error| StoreError::open(path, &error))?;
        Ok(Self {
            signal: Some(signal),
            thread: Some(thread),
            copied,
        })
    }

    /// Pages of the WAL that were copied last time.
    pub(in crate::store) fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// The writer has copied itself, or the WAL has started over.
    pub(in crate::store) fn set_copied(&self, pages: u64) {
        self.copied.store(pages, Ordering::Relaxed);
    }

    /// Asks for a copy; does not wait for it.
    pub(in crate::store) fn ask(&self) {
        if let Some(signal) = &self.signal {
            // A full channel means that a copy is about to start anyway.
            let _ = signal.try_send(());
        }
    }
}

fn copy_when_told(mut sqlite: Sqlite, signals: &Receiver<()>, stats: &Stats, copied: &AtomicU64) {
    while signals.recv().is_ok() {
        match sqlite.checkpoint() {
            Ok(Some(log)) => copied.store(log.copied, Ordering::Relaxed),
            Ok(None) => {} // The writer copies at this moment.
            Err(error) => {
                tracing::warn!(%error, "the WAL checkpoint failed; retrying later");
                stats.stop_if_fatal(&error);
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.signal = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}
