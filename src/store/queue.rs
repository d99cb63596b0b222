//! The writer's queue. Waking a sleeping thread is the dearest thing on a callback's way, so the one
//! who waits says what it waits for, and whoever adds a job wakes it only when that is there.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{StoreError, Urgency};

/// What the writer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// A job of any kind.
    AnyJob,
    /// A job that somebody waits for.
    UrgentJob,
    /// This many jobs.
    Jobs(usize),
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// It is there.
    Ready,
    /// Time is over.
    TimedOut,
    /// Nobody can add a job any more.
    Closed,
}

/// A bounded queue with one taker.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    max: usize,
}

struct State<T> {
    jobs: VecDeque<T>,
    urgent: usize,
    waits_for: Option<Until>,
    closed: bool,
}

impl<T> State<T> {
    fn has(&self, until: Until) -> bool {
        match until {
            Until::AnyJob => !self.jobs.is_empty(),
            Until::UrgentJob => self.urgent > 0,
            Until::Jobs(count) => self.jobs.len() >= count,
        }
    }
}

impl<T> Queue<T> {
    /// An empty queue for this many jobs.
    pub(super) fn new(max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                urgent: 0,
                waits_for: None,
                closed: false,
            }),
            changed: Condvar::new(),
            max,
        }
    }

    /// Adds a job, or says why not.
    pub(super) fn push(&self, job: T, urgency: Urgency) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.jobs.len() >= self.max {
            return Err(StoreError::QueueFull);
        }
        state.jobs.push_back(job);
        state.urgent += usize::from(urgency == Urgency::Now);
        if state.waits_for.is_some_and(|until| state.has(until)) {
            state.waits_for = None;
            drop(state);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Refuses further jobs; those in the queue stay.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits until it is there, but not beyond the deadline.
    pub(super) fn wait(&self, until: Until, deadline: Instant) -> Woken {
        let mut state = self.lock();
        loop {
            if state.has(until) {
                state.waits_for = None;
                return Woken::Ready;
            }
            if state.closed {
                return Woken::Closed;
            }
            let left = deadline.saturating_duration_since(super::monotonic());
            if left == Duration::ZERO {
                state.waits_for = None;
                return Woken::TimedOut;
            }
            state.waits_for = Some(until);
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the oldest jobs, at most this many.
    pub(super) fn take(&self, max: usize, into: &mut Vec<T>) {
        let mut state = self.lock();
        let count = state.jobs.len().min(max);
        into.extend(state.jobs.drain(..count));
        // What stays behind is waited for all the same: a batch that was full is followed at once.
        state.urgent = state.jobs.len();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn soon() -> Instant {
        super::super::monotonic() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        super::super::monotonic() + Duration::from_secs(20)
    }

    #[test]
    fn it_is_first_in_first_out_and_bounded() {
        let queue = Queue::new(2);
        queue.push(1, Urgency::Background).unwrap();
        queue.push(2, Urgency::Now).unwrap();
        assert!(matches!(
            queue.push(3, Urgency::Now),
            Err(StoreError::QueueFull)
        ));
        let mut taken = Vec::new();
        queue.take(1, &mut taken);
        queue.take(9, &mut taken);
        assert_eq!(taken, [1, 2]);
    }

    #[test]
    fn only_what_is_waited_for_ends_the_waiting() {
        let queue = Queue::new(9);
        assert_eq!(queue.wait(Until::AnyJob, soon()), Woken::TimedOut);
        queue.push(1, Urgency::Background).unwrap();
        assert_eq!(queue.wait(Until::AnyJob, late()), Woken::Ready);
        assert_eq!(queue.wait(Until::UrgentJob, soon()), Woken::TimedOut);
        assert_eq!(queue.wait(Until::Jobs(2), soon()), Woken::TimedOut);
        queue.push(2, Urgency::Now).unwrap();
        assert_eq!(queue.wait(Until::UrgentJob, late()), Woken::Ready);
        assert_eq!(queue.wait(Until::Jobs(2), late()), Woken::Ready);
    }

    #[test]
    fn a_sleeper_is_woken_by_the_job_it_waits_for_and_by_the_end() {
        for until in [Until::AnyJob, Until::UrgentJob, Until::Jobs(2)] {
            let queue = Arc::new(Queue::new(9));
            let pushed = Arc::clone(&queue);
            let sender = std::thread::spawn(move || {
                pushed.push(1, Urgency::Background).unwrap();
                pushed.push(2, Urgency::Now).unwrap();
            });
            assert_eq!(queue.wait(until, late()), Woken::Ready, "{until:?}");
            sender.join().unwrap();
        }
        let queue = Arc::new(Queue::<u8>::new(9));
        let closed = Arc::clone(&queue);
        let other = std::thread::spawn(move || closed.close());
        assert_eq!(queue.wait(Until::AnyJob, late()), Woken::Closed);
        other.join().unwrap();
        assert!(matches!(
            queue.push(1, Urgency::Now),
            Err(StoreError::Closed)
        ));
    }
}
