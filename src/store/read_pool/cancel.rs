//! Giving up a query whose asker has gone: one that waits is passed over, one that runs is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Says whether somebody still waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    is_cancelled: AtomicBool,
    changed: Notify,
}

impl Cancel {
    /// Whether nobody waits any more.
    pub(in crate::store) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Ready once nobody waits any more.
    pub(in crate::store) async fn cancelled(&self) {
        let changed = self.changed.notified();
        if !self.is_cancelled() {
            changed.await;
        }
    }
}

/// Whoever waits for an answer holds this; dropped with the waiting, it cancels the query.
pub(in crate::store) struct Asker(pub Arc<Cancel>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}
