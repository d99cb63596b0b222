//! Moving the log into the database file beside the writer, so that no commit waits for it.
//!
//! SQLite lets a checkpoint of the kind PASSIVE run while another connection commits; it blocks
//! nobody. It cannot start the log over while commits go on, so the writer makes the last short one.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::StoreError;
use super::sqlite::{Sqlite, Synchronous};
use super::stats::Stats;

/// A thread with a connection of its own that copies the log when told to.
pub(super) struct Checkpointer {
    signal: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread for this database.
    pub(super) fn start(path: &Path, stats: Arc<Stats>) -> Result<Self, StoreError> {
        let sqlite = Sqlite::open_writer(path, Synchronous::Full)?;
        // One signal waits at most: two would ask for the same copy.
        let (signal, signals) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || copy_when_told(sqlite, &signals, &stats))
            .map_err(|error| StoreError::open(path, &error))?;
        Ok(Self {
            signal: Some(signal),
            thread: Some(thread),
        })
    }

    /// Asks for a copy; does not wait for it.
    pub(super) fn ask(&self) {
        if let Some(signal) = &self.signal {
            // A full channel means that a copy is about to start anyway.
            let _ = signal.try_send(());
        }
    }
}

fn copy_when_told(mut sqlite: Sqlite, signals: &Receiver<()>, stats: &Stats) {
    while signals.recv().is_ok() {
        if let Err(error) = sqlite.checkpoint() {
            tracing::warn!(%error, "the log could not be copied; the writer tries next");
            stats.stop_if_fatal(&error);
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
