//! The feed as readers take it: pages after a number, and a woken wait for what comes next.
//!
//! Any number of readers may follow the head of the feed. When a commit wakes them, the first to ask
//! reads the new events from the store, for all: they are kept in a short tail in memory, already in
//! the form in which they are sent. Whoever is behind the tail reads the store by itself. While
//! nobody asks, nothing is read.

mod consumers;
mod event;
mod tail;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::domain::ids::RefundId;
use crate::store::{Store, StoreError};

pub use consumers::{ConsumerError, SeekTo};
pub use event::Event;
use tail::{Tail, is_far};

/// Events that one read of the store brings into the tail.
const FILL: u32 = 1_000;

/// The feed of one store; one for all readers of this process.
pub struct Feed {
    store: Arc<Store>,
    draining: watch::Receiver<bool>,
    tail: Mutex<Tail>,
    /// Held by whoever fills the tail; the others wait for what it brings.
    filling: tokio::sync::Mutex<()>,
    streams: Arc<AtomicUsize>,
}

impl Feed {
    /// Follows this store; waits end once `draining` becomes true.
    pub fn new(store: Arc<Store>, draining: watch::Receiver<bool>) -> Self {
        let tail = Tail::at(*store.last_sequence().borrow());
        Self {
            store,
            draining,
            tail: Mutex::new(tail),
            filling: tokio::sync::Mutex::new(()),
            streams: Arc::default(),
        }
    }

    /// The number of the last event that this process knows of.
    pub fn last(&self) -> i64 {
        *self.store.last_sequence().borrow()
    }

    /// Whether the shutdown has begun: waits end, streams too.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Events after a number, oldest first, `limit` at most.
    pub async fn page(&self, after: i64, limit: u32) -> Result<Vec<Arc<Event>>, StoreError> {
        let last = self.last();
        if let Some(events) = self.tail().after(after, limit) {
            return Ok(events);
        }
        // Nothing new that we know of, or far behind: nobody else would gain from what is read. The
        // store is asked all the same, because another instance may have committed a moment ago.
        if after >= last || is_far(after, last) || after < self.tail().start() {
            return self.read(after, limit).await;
        }
        let _filling = self.filling.lock().await;
        loop {
            let from = {
                let mut tail = self.tail();
                if let Some(events) = tail.after(after, limit) {
                    return Ok(events);
                }
                if after < tail.start() {
                    break;
                }
                tail.start_over_if_far(after, last);
                tail.end()
            };
            let events = self.read(from, FILL).await?;
            if events.is_empty() {
                break;
            }
            self.tail().append(events);
        }
        self.read(after, limit).await
    }

    async fn read(&self, after: i64, limit: u32) -> Result<Vec<Arc<Event>>, StoreError> {
        self.store
            .read(move |snapshot| snapshot.events_after(after, limit))
            .await?
            .iter()
            .map(|row| Event::try_from(row).map(Arc::new))
            .collect()
    }

    /// Waits for an event after this number, until the deadline or the shutdown; `false` where there
    /// is none. Whoever waits must not hold up the shutdown.
    pub async fn wait(&self, after: i64, deadline: Instant) -> bool {
        let (mut changes, mut draining) = (self.store.last_sequence(), self.draining.clone());
        tokio::select! {
            found = timeout_at(deadline, changes.wait_for(|last| *last > after)) => {
                matches!(found, Ok(Ok(_)))
            }
            _ = draining.wait_for(|draining| *draining) => false,
        }
    }

    /// Waits for an event of this refund after this number; `false` where none came in time.
    pub async fn wait_for_refund(
        &self,
        refund_id: RefundId,
        mut after: i64,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        while self.wait(after, deadline).await {
            let events = self.page(after, FILL).await?;
            if events
                .iter()
                .any(|event| event.refund_id == Some(refund_id))
            {
                return Ok(true);
            }
            after = events
                .last()
                .map_or_else(|| self.last(), |event| event.sequence);
        }
        Ok(false)
    }

    /// Counts a stream for as long as the answer lives.
    pub fn open_stream(&self) -> OpenStream {
        self.streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.streams))
    }

    /// Streams that are open now.
    pub fn open_streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        // A panic elsewhere cannot leave it half changed.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream.
#[derive(Debug)]
pub struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
