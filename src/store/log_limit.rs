//! Log lines that would come by the thousand: one a second of each cause, or one in a longer time, with the
//! number of those kept back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::monotonic;

/// Longest time for which lines are kept back where nothing else is said.
const PAUSE: Duration = Duration::from_secs(1);

/// One cause of log lines.
#[derive(Debug)]
pub struct LogLimit {
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    said_at: Option<Instant>,
    kept_back: u64,
}

impl LogLimit {
    /// A cause that was not logged yet.
    pub const fn new() -> Self {
        Self::every(PAUSE)
    }

    /// The same with at most one line in this time.
    pub const fn every(pause: Duration) -> Self {
        Self {
            pause,
            state: Mutex::new(State {
                said_at: None,
                kept_back: 0,
            }),
        }
    }

    /// Whether a line may be logged now, and how many were not since the last one.
    pub fn may_say(&self) -> Option<u64> {
        self.may_say_at(monotonic())
    }

    fn may_say_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .said_at
            .is_some_and(|at| now.duration_since(at) < self.pause)
        {
            state.kept_back += 1;
            return None;
        }
        state.said_at = Some(now);
        Some(std::mem::take(&mut state.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_tells_of_those_that_were_kept_back() {
        let (hush, began) = (LogLimit::new(), monotonic());
        assert_eq!(hush.may_say_at(began), Some(0));
        assert_eq!(
            (hush.may_say_at(began), hush.may_say_at(began)),
            (None, None)
        );
        assert_eq!(hush.may_say_at(began + PAUSE), Some(2));
    }

    #[test]
    fn a_longer_pause_is_kept_to_the_second() {
        let (hush, began) = (LogLimit::every(Duration::from_secs(60)), monotonic());
        let at = |second| hush.may_say_at(began + Duration::from_secs(second));
        assert_eq!(at(0), Some(0));
        assert_eq!([at(1), at(59)], [None, None]);
        assert_eq!(at(60), Some(2));
        assert_eq!(at(61), None);
    }
}
