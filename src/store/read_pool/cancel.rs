//! Cancelling a query whose caller has gone: one that waits is skipped, one that runs is interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the caller still waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    is_cancelled: AtomicBool,
    changed: Notify,
}

impl Cancel {
    /// Whether the caller has gone.
    pub(in crate::store) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Ready once the caller has gone.
    pub(in crate::store) async fn cancelled(&self) {
        let changed = self.changed.notified();
        if !self.is_cancelled() {
            changed.await;
        }
    }
}

/// Held by the caller while it waits; its drop cancels the query.
pub(in crate::store) struct Asker(pub Arc<Cancel>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}
