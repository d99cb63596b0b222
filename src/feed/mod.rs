//! The feed as readers take it: pages after a number, and a woken wait for what comes next.
//!
//! Any number of readers may follow the head of the feed. When a commit wakes them, the first to ask
//! reads the new events from the store, for all: they are kept in a short tail in memory, already in
//! the form in which they are sent (`fill`). Whoever is behind the tail reads the store by itself. While
//! nobody asks, nothing is read.

mod consumers;
mod event;
mod fill;
mod tail;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::domain::ids::RefundId;
use crate::store::{Store, StoreError};

pub use consumers::{ConsumerError, SeekTo};
pub use event::Event;
use fill::{FILL, Fills};
use tail::{Tail, is_far};

/// The feed of one store; one for all readers of this process.
pub struct Feed {
    store: Arc<Store>,
    draining: watch::Receiver<bool>,
    tail: Mutex<Tail>,
    fills: Fills,
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
            fills: Fills::default(),
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

    /// Events after a number, oldest first: `limit` of them, or else all that were committed when this
    /// was called, by whichever instance.
    pub async fn page(&self, after: i64, limit: u32) -> Result<Vec<Arc<Event>>, StoreError> {
        let is_full = |events: &Vec<Arc<Event>>| events.len() >= limit as usize;
        self.after(after, limit, is_full).await
    }

    /// Ready once the shutdown has begun.
    pub async fn drained(&self) {
        // Whoever could begin it has gone: it has.
        drop(self.draining.clone().wait_for(|draining| *draining).await);
    }

    /// Some events after a number, oldest first, as soon as there is one; for those who ask again.
    pub async fn next(&self, after: i64, limit: u32) -> Result<Vec<Arc<Event>>, StoreError> {
        self.after(after, limit, |events| !events.is_empty()).await
    }

    /// What the tail holds, if that is enough; else what it holds once it is filled.
    async fn after(
        &self,
        after: i64,
        limit: u32,
        is_enough: impl Fn(&Vec<Arc<Event>>) -> bool,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let held = || self.tail().after(after, limit);
        if let Some(events) = held().filter(&is_enough) {
            return Ok(events);
        }
        // Far behind: nobody else would gain from what is read.
        if !is_far(after, self.last()) && after >= self.tail().start() {
            self.fill(after, || held().is_some_and(|events| is_enough(&events)))
                .await?;
            if let Some(events) = held() {
                return Ok(events);
            }
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
            let events = self.next(after, FILL).await?;
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
