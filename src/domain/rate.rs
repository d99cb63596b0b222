//! The generic cell rate algorithm (GCRA): a rate limit with a burst, with one number of state. The state is the
//! theoretical arrival time: when all that was taken is regained.

use std::time::Duration;

/// A rate with its burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds in which one is regained.
    step: u64,
    /// Nanoseconds in which the whole burst is.
    window: u64,
}

impl Rate {
    /// One is regained in `step`, the whole burst in `window`.
    pub const fn new(step: Duration, window: Duration) -> Self {
        Self {
            step: nanos(step),
            window: nanos(window),
        }
    }

    /// Takes one at `now`, a count of nanoseconds: the next state, or how long until one is regained. A state
    /// of a clock that was set back since counts as the whole burst.
    pub fn take(self, free_at: u64, now: u64) -> Result<u64, Duration> {
        let end = self.latest(now);
        let next = free_at.clamp(now, end).saturating_add(self.step);
        if next <= end {
            Ok(next)
        } else {
            Err(Duration::from_nanos(next - end))
        }
    }

    /// The greatest state at `now`: the whole burst is taken.
    pub const fn latest(self, now: u64) -> u64 {
        now.saturating_add(self.window)
    }

    /// The state after so many that were taken are given back.
    pub fn give_back(self, free_at: u64, unused: u64) -> u64 {
        free_at.saturating_sub(self.step.saturating_mul(unused))
    }

    /// How many could follow at once.
    pub fn remaining(self, free_at: u64, now: u64) -> u64 {
        self.latest(now).saturating_sub(free_at.max(now)) / self.step.max(1)
    }
}

/// 64 bits hold five centuries.
#[expect(
    clippy::cast_possible_truncation,
    reason = "five centuries of nanoseconds fit"
)]
pub const fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_can_be_taken_at_once_and_comes_back_one_by_one() {
        let rate = Rate::new(Duration::from_nanos(10), Duration::from_nanos(30));
        let mut state = 0;
        for _ in 0..3 {
            state = rate.take(state, 1_000).unwrap();
        }
        assert_eq!(rate.remaining(state, 1_000), 0);
        assert_eq!(rate.take(state, 1_000), Err(Duration::from_nanos(10)));
        assert_eq!(rate.take(state, 1_009), Err(Duration::from_nanos(1)));
        assert!(rate.take(state, 1_010).is_ok());
        assert_eq!(rate.remaining(rate.give_back(state, 2), 1_000), 2);
    }

    #[test]
    fn a_clock_set_back_is_forgotten_within_a_window() {
        let rate = Rate::new(Duration::from_nanos(10), Duration::from_nanos(30));
        let state = rate.take(0, 1_000_000).unwrap();
        assert_eq!(rate.take(state, 5), Err(Duration::from_nanos(10)));
    }
}
