//! Filling the tail: concurrent readers share one read of the store.
//!
//! A reader must get everything that was committed when it asked, so it cannot use a read that began before:
//! it waits for the next one. Two reads serve any number of concurrent readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::tail::Tail;
use super::{Event, Feed, Page};
use crate::store::StoreError;

/// Events per read of the store.
pub(super) const FILL: u32 = 1_000;

/// The fills of a tail, numbered in the order in which they begin.
#[derive(Default)]
pub(super) struct FillQueue {
    begun: AtomicU64,
    /// Held by the reader that fills; the others wait for its result.
    last: Mutex<Fill>,
}

/// The last finished fill.
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
    /// Reads everything into the tail that is committed now; less, if a concurrent fill has brought enough. A
    /// tail that is too far behind the feed starts over at `after`.
    pub(super) async fn fill(
        &self,
        after: i64,
        is_enough: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        let asked = self.fills.begun.load(Ordering::SeqCst);
        let mut last = self.fills.last.lock().await;
        if last.number > asked {
            return last.result.clone(); // That fill began after we asked.
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
            let seen = self.look(from, FILL).await?;
            let is_all = seen.events.len() < FILL as usize;
            let mut tail = self.tail();
            if *tail.epoch() != seen.epoch {
                *tail = Tail::at(seen.last, seen.epoch);
                return Ok(());
            }
            tail.append(seen.events);
            if is_all {
                return Ok(());
            }
        }
    }

    /// Reads events and their history. A counter that has gone back means that the store was restored, even
    /// if its epoch is the same: begins a new history.
    pub(super) async fn look(&self, after: i64, limit: u32) -> Result<Page, StoreError> {
        loop {
            let known = self.store.feed_known();
            let (epoch, last, rows) = self
                .store
                .read(move |snapshot| {
                    let rows = snapshot.events_after(after, limit)?;
                    Ok((snapshot.epoch()?, snapshot.last_sequence()?, rows))
                })
                .await?;
            if *epoch == *known.epoch && last < known.last {
                self.store
                    .begin_history(&known, self.clock.new_uuid())
                    .await?;
                continue;
            }
            let epoch: Arc<str> = epoch.into();
            if epoch != known.epoch {
                self.store.enter_history(&epoch, last);
            }
            let events = rows
                .iter()
                .map(|row| Event::new(row, &epoch).map(Arc::new))
                .collect::<Result<_, _>>()?;
            return Ok(Page {
                epoch,
                last,
                events,
            });
        }
    }
}
