//! Which history the feed's numbers count, as this process knows it. A restore to an earlier time, or a
//! standby that lacked the last commits, ends a history: its last numbers are given away again, to other
//! events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use uuid::Uuid;

use super::{Lane, Store, StoreError};

/// What is known of the feed.
#[derive(Clone, Debug)]
pub struct FeedKnown {
    /// The history.
    pub epoch: Arc<str>,
    /// Its last number that is on disk.
    pub last: i64,
}

/// The feed's counter as this process knows it, for everything that reads or writes.
#[derive(Clone)]
pub(super) struct Counter {
    last: watch::Sender<i64>,
    epoch: watch::Sender<Arc<str>>,
    /// New histories since the start.
    begun: Arc<AtomicU64>,
}

/// What a transaction has numbered.
pub(super) struct Numbered {
    pub last: i64,
    /// The history that began with it, because numbers that were known are gone.
    pub begun: Option<Arc<str>>,
}

impl Counter {
    pub fn new(epoch: Arc<str>, last: i64) -> Self {
        Self {
            last: watch::Sender::new(last),
            epoch: watch::Sender::new(epoch),
            begun: Arc::default(),
        }
    }

    pub fn known(&self) -> FeedKnown {
        // In this order: the number is never one of a history before this one.
        let epoch = Arc::clone(&self.epoch.borrow());
        let last = *self.last.borrow();
        FeedKnown { epoch, last }
    }

    /// Raises the number of the last event; of two commits the later may be heard of first.
    pub fn raise(&self, last: i64) {
        self.last.send_if_modified(|known| {
            let is_news = last > *known;
            *known = last.max(*known);
            is_news
        });
    }

    /// Goes on after a commit.
    pub fn committed(&self, numbered: &Numbered) {
        match &numbered.begun {
            Some(epoch) => {
                tell_of_loss(self.known().last, numbered.last, epoch);
                self.enter(epoch, numbered.last);
            }
            None => self.raise(numbered.last),
        }
    }

    /// Goes on with a history that was found in the store.
    fn enter(&self, epoch: &Arc<str>, last: i64) {
        if *self.epoch.borrow() == *epoch {
            return self.raise(last);
        }
        self.last.send_replace(last);
        let is_new = |known: &mut Arc<str>| {
            let is_new = known != epoch;
            *known = Arc::clone(epoch);
            is_new
        };
        if self.epoch.send_if_modified(is_new) {
            self.begun.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(last, epoch = %epoch, "the feed has a new history");
        }
    }
}

fn tell_of_loss(known: i64, last: i64, epoch: &str) {
    tracing::error!(
        known,
        last,
        epoch,
        "the feed's counter has gone back: commits were lost; readers are told that a new history begins"
    );
}

impl Store {
    /// What is known now.
    pub fn feed_known(&self) -> FeedKnown {
        self.counter.known()
    }

    /// The number of the last event that is on disk; changes wake the followers.
    pub fn last_sequence(&self) -> watch::Receiver<i64> {
        self.counter.last.subscribe()
    }

    /// How many new histories began since the start.
    pub fn new_histories(&self) -> u64 {
        self.counter.begun.load(Ordering::Relaxed)
    }

    /// Tells of each new history.
    pub fn histories(&self) -> watch::Receiver<Arc<str>> {
        self.counter.epoch.subscribe()
    }

    /// Begins a new history, because numbers that were given away are gone; unless another instance has done
    /// that already.
    pub async fn begin_history(&self, known: &FeedKnown, random: Uuid) -> Result<(), StoreError> {
        let ended = known.clone();
        let (epoch, last) = self
            .write("begin history", Lane::SHARED, move |tx| {
                tx.end_history(&ended, random)?;
                let mut snapshot = tx.snapshot();
                Ok((snapshot.epoch()?, snapshot.last_sequence()?))
            })
            .await?;
        tell_of_loss(known.last, last, &epoch);
        self.enter_history(&epoch.into(), last);
        Ok(())
    }

    /// Goes on with a history that was found in the store.
    pub fn enter_history(&self, epoch: &Arc<str>, last: i64) {
        self.counter.enter(epoch, last);
    }
}
