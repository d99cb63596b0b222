//! Reading beside the writer: a few threads, each with its own read-only connection, each job in a
//! short snapshot of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::StoreError;
use super::driver::Driver;
use super::tx::Snapshot;

/// Reads that may wait; a further one is refused.
const QUEUE_MAX: usize = 4_096;

type Query = Box<dyn FnOnce(Result<Snapshot<'_>, StoreError>) + Send>;

/// The reading threads.
pub(super) struct Readers {
    queue: Option<SyncSender<Query>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts one thread a connection.
    pub(super) fn start(drivers: Vec<Box<dyn Driver>>) -> Result<Self, StoreError> {
        let (queue, queries) = sync_channel::<Query>(QUEUE_MAX);
        let queries = Arc::new(Mutex::new(queries));
        let mut threads = Vec::with_capacity(drivers.len());
        for (number, mut driver) in drivers.into_iter().enumerate() {
            let queries = Arc::clone(&queries);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || {
                    while let Some(query) = next(&queries) {
                        answer(driver.as_mut(), query);
                    }
                })
                .map_err(|error| StoreError::Open(error.to_string()))?;
            threads.push(thread);
        }
        Ok(Self {
            queue: Some(queue),
            threads,
        })
    }

    /// Adds a query, or says why not.
    pub(super) fn queue(&self, query: Query) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(query).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::QueueFull,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the store panicked");
            }
        }
    }
}

/// Whoever holds the lock waits for the next query; the others wait for the lock.
fn next(queries: &Mutex<Receiver<Query>>) -> Option<Query> {
    queries
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

fn answer(driver: &mut dyn Driver, query: Query) {
    if let Err(error) = driver.begin_snapshot() {
        query(Err(error));
        return;
    }
    // The reply channel is dropped by a panic, so whoever waits is told.
    if catch_unwind(AssertUnwindSafe(|| query(Ok(Snapshot::new(driver))))).is_err() {
        tracing::error!("a query panicked");
    }
    driver.rollback();
}
