//! Filling the tail: one read of the store for all who ask at the same time.
//!
//! Whoever asks must get everything that was committed when it asked, so a read that had begun before is
//! not enough: it waits for the next one. However many ask, two reads serve them all.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::Feed;
use crate::store::StoreError;

/// Events that one read of the store brings into the tail.
pub(super) const FILL: u32 = 1_000;

/// The fills of a tail, numbered as they begin.
#[derive(Default)]
pub(super) struct Fills {
    begun: AtomicU64,
    /// Held by whoever fills; the others wait for what it brings.
    last: Mutex<Fill>,
}

/// The last fill that has ended.
struct Fill {
    number: u64,
    result: Result<(), StoreError>,
}

impl Default for Fill {
    fn default() -> Self {
        Self {
            number: 0,
            result: Ok(()),
        }
    }
}

impl Feed {
    /// Brings everything into the tail that is committed now; less, if somebody else has brought enough
    /// meanwhile. Where the tail has been left behind it begins anew at `after`.
    pub(super) async fn fill(
        &self,
        after: i64,
        is_enough: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        let asked = self.fills.begun.load(Ordering::SeqCst);
        let mut last = self.fills.last.lock().await;
        if last.number > asked {
            return last.result.clone(); // It began after we asked.
        }
        if is_enough() {
            return Ok(());
        }
        let number = 1 + self.fills.begun.fetch_add(1, Ordering::SeqCst);
        let result = self.read_on(after).await;
        *last = Fill {
            number,
            result: result.clone(),
        };
        result
    }

    /// Reads from the end of the tail to the end of the feed.
    async fn read_on(&self, after: i64) -> Result<(), StoreError> {
        let last = self.last();
        self.tail().start_over_if_far(after.min(last), last);
        loop {
            let from = self.tail().end();
            let events = self.read(from, FILL).await?;
            let is_all = events.len() < FILL as usize;
            self.tail().append(events);
            if is_all {
                return Ok(());
            }
        }
    }
}
