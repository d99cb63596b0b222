//! The feed as readers see it: pages after a cursor, and a wait for the next event.
//!
//! Any number of readers may follow the head of the feed. When a commit wakes them, the first to ask reads
//! the new events from the store for all: they go, already serialized, into a short tail in memory (`fill`).
//! A reader that is behind the tail reads the store by itself. Without readers nothing is read.

mod consumers;
mod event;
mod fill;
mod position;
mod tail;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::domain::ids::RefundId;
use crate::domain::time::Clock;
use crate::store::{Store, StoreError};

pub use consumers::{ConsumerError, SeekTo};
pub use event::Event;
pub use position::{FeedError, Page, Position};

use fill::{FILL, FillQueue};
use tail::{Tail, is_far};

/// The feed of one store, shared by all readers of this process.
pub struct Feed {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    draining: watch::Receiver<bool>,
    tail: Mutex<Tail>,
    fills: FillQueue,
    streams: Arc<AtomicUsize>,
}

impl Feed {
    /// Follows this store; waits end once `draining` becomes true (graceful shutdown).
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, draining: watch::Receiver<bool>) -> Self {
        let known = store.feed_known();
        let tail = Tail::at(known.last, known.epoch);
        Self {
            store,
            clock,
            draining,
            tail: Mutex::new(tail),
            fills: FillQueue::default(),
            streams: Arc::default(),
        }
    }

    /// The last event number that this process knows.
    pub fn last(&self) -> i64 {
        *self.store.last_sequence().borrow()
    }

    /// Whether the graceful shutdown has begun: waits and streams end.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    pub fn epoch(&self) -> Arc<str> {
        self.store.feed_known().epoch
    }

    /// Waits until the graceful shutdown has begun.
    pub async fn drained(&self) {
        // A dropped sender counts as the shutdown.
        drop(self.draining.clone().wait_for(|draining| *draining).await);
    }

    /// Checks a cursor and returns the present epoch. Reads the store only where the cursor does not fit what
    /// this process knows, because another instance may know more.
    pub async fn check(&self, position: &Position) -> Result<Arc<str>, FeedError> {
        let known = self.store.feed_known();
        if position.check(&known.epoch, known.last).is_ok() {
            return Ok(known.epoch);
        }
        Ok(self.page(position, 1).await?.epoch)
    }

    /// Events after a cursor, oldest first: `limit` of them, or all that any instance had committed when this
    /// was called.
    pub async fn page(&self, position: &Position, limit: u32) -> Result<Page, FeedError> {
        let is_full = |page: &Page| page.events.len() >= limit as usize;
        self.after(position, limit, is_full).await
    }

    /// Some events after a number, oldest first, for callers that ask again. None after a number beyond the
    /// last.
    pub async fn next(&self, after: i64, limit: u32) -> Result<Page, StoreError> {
        let has_some = |page: &Page| !page.events.is_empty();
        let position = Position::after(after);
        match self.after(&position, limit, has_some).await {
            Ok(page) => Ok(page),
            Err(FeedError::Store(error)) => Err(error),
            Err(FeedError::Restarted { epoch, last } | FeedError::BeyondLast { epoch, last }) => {
                Ok(Page {
                    epoch: epoch.into(),
                    last,
                    events: Vec::new(),
                })
            }
        }
    }

    /// Answers from the tail if it holds enough, else fills the tail first.
    async fn after(
        &self,
        position: &Position,
        limit: u32,
        is_enough: impl Fn(&Page) -> bool,
    ) -> Result<Page, FeedError> {
        let after = position.after;
        let held = || {
            let tail = self.tail();
            let events = tail.after(after, limit)?;
            let (epoch, last) = (Arc::clone(tail.epoch()), tail.end());
            Some(Page {
                epoch,
                last,
                events,
            })
        };
        let is_enough = |page: &Page| position.is_of(&page.epoch) && is_enough(page);
        if let Some(page) = held().filter(&is_enough) {
            return Ok(page);
        }
        // A reader far behind reads for itself: the tail would not help others.
        if !is_far(after, self.last()) && after >= self.tail().start() {
            self.fill(after, || held().is_some_and(|page| is_enough(&page)))
                .await?;
            if let Some(page) = held() {
                position.check(&page.epoch, page.last)?;
                return Ok(page);
            }
        }
        let seen = self.look(after, limit).await?;
        position.check(&seen.epoch, seen.last)?;
        Ok(seen)
    }

    /// Waits for an event after this number; `false` at the deadline, at shutdown (which waits for no reader)
    /// or when another history begins.
    pub async fn wait(&self, after: i64, deadline: Instant) -> bool {
        let (mut changes, mut draining) = (self.store.last_sequence(), self.draining.clone());
        let mut histories = self.store.histories();
        tokio::select! {
            found = timeout_at(deadline, changes.wait_for(|last| *last > after)) => {
                matches!(found, Ok(Ok(_)))
            }
            _ = histories.changed() => false,
            _ = draining.wait_for(|draining| *draining) => false,
        }
    }

    /// Waits for an event of this refund after this number; `false` at the deadline.
    pub async fn wait_for_refund(
        &self,
        refund_id: RefundId,
        mut after: i64,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        while self.wait(after, deadline).await {
            let events = self.next(after, FILL).await?.events;
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

    /// Counts an open stream until the guard is dropped.
    pub fn open_stream(&self) -> OpenStream {
        self.streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.streams))
    }

    pub fn open_streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        // A poisoned lock is fine: no panic leaves the tail half changed.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Guard of one open stream.
#[derive(Debug)]
pub struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
