//! Limits how many requests a reader has in flight: open streams, long polls, and responses that it has not read
//! yet. A client that leaks streams is rejected at its own limit. The listener keeps some connections that no slot
//! of a reader covers, for health, metrics and problems.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Reader;
use crate::http::internal::problem::ApiError;

/// The slots of all readers together.
pub struct ConnectionSlots {
    capacity: usize,
    all: Arc<AtomicUsize>,
    /// Slots in use of each reader that ever took one. They are taken under this lock, and freed without it.
    of_reader: Mutex<HashMap<String, Arc<AtomicUsize>>>,
}

/// One request in flight; dropping it frees the slot.
pub struct ConnectionSlot {
    all: Arc<AtomicUsize>,
    of_reader: Arc<AtomicUsize>,
}

impl ConnectionSlots {
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            all: Arc::default(),
            of_reader: Mutex::default(),
        })
    }

    /// Takes a slot for a request of this reader. No reader gets more than half of all slots, whatever the
    /// config says.
    pub(in crate::http) fn take(&self, reader: &Reader) -> Result<ConnectionSlot, ApiError> {
        self.take_for(&reader.name, reader.max_connections)
    }

    /// The same for a user of the console, by name.
    pub(crate) fn take_for(
        &self,
        name: &str,
        max_connections: usize,
    ) -> Result<ConnectionSlot, ApiError> {
        let most = max_connections.min(self.capacity.div_ceil(2));
        let mut all_readers = self.lock();
        let of_reader = match all_readers.get(name) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(all_readers.entry(name.to_owned()).or_default()),
        };
        if of_reader.load(Ordering::Acquire) >= most {
            return Err(ApiError::TooManyConnections(most));
        }
        if self.all.load(Ordering::Acquire) >= self.capacity {
            return Err(ApiError::NoSlot);
        }
        for count in [&self.all, &of_reader] {
            count.fetch_add(1, Ordering::AcqRel);
        }
        Ok(ConnectionSlot {
            all: Arc::clone(&self.all),
            of_reader,
        })
    }

    /// Slots in use, of each reader that ever took one.
    pub(in crate::http) fn in_use(&self) -> Vec<(String, usize)> {
        let all_readers = self.lock();
        let counts = all_readers.iter();
        counts
            .map(|(name, count)| (name.clone(), count.load(Ordering::Acquire)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<AtomicUsize>>> {
        let locked = self.of_reader.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        for count in [&self.all, &self.of_reader] {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
