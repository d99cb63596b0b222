//! Limits how many requests a reader has in flight: open streams, long polls, and responses that it has not read
//! yet. A client that leaks streams is rejected at its own limit. The listener keeps some connections that no slot
//! of a reader covers, for health, metrics and problems.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Reader;
use crate::http::internal::problem::ApiError;

/// The slots of all readers together.
pub struct ConnectionSlots {
    capacity: usize,
    in_use: Mutex<InUse>,
}

#[derive(Default)]
struct InUse {
    all: usize,
    of_reader: HashMap<String, usize>,
}

/// One request in flight; dropping it frees the slot.
pub struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    reader: String,
}

impl ConnectionSlots {
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            in_use: Mutex::default(),
        })
    }

    /// Takes a slot for a request of this reader. No reader gets more than half of all slots, whatever the
    /// config says.
    pub(in crate::http) fn take(
        self: &Arc<Self>,
        reader: &Reader,
    ) -> Result<ConnectionSlot, ApiError> {
        self.take_for(&reader.name, reader.max_connections)
    }

    /// The same for a user of the console, by name.
    pub(crate) fn take_for(
        self: &Arc<Self>,
        name: &str,
        max_connections: usize,
    ) -> Result<ConnectionSlot, ApiError> {
        let most = max_connections.min(self.capacity.div_ceil(2));
        let mut in_use = self.lock();
        let of_reader = in_use.of_reader.get(name).copied().unwrap_or(0);
        if of_reader >= most {
            return Err(ApiError::TooManyConnections(most));
        }
        if in_use.all >= self.capacity {
            return Err(ApiError::NoSlot);
        }
        in_use.all += 1;
        in_use.of_reader.insert(name.to_owned(), of_reader + 1);
        Ok(ConnectionSlot {
            slots: Arc::clone(self),
            reader: name.to_owned(),
        })
    }

    /// Slots in use, of each reader that ever took one.
    pub(in crate::http) fn in_use(&self) -> Vec<(String, usize)> {
        let in_use = self.lock();
        in_use.of_reader.clone().into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut in_use = self.slots.lock();
        in_use.all -= 1;
        if let Some(of_reader) = in_use.of_reader.get_mut(&self.reader) {
            *of_reader -= 1;
        }
    }
}
