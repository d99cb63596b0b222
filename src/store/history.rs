//! Which history the feed's numbers count, as this process knows it. A restore to an earlier time, or a standby
//! that lacked the last commits, ends a history: its last numbers are given away again, to other events.

use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use super::{Lane, Store, StoreError, raise};

/// What is known of the feed.
#[derive(Clone, Debug)]
pub struct FeedKnown {
    /// The history.
    pub epoch: Arc<str>,
    /// Its last number that is on disk.
    pub last: i64,
}

impl Store {
    /// What is known now.
    pub fn feed_known(&self) -> FeedKnown {
        // In this order: the number is never one of a history before this one.
        let epoch = Arc::clone(&self.epoch.borrow());
        let last = *self.sequence.borrow();
        FeedKnown { epoch, last }
    }

    /// Tells of each new history.
    pub fn histories(&self) -> watch::Receiver<Arc<str>> {
        self.epoch.subscribe()
    }

    /// Begins a new history, because numbers that were given away are gone; unless another instance has done
    /// that already.
    pub async fn begin_history(&self, known: &FeedKnown, random: Uuid) -> Result<(), StoreError> {
        let ended = Arc::clone(&known.epoch);
        let (epoch, last) = self
            .write("begin history", Lane::ORDERS, move |tx| {
                if tx.snapshot().epoch()? == *ended {
                    tx.renew_epoch(random)?;
                }
                let mut snapshot = tx.snapshot();
                Ok((snapshot.epoch()?, snapshot.last_sequence()?))
            })
            .await?;
        tracing::error!(
            known = known.last,
            last,
            epoch,
            "the feed's counter has gone back: commits were lost; readers are told that a new history begins"
        );
        self.enter_history(&epoch.into(), last);
        Ok(())
    }

    /// Goes on with a history that was found in the store.
    pub fn enter_history(&self, epoch: &Arc<str>, last: i64) {
        if *self.epoch.borrow() == *epoch {
            return raise(&self.sequence, last);
        }
        self.sequence.send_replace(last);
        let is_new = |known: &mut Arc<str>| {
            let is_new = known != epoch;
            *known = Arc::clone(epoch);
            is_new
        };
        if self.epoch.send_if_modified(is_new) {
            tracing::warn!(last, epoch = %epoch, "the feed has a new history");
        }
    }
}
