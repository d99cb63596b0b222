//! The writer's queue. Waking a sleeping thread is the dearest thing on a callback's way, so the one
//! who waits says what it waits for, and whoever adds a job wakes it only when that is there.
//!
//! Jobs that nobody waits for ride along with urgent ones, but a group at a time: each commit writes
//! every page that it changed, and settling changes many. A single sender at a time would otherwise
//! wait, with each of its callbacks, for the pages of the one before it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{StoreError, Urgency, monotonic};

/// Longest time for which background jobs wait until they are enough to ride along.
const RIDES_WAIT: Duration = Duration::from_millis(10);

/// What the writer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// A job of any kind.
    AnyJob,
    /// This many jobs that somebody waits for.
    Urgent(usize),
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
    /// So many background jobs ride along with the next urgent one.
    group: usize,
}

struct State<T> {
    urgent: VecDeque<T>,
    background: VecDeque<T>,
    /// Since when the background jobs wait.
    waiting_since: Option<Instant>,
    /// Whether somebody waits for the background jobs, too.
    all_are_wanted: bool,
    waits_for: Option<Until>,
    closed: bool,
}

impl<T> State<T> {
    fn has(&self, until: Until) -> bool {
        match until {
            Until::AnyJob => !self.urgent.is_empty() || !self.background.is_empty(),
            Until::Urgent(count) => self.urgent.len() >= count,
        }
    }

    fn add(&mut self, job: T, urgency: Urgency) {
        match urgency {
            Urgency::Background => {
                self.waiting_since.get_or_insert_with(monotonic);
                self.background.push_back(job);
            }
            Urgency::Now => self.urgent.push_back(job),
            Urgency::NowWithAll => {
                self.urgent.push_back(job);
                self.all_are_wanted = true;
            }
        }
    }

    /// Whether the background jobs are to be taken now.
    fn rides(&self, group: usize) -> bool {
        let is_over = |since: Instant| since.elapsed() >= RIDES_WAIT;
        self.urgent.is_empty()
            || self.all_are_wanted
            || self.background.len() >= group
            || self.waiting_since.is_some_and(is_over)
    }
}

impl<T> Queue<T> {
    /// An empty queue for this many jobs, whose background jobs ride along in groups of this size.
    pub(super) fn new(max: usize, group: usize) -> Self {
        Self {
            state: Mutex::new(State {
                urgent: VecDeque::new(),
                background: VecDeque::new(),
                waiting_since: None,
                all_are_wanted: false,
                waits_for: None,
                closed: false,
            }),
            changed: Condvar::new(),
            max,
            group,
        }
    }

    /// Adds a job, or says why not.
    pub(super) fn push(&self, job: T, urgency: Urgency) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.urgent.len() + state.background.len() >= self.max {
            return Err(StoreError::QueueFull);
        }
        state.add(job, urgency);
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
            let left = deadline.saturating_duration_since(monotonic());
            if left == Duration::ZERO {
                state.waits_for = None;
                return Woken::TimedOut;
            }
            state.waits_for = Some(until);
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the oldest jobs, at most this many; background jobs, where they ride along, before urgent
    /// ones, so that whoever waits for all has all. Gives the number of urgent ones.
    pub(super) fn take(&self, max: usize, into: &mut Vec<T>) -> usize {
        let mut state = self.lock();
        let mut rides = 0;
        if state.rides(self.group) {
            rides = state.background.len().min(max);
            into.extend(state.background.drain(..rides));
            if state.background.is_empty() {
                state.waiting_since = None;
                state.all_are_wanted = false;
            }
        }
        let urgent = state.urgent.len().min(max - rides);
        into.extend(state.urgent.drain(..urgent));
        urgent
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
        monotonic() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        monotonic() + Duration::from_secs(20)
    }

    fn taken(queue: &Queue<u8>, max: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        queue.take(max, &mut taken);
        taken
    }

    #[test]
    fn it_is_first_in_first_out_and_bounded() {
        let queue = Queue::new(3, 9);
        for job in [1, 2] {
            queue.push(job, Urgency::Now).unwrap();
        }
        queue.push(3, Urgency::Background).unwrap();
        assert!(matches!(
            queue.push(4, Urgency::Now),
            Err(StoreError::QueueFull)
        ));
        assert_eq!(taken(&queue, 1), [1]);
        assert_eq!(taken(&queue, 9), [2]);
        assert_eq!(taken(&queue, 9), [3], "alone, nothing is left to ride with");
    }

    #[test]
    fn background_jobs_ride_along_in_groups() {
        let queue = Queue::new(9, 3);
        for job in [1, 2] {
            queue.push(job, Urgency::Background).unwrap();
        }
        queue.push(8, Urgency::Now).unwrap();
        assert_eq!(taken(&queue, 9), [8]);
        queue.push(3, Urgency::Background).unwrap();
        queue.push(9, Urgency::Now).unwrap();
        assert_eq!(taken(&queue, 9), [1, 2, 3, 9]);
    }

    #[test]
    fn whoever_waits_for_all_gets_all_though_it_is_more_than_one_batch() {
        let queue = Queue::new(99, 9);
        for job in 1..=5 {
            queue.push(job, Urgency::Background).unwrap();
        }
        queue.push(6, Urgency::NowWithAll).unwrap();
        assert_eq!(taken(&queue, 3), [1, 2, 3]);
        assert_eq!(taken(&queue, 3), [4, 5, 6]);
        queue.push(7, Urgency::Background).unwrap();
        queue.push(8, Urgency::Now).unwrap();
        assert_eq!(taken(&queue, 3), [8], "nobody waits for all any more");
    }

    #[test]
    fn a_background_job_rides_along_when_it_has_waited_long_enough() {
        let queue = Queue::new(9, 9);
        queue.push(1, Urgency::Background).unwrap();
        let waited = queue.wait(Until::Urgent(1), monotonic() + RIDES_WAIT);
        assert_eq!(waited, Woken::TimedOut);
        queue.push(2, Urgency::Now).unwrap();
        assert_eq!(taken(&queue, 9), [1, 2]);
    }

    #[test]
    fn only_what_is_waited_for_ends_the_waiting() {
        let queue = Queue::new(9, 9);
        assert_eq!(queue.wait(Until::AnyJob, soon()), Woken::TimedOut);
        queue.push(1, Urgency::Background).unwrap();
        assert_eq!(queue.wait(Until::AnyJob, late()), Woken::Ready);
        assert_eq!(queue.wait(Until::Urgent(1), soon()), Woken::TimedOut);
        queue.push(2, Urgency::Now).unwrap();
        assert_eq!(queue.wait(Until::Urgent(1), late()), Woken::Ready);
        assert_eq!(queue.wait(Until::Urgent(2), soon()), Woken::TimedOut);
        queue.push(3, Urgency::Now).unwrap();
        assert_eq!(queue.wait(Until::Urgent(2), late()), Woken::Ready);
    }

    #[test]
    fn a_sleeper_is_woken_by_the_job_it_waits_for_and_by_the_end() {
        for until in [Until::AnyJob, Until::Urgent(1), Until::Urgent(2)] {
            let queue = Arc::new(Queue::new(9, 9));
            let pushed = Arc::clone(&queue);
            let sender = std::thread::spawn(move || {
                pushed.push(1, Urgency::Background).unwrap();
                pushed.push(2, Urgency::Now).unwrap();
                pushed.push(3, Urgency::NowWithAll).unwrap();
            });
            assert_eq!(queue.wait(until, late()), Woken::Ready, "{until:?}");
            sender.join().unwrap();
        }
        let queue = Arc::new(Queue::<u8>::new(9, 9));
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
