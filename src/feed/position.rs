//! A cursor in the feed: an event number and the history (epoch) that it belongs to.

use std::sync::Arc;

use super::Event;
use crate::store::StoreError;

/// A reader's cursor. Without an epoch it is taken to be of the present history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last event that the reader has seen; 0 before the first.
    pub after: i64,
    pub epoch: Option<String>,
}

/// Consecutive events of one history.
#[derive(Clone, Debug)]
pub struct Page {
    pub epoch: Arc<str>,
    /// The last number of the history at the time of the read.
    pub last: i64,
    pub events: Vec<Arc<Event>>,
}

/// Why a cursor is rejected.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The cursor is of a history that a restore has ended.
    #[error(
        "the cursor is of another history than {epoch}: the store was restored to an earlier time; read again \
         from the beginning, or from a cursor that you choose"
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
        /// The last number in use.
        last: i64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Position {
    /// A cursor without an epoch.
    pub fn after(after: i64) -> Self {
        Self { after, epoch: None }
    }

    pub(super) fn is_of(&self, epoch: &str) -> bool {
        self.epoch.as_deref().is_none_or(|known| known == epoch)
    }

    /// Checks the cursor against the present history and its last number.
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
