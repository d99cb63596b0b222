//! How much may wait in the queues: counted over all lanes, by jobs and by the bytes that they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::StoreError;

/// Places for jobs of one kind.
#[derive(Debug)]
pub(in crate::store) struct Capacity {
    jobs: AtomicUsize,
    bytes: AtomicUsize,
    jobs_max: usize,
    bytes_max: usize,
}

/// The place of one job; given back when dropped.
#[derive(Debug)]
pub(in crate::store) struct Place {
    room: Arc<Capacity>,
    bytes: usize,
}

impl Capacity {
    pub(in crate::store) fn new(jobs_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            jobs: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            jobs_max,
            bytes_max,
        })
    }

    /// A place for a job that holds this many bytes, if there is one.
    pub(in crate::store) fn take(self: &Arc<Self>, bytes: usize) -> Result<Place, StoreError> {
        let jobs = self.jobs.fetch_add(1, Ordering::AcqRel);
        let held = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        // Counted first and given back by the drop, so that two callers never share the last place.
        let place = Place {
            room: Arc::clone(self),
            bytes,
        };
        if jobs >= self.jobs_max || held.saturating_add(bytes) > self.bytes_max {
            return Err(StoreError::QueueFull);
        }
        Ok(place)
    }

    /// Jobs that hold a place.
    pub(in crate::store) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.jobs.fetch_sub(1, Ordering::AcqRel);
        self.room.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_full_by_jobs_or_by_bytes_until_a_place_is_given_back() {
        let room = Capacity::new(2, 10);
        let first = room.take(4).unwrap();
        let second = room.take(6).unwrap();
        assert!(matches!(room.take(0), Err(StoreError::QueueFull)), "jobs");
        drop(second);
        assert!(matches!(room.take(7), Err(StoreError::QueueFull)), "bytes");
        assert_eq!(room.jobs(), 1, "what was refused holds nothing");
        drop(first);
        assert!(room.take(10).is_ok());
    }
}
