//! The queue of a lane. Thread wake-ups dominate callback latency, so the consumer states its condition, and
//! producers notify only when that holds.
//!
//! Background jobs piggyback on urgent ones, a group at a time: each commit writes every page that it
//! changed, and applies change many. A single sender would otherwise wait, with each callback, for the pages
//! of the one before. Where both kinds wait, each gets half of the batch, so that a backlog never starves
//! urgent jobs.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::submit::Urgency;
use crate::store::{StoreError, monotonic};

/// Max time for which background jobs wait until they are a group.
const PIGGYBACK_WAIT_MAX: Duration = Duration::from_millis(10);

/// The condition that the writer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Until {
    /// A job of any kind.
    AnyJob,
    /// An urgent job, or a group of background jobs.
    UrgentOrGroup,
    /// This many urgent jobs.
    Urgent(usize),
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Woken {
    /// The condition holds.
    Ready,
    /// The deadline passed first.
    TimedOut,
    /// The queue is closed and empty.
    Closed,
}

/// Jobs of one transaction.
pub(in crate::store) struct Batch<T> {
    /// Background jobs; they run first.
    pub piggybacked: Vec<T>,
    /// Jobs whose callers wait.
    pub urgent: Vec<T>,
    /// Jobs that run after everything that was queued before them.
    pub behind: Vec<T>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            piggybacked: Vec::new(),
            urgent: Vec::new(),
            behind: Vec::new(),
        }
    }
}

impl<T> Batch<T> {
    /// How many there are.
    pub(in crate::store) fn len(&self) -> usize {
        self.piggybacked.len() + self.urgent.len() + self.behind.len()
    }

    /// Keeps the jobs that are wanted.
    pub(in crate::store) fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        for part in [&mut self.piggybacked, &mut self.urgent, &mut self.behind] {
            part.retain(&mut wanted);
        }
    }

    /// All of them, in the order in which they are run.
    pub(in crate::store) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let urgent = self.urgent.iter_mut().chain(&mut self.behind);
        self.piggybacked.iter_mut().chain(urgent)
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(mut self) -> Self::IntoIter {
        self.piggybacked.append(&mut self.urgent);
        self.piggybacked.append(&mut self.behind);
        self.piggybacked.into_iter()
    }
}

/// A queue with one consumer; `capacity.rs` bounds it.
pub(in crate::store) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    urgent: VecDeque<(Instant, T)>,
    background: VecDeque<(Instant, T)>,
    /// Urgent ones that come after all background jobs.
    behind: VecDeque<(Instant, T)>,
    /// Background jobs that are enough to piggyback on the next urgent one.
    group: usize,
    waits_for: Option<Until>,
    closed: bool,
}

impl<T> State<T> {
    fn has(&self, until: Until) -> bool {
        let urgent = self.urgent.len() + self.behind.len();
        match until {
            Until::AnyJob => urgent > 0 || !self.background.is_empty(),
            Until::UrgentOrGroup => urgent > 0 || self.background.len() >= self.group,
            Until::Urgent(count) => urgent >= count,
        }
    }

    fn part(&mut self, urgency: Urgency) -> &mut VecDeque<(Instant, T)> {
        match urgency {
            Urgency::Background => &mut self.background,
            Urgency::Now => &mut self.urgent,
            Urgency::NowWithAll => &mut self.behind,
        }
    }

    /// How many background jobs to take now, in a batch of at most `max`.
    fn piggybacked(&self, max: usize) -> usize {
        let is_over = |(since, _): &(Instant, T)| since.elapsed() >= PIGGYBACK_WAIT_MAX;
        let waiting = self.background.len();
        if self.urgent.is_empty() {
            waiting.min(max)
        } else if !self.behind.is_empty()
            || waiting >= self.group
            || self.background.front().is_some_and(is_over)
        {
            waiting.min(max.div_ceil(2))
        } else {
            0
        }
    }
}

impl<T> Queue<T> {
    /// An empty queue whose background jobs piggyback in groups of this size.
    pub(in crate::store) fn new(group: usize) -> Self {
        Self {
            state: Mutex::new(State {
                urgent: VecDeque::new(),
                background: VecDeque::new(),
                behind: VecDeque::new(),
                group,
                waits_for: None,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds a job, or says why not.
    pub(in crate::store) fn push(&self, job: T, urgency: Urgency) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.part(urgency).push_back((monotonic(), job));
        if state.waits_for.is_some_and(|until| state.has(until)) {
            state.waits_for = None;
            drop(state);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Puts jobs back that were taken and not run, before the others.
    pub(in crate::store) fn give_back(&self, jobs: Vec<T>, urgency: Urgency) {
        let now = monotonic();
        let mut state = self.lock();
        for job in jobs.into_iter().rev() {
            state.part(urgency).push_front((now, job));
        }
    }

    /// Rejects further jobs; those in the queue stay.
    pub(in crate::store) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// When the oldest job of this kind was queued.
    pub(in crate::store) fn oldest(&self, urgency: Urgency) -> Option<Instant> {
        let mut state = self.lock();
        state.part(urgency).front().map(|(since, _)| *since)
    }

    /// Waits for the condition, at most until the deadline.
    pub(in crate::store) fn wait(&self, until: Until, deadline: Instant) -> Woken {
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

    /// Takes the oldest jobs, at most about this many. Jobs that run after all background jobs are taken with
    /// the last of those.
    pub(in crate::store) fn take(&self, max: usize) -> Batch<T> {
        let mut state = self.lock();
        let piggybacked = state.piggybacked(max);
        let piggybacked: Vec<T> = jobs(state.background.drain(..piggybacked));
        let urgent = state
            .urgent
            .len()
            .min(max.saturating_sub(piggybacked.len()));
        let urgent = jobs(state.urgent.drain(..urgent));
        let behind = if state.background.is_empty() {
            jobs(state.behind.drain(..))
        } else {
            Vec::new()
        };
        Batch {
            piggybacked,
            urgent,
            behind,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn jobs<T>(waited: impl Iterator<Item = (Instant, T)>) -> Vec<T> {
    waited.map(|(_, job)| job).collect()
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
        queue.take(max).into_iter().collect()
    }

    #[test]
    fn it_is_first_in_first_out() {
        let queue = Queue::new(9);
        for job in [1, 2] {
            queue.push(job, Urgency::Now).unwrap();
        }
        queue.push(3, Urgency::Background).unwrap();
        assert_eq!(taken(&queue, 1), [1]);
        assert_eq!(taken(&queue, 9), [2]);
        assert_eq!(
            taken(&queue, 9),
            [3],
            "alone, no urgent job is left to piggyback on"
        );
    }

    #[test]
    fn background_jobs_piggyback_in_groups() {
        let queue = Queue::new(3);
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
    fn a_mass_of_background_jobs_leaves_half_of_a_batch_to_urgent_ones() {
        let queue = Queue::new(1);
        for job in 1..=9 {
            queue.push(job, Urgency::Background).unwrap();
        }
        for job in [21, 22, 23] {
            queue.push(job, Urgency::Now).unwrap();
        }
        assert_eq!(taken(&queue, 4), [1, 2, 21, 22]);
        assert_eq!(taken(&queue, 4), [3, 4, 23]);
        assert_eq!(taken(&queue, 4), [5, 6, 7, 8]);
    }

    #[test]
    fn a_job_after_all_others_waits_for_all_of_them_though_they_are_several_batches() {
        let queue = Queue::new(9);
        for job in 1..=5 {
            queue.push(job, Urgency::Background).unwrap();
        }
        queue.push(6, Urgency::NowWithAll).unwrap();
        assert_eq!(taken(&queue, 3), [1, 2, 3]);
        let mut rest = queue.take(3);
        assert_eq!(
            (&rest.piggybacked[..], &rest.behind[..]),
            (&[4, 5][..], &[6][..])
        );
        // Not all of it could be done in this batch, so the job after all others waits on.
        queue.give_back(rest.piggybacked.split_off(1), Urgency::Background);
        queue.give_back(rest.behind, Urgency::NowWithAll);
        assert_eq!(taken(&queue, 3), [5, 6]);
        queue.push(7, Urgency::Background).unwrap();
        queue.push(8, Urgency::Now).unwrap();
        assert_eq!(
            taken(&queue, 3),
            [8],
            "no job waits for all others any more"
        );
    }

    #[test]
    fn a_background_job_piggybacks_alone_when_it_has_waited_long_enough() {
        let queue = Queue::new(9);
        queue.push(1, Urgency::Background).unwrap();
        let waited = queue.wait(Until::Urgent(1), monotonic() + PIGGYBACK_WAIT_MAX);
        assert_eq!(waited, Woken::TimedOut);
        queue.push(2, Urgency::Now).unwrap();
        assert_eq!(taken(&queue, 9), [1, 2]);
    }

    #[test]
    fn only_what_is_waited_for_ends_the_waiting() {
        let queue = Queue::new(9);
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
    fn a_group_of_background_jobs_is_waited_for_no_longer() {
        let queue = Queue::new(2);
        queue.push(1, Urgency::Background).unwrap();
        assert_eq!(queue.wait(Until::UrgentOrGroup, soon()), Woken::TimedOut);
        queue.push(2, Urgency::Background).unwrap();
        assert_eq!(queue.wait(Until::UrgentOrGroup, late()), Woken::Ready);
    }

    #[test]
    fn a_sleeper_is_woken_by_the_job_it_waits_for_and_by_the_end() {
        for until in [
            Until::AnyJob,
            Until::UrgentOrGroup,
            Until::Urgent(1),
            Until::Urgent(2),
        ] {
            let queue = Arc::new(Queue::new(9));
            let pushed = Arc::clone(&queue);
            let sender = std::thread::spawn(move || {
                pushed.push(1, Urgency::Background).unwrap();
                pushed.push(2, Urgency::Now).unwrap();
                pushed.push(3, Urgency::NowWithAll).unwrap();
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
