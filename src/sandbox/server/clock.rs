//! The sandbox's clock: the machine's, one that runs faster, or one that is moved by hand.

use std::time::Duration;

use crate::domain::time::{Clock as _, SystemClock};

/// How much faster [`Pace::Fast`] is.
const FAST: i64 = 60;
/// Longest step of a clock that is moved by hand.
const ADVANCE_MAX: i64 = 400 * 24 * 3_600_000;

/// The end of the year 9999: no time after it can be written.
const END: i64 = 253_402_300_799_000;

/// How the clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Real,
    /// 60 times as fast.
    Fast,
    /// Moves only by `POST /sandbox/clock`.
    Manual,
}

impl Pace {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Fast => "fast",
            Self::Manual => "manual",
        }
    }
}

/// Milliseconds since the epoch.
#[derive(Debug)]
pub struct SandboxClock {
    pace: Pace,
    /// By the machine's clock.
    started: i64,
    base: i64,
}

impl SandboxClock {
    /// Goes on from `last` where an earlier run was ahead of the machine's clock.
    pub fn new(pace: Pace, last: Option<i64>) -> Self {
        let wall = wall_millis();
        let base = match (pace, last) {
            (Pace::Real, _) | (_, None) => wall,
            (Pace::Fast | Pace::Manual, Some(last)) => wall.max(last),
        };
        Self {
            pace,
            started: wall,
            base,
        }
    }

    pub const fn pace(&self) -> Pace {
        self.pace
    }

    pub fn now(&self) -> i64 {
        let passed = wall_millis() - self.started;
        match self.pace {
            Pace::Real => wall_millis(),
            Pace::Fast => self.base.saturating_add(passed.saturating_mul(FAST)),
            Pace::Manual => self.base,
        }
    }

    /// Moves it; the error is for a person.
    pub fn advance(&mut self, step: Duration) -> Result<(), String> {
        let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        match self.pace {
            Pace::Real => Err("the clock is the machine's; start with --clock manual".to_owned()),
            _ if millis > ADVANCE_MAX => Err("more than 400 days at once; say less".to_owned()),
            _ if self.now().saturating_add(millis) > END => {
                Err("the year 9999 would be over; start with a new --dir".to_owned())
            }
            Pace::Fast | Pace::Manual => {
                self.base = self.base.saturating_add(millis);
                Ok(())
            }
        }
    }

    /// How long to wait in real time until the clock shows `due`; `None`: only a move gets it there.
    pub fn wait(&self, due: i64) -> Option<Duration> {
        let left = due.saturating_sub(self.now()).max(0);
        let real = match self.pace {
            Pace::Real => left,
            Pace::Fast => left / FAST,
            Pace::Manual if left > 0 => return None,
            Pace::Manual => 0,
        };
        Some(Duration::from_millis(u64::try_from(real).unwrap_or(0)))
    }
}

/// The machine's clock.
pub fn wall_millis() -> i64 {
    SystemClock.now().as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::span::Span;

    #[test]
    fn a_manual_clock_moves_by_hand_alone() {
        let mut clock = SandboxClock::new(Pace::Manual, None);
        let start = clock.now();
        let hours: Span = "13h".parse().unwrap();
        assert_eq!(clock.wait(start + 1), None);
        clock.advance(hours.0).unwrap();
        assert_eq!(clock.now(), start + 13 * 3_600_000);
        assert_eq!(clock.wait(start), Some(Duration::ZERO));
        let year: Span = "366d".parse().unwrap();
        let years = (0..9_000).take_while(|_| clock.advance(year.0).is_ok());
        assert!((7_000..8_000).contains(&years.count()));
        assert!(
            SandboxClock::new(Pace::Real, None)
                .advance(hours.0)
                .is_err()
        );
    }
}
