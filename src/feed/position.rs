//! Where a reader is in the feed: a number, and the history that the number counts.

use std::sync::Arc;

use super::Event;
use crate::store::StoreError;

/// A reader's place. Without an epoch it is taken to be one of the present history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of the last event that the reader has seen; 0 before the first.
    pub after: i64,
    /// The history that it was of.
    pub epoch: Option<String>,
}

/// Events of one history, one after the other.
#[derive(Clone, Debug)]
pub struct Page {
    /// The history.
    pub epoch: Arc<str>,
    /// The last number that was seen of it.
    pub last: i64,
    /// Its events after the number that was asked for.
    pub events: Vec<Arc<Event>>,
}

/// Why a reader gets no events.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Its place is of a history that a restore has ended.
    #[error(
        "the place is of another history than {epoch}: the store was restored to an earlier time; read again \
         from the beginning, or from a place that you choose"
    )]
    Restarted {
        /// The present history.
        epoch: String,
        /// Its last number.
        last: i64,
    },
    /// No event has this number yet.
    #[error("the last event is {last}")]
    BeyondLast {
        /// The present history.
        epoch: String,
        /// The last number given away.
        last: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Position {
    /// This number, of whichever history.
    pub fn after(after: i64) -> Self {
        Self { after, epoch: None }
    }

    /// Whether the place is of this history.
    pub(super) fn is_of(&self, epoch: &str) -> bool {
        self.epoch.as_deref().is_none_or(|known| known == epoch)
    }

    /// Checks it against the present history and its last number.
    pub(super) fn check(&self, epoch: &str, last: i64) -> Result<(), FeedError> {
        let is_of = self.is_of(epoch);
        let epoch = || epoch.to_owned();
        if !is_of {
            Err(FeedError::Restarted {
                epoch: epoch(),
                last,
            })
        } else if self.after > last {
            Err(FeedError::BeyondLast {
                epoch: epoch(),
                last,
            })
        } else {
            Ok(())
        }
    }
}
