//! A clock for several instances: each machine's own, corrected by its offset to a clock that all of them
//! see. Stored times, leases and ids then mean the same on every machine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::{ContextV7, Uuid};

use super::{Clock, Timestamp};

pub struct CorrectedClock {
    own: Arc<dyn Clock>,
    /// Milliseconds by which the own clock is ahead.
    ahead: AtomicI64,
    /// Keeps ids in order, even when the clock is set back.
    ids: Mutex<ContextV7>,
}

/// One reading of the other clock, between two of the own.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Own clock, before the query.
    pub asked: Timestamp,
    pub said: Timestamp,
    /// Own clock, after the answer.
    pub answered: Timestamp,
}

impl Sample {
    /// Milliseconds by which the own clock is ahead; off by half the round trip at most.
    fn ahead(&self) -> i64 {
        let middle = i64::midpoint(self.asked.as_millis(), self.answered.as_millis());
        middle - self.said.as_millis()
    }

    /// Round trip in milliseconds.
    fn trip(&self) -> i64 {
        self.answered.as_millis() - self.asked.as_millis()
    }
}

impl CorrectedClock {
    /// Not corrected yet.
    pub fn new(own: Arc<dyn Clock>) -> Self {
        Self {
            own,
            ahead: AtomicI64::new(0),
            ids: Mutex::new(ContextV7::new()),
        }
    }

    /// The machine's own clock.
    pub fn own(&self) -> Timestamp {
        self.own.now()
    }

    /// Corrects the clock by the best of these samples, unless the present correction is as good.
    pub fn learn(&self, samples: &[Sample]) {
        let best = samples
            .iter()
            .filter(|sample| sample.trip() >= 0)
            .min_by_key(|sample| sample.trip());
        let Some(best) = best else {
            return;
        };
        let (new, old) = (best.ahead(), self.ahead.load(Ordering::Relaxed));
        if (new - old).abs() > best.trip() / 2 + 1 {
            self.ahead.store(new, Ordering::Relaxed);
        }
    }

    /// How far the machine's own clock is ahead, in milliseconds; negative where it is behind.
    pub fn ahead_millis(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }
}

impl Clock for CorrectedClock {
    fn now(&self) -> Timestamp {
        let millis = self.own.now().as_millis();
        Timestamp::from_millis(millis.saturating_sub(self.ahead_millis()))
    }

    fn new_uuid(&self) -> Uuid {
        let millis = u64::try_from(self.now().as_millis()).unwrap_or(0);
        let now = Duration::from_millis(millis);
        let timestamp = uuid::Timestamp::from_unix(&self.ids, now.as_secs(), now.subsec_nanos());
        Uuid::new_v7(timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SystemClock;
    use super::*;

    fn sample(asked: i64, said: i64, answered: i64) -> Sample {
        let [asked, said, answered] = [asked, said, answered].map(Timestamp::from_millis);
        Sample {
            asked,
            said,
            answered,
        }
    }

    #[test]
    fn the_quickest_answer_counts_and_what_it_cannot_tell_changes_nothing() {
        let clock = CorrectedClock::new(Arc::new(SystemClock));
        clock.learn(&[sample(90_000, 400, 91_000), sample(90_000, 1, 90_004)]);
        assert_eq!(clock.ahead_millis(), 90_001);
        clock.learn(&[sample(90_000, 0, 90_004)]);
        assert_eq!(clock.ahead_millis(), 90_001, "one millisecond of four");
        clock.learn(&[]);
        clock.learn(&[sample(5, 1, 2)]);
        assert_eq!(clock.ahead_millis(), 90_001, "no clock goes backwards");
        clock.learn(&[sample(10, 15, 10)]);
        assert_eq!(clock.ahead_millis(), -5);
    }

    #[test]
    fn later_ids_sort_after_earlier_ones_even_where_the_clock_is_put_back() {
        let clock = CorrectedClock::new(Arc::new(SystemClock));
        let ids: Vec<_> = (0..1_000)
            .map(|number| {
                clock.ahead.store(number * 10, Ordering::Relaxed);
                clock.new_uuid()
            })
            .collect();
        assert!(ids.is_sorted());
    }
}
