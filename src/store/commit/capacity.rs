//! Backpressure: how much may wait in the queues, over all lanes, by jobs and by the bytes that they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::StoreError;

/// The bound for jobs of one kind.
#[derive(Debug)]
pub(in crate::store) struct Capacity {
    jobs: AtomicUsize,
    bytes: AtomicUsize,
    jobs_max: usize,
    bytes_max: usize,
}

/// The slot of one job; given back when dropped.
#[derive(Debug)]
pub(in crate::store) struct Slot {
    capacity: Arc<Capacity>,
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

    /// A slot for a job that holds this many bytes, if there is one.
    pub(in crate::store) fn take(self: &Arc<Self>, bytes: usize) -> Result<Slot, StoreError> {
        let jobs = self.jobs.fetch_add(1, Ordering::AcqRel);
        let held = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        // Counted first and given back by the drop, so that two callers never share the last slot.
        let slot = Slot {
            capacity: Arc::clone(self),
            bytes,
        };
        if jobs >= self.jobs_max || held.saturating_add(bytes) > self.bytes_max {
            return Err(StoreError::QueueFull);
        }
        Ok(slot)
    }

    /// Jobs that hold a slot.
    pub(in crate::store) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.capacity.jobs.fetch_sub(1, Ordering::AcqRel);
        self.capacity.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_ends_by_jobs_or_by_bytes_until_a_slot_is_given_back() {
        let capacity = Capacity::new(2, 10);
        let first = capacity.take(4).unwrap();
        let second = capacity.take(6).unwrap();
        assert!(
            matches!(capacity.take(0), Err(StoreError::QueueFull)),
            "jobs"
        );
        drop(second);
        assert!(
            matches!(capacity.take(7), Err(StoreError::QueueFull)),
            "bytes"
        );
        assert_eq!(capacity.jobs(), 1, "what was rejected holds nothing");
        drop(first);
        assert!(capacity.take(10).is_ok());
    }
}
