//! How many requests a reader may have under way at once: open streams, long polls, and answers that it
//! has not taken yet. A client that opens streams and forgets them is turned away at its own limit. Some
//! places are never a reader's: there health and metrics are answered, and problems.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Reader;
use crate::http::internal::problem::ApiError;

/// The places of all readers.
pub struct ReaderPlaces {
    room: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    of_reader: HashMap<String, usize>,
}

/// One place; given back when dropped.
pub struct ReaderPlace {
    places: Arc<ReaderPlaces>,
    reader: String,
}

impl ReaderPlaces {
    /// So many for all of them together.
    pub fn new(room: usize) -> Arc<Self> {
        Arc::new(Self {
            room,
            held: Mutex::default(),
        })
    }

    /// Takes a place for a request of this reader. No reader gets more than half of what all have, whatever
    /// the config says.
    pub(in crate::http) fn take(
        self: &Arc<Self>,
        reader: &Reader,
    ) -> Result<ReaderPlace, ApiError> {
        let most = reader.max_connections.min(self.room.div_ceil(2));
        let mut held = self.held();
        let of_reader = held.of_reader.get(&reader.name).copied().unwrap_or(0);
        if of_reader >= most {
            return Err(ApiError::TooManyConnections(most));
        }
        if held.all >= self.room {
            return Err(ApiError::NoSlot);
        }
        held.all += 1;
        held.of_reader.insert(reader.name.clone(), of_reader + 1);
        Ok(ReaderPlace {
            places: Arc::clone(self),
            reader: reader.name.clone(),
        })
    }

    /// What each reader holds that has ever held any.
    pub(in crate::http) fn in_use(&self) -> Vec<(String, usize)> {
        let held = self.held();
        held.of_reader.clone().into_iter().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReaderPlace {
    fn drop(&mut self) {
        let mut held = self.places.held();
        held.all -= 1;
        if let Some(of_reader) = held.of_reader.get_mut(&self.reader) {
            *of_reader -= 1;
        }
    }
}
