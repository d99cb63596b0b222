//! Log lines that would come by the thousand: one a second of each cause, with the number of those kept back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::monotonic;

/// Longest time for which lines are kept back.
const PAUSE: Duration = Duration::from_secs(1);

/// One cause of log lines.
#[derive(Debug)]
pub struct Hush(Mutex<State>);

#[derive(Debug)]
struct State {
    said_at: Option<Instant>,
    kept_back: u64,
}

impl Hush {
    /// A cause that was not logged yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            said_at: None,
            kept_back: 0,
        }))
    }

    /// Whether a line may be logged now, and how many were not since the last one.
    pub fn may_say(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said_at.is_some_and(|at| at.elapsed() < PAUSE) {
            state.kept_back += 1;
            return None;
        }
        state.said_at = Some(monotonic());
        Some(std::mem::take(&mut state.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_tells_of_those_that_were_kept_back() {
        let hush = Hush::new();
        assert_eq!(hush.may_say(), Some(0));
        assert_eq!((hush.may_say(), hush.may_say()), (None, None));
        std::thread::sleep(PAUSE);
        assert_eq!(hush.may_say(), Some(2));
    }
}
