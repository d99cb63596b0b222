//! Whether accepts are slow at the moment. What no caller waits for yields then, so that where cores or the disk are
//! scarce, a callback's answer comes first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::store::monotonic;

/// A mean above it is slow: at 64 connections without other work it is about half of that.
const SLOW: Duration = Duration::from_millis(10);
/// Without an accept for so long nothing is slow.
const FORGOTTEN: Duration = Duration::from_millis(500);
/// Weight of the latest accept in the moving mean: one of so many.
const WEIGHT: u64 = 8;

/// A moving mean of how long accepts take.
#[derive(Debug)]
pub(in crate::store) struct Pressure {
    started: Instant,
    mean_micros: AtomicU64,
    /// When the last one ended, in microseconds since `started`.
    last_micros: AtomicU64,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            started: monotonic(),
            mean_micros: AtomicU64::new(0),
            last_micros: AtomicU64::new(0),
        }
    }
}

impl Pressure {
    /// Notes an accept that ended. Concurrent ones may overwrite each other, which a mean does not mind.
    pub(in crate::store) fn note(&self, took: Duration) {
        let mean = self.mean_micros.load(Ordering::Relaxed);
        let mean = (mean * (WEIGHT - 1) + micros(took)) / WEIGHT;
        self.mean_micros.store(mean, Ordering::Relaxed);
        self.last_micros
            .store(micros(self.started.elapsed()), Ordering::Relaxed);
    }

    pub(in crate::store) fn is_slow(&self) -> bool {
        self.is_slow_at(self.started.elapsed())
    }

    fn is_slow_at(&self, elapsed: Duration) -> bool {
        let since = micros(elapsed).saturating_sub(self.last_micros.load(Ordering::Relaxed));
        since < micros(FORGOTTEN) && self.mean_micros.load(Ordering::Relaxed) > micros(SLOW)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_are_slow_by_their_mean_and_only_while_there_are_some() {
        let pressure = Pressure::default();
        let now = || pressure.started.elapsed();
        assert!(!pressure.is_slow_at(now()), "none came");
        pressure.note(Duration::from_millis(50));
        assert!(!pressure.is_slow_at(now()), "one alone");
        for _ in 0..10 {
            pressure.note(Duration::from_millis(100));
        }
        assert!(pressure.is_slow_at(now()));
        assert!(
            !pressure.is_slow_at(now() + FORGOTTEN),
            "none comes any more"
        );
        for _ in 0..30 {
            pressure.note(Duration::from_millis(2));
        }
        assert!(!pressure.is_slow_at(now()));
    }
}
