//! A histogram that any thread may record into without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many buckets there are below the one without a bound.
const BUCKETS: usize = 14;
/// Upper bounds of latencies, in microseconds: 100 µs to 30 s.
const LATENCY: [u64; BUCKETS] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    5_000_000, 30_000_000,
];
/// Upper bounds of numbers of jobs.
const JOBS: [u64; BUCKETS] = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 384, 512];

/// Values by bucket, since the start.
#[derive(Debug)]
pub struct Distribution {
    bounds: &'static [u64; BUCKETS],
    /// Divides values into those that are shown: 1 000 000 where they are microseconds.
    unit: f64,
    counts: [AtomicU64; BUCKETS + 1],
    sum: AtomicU64,
}

impl Distribution {
    pub(super) fn of_latency() -> Self {
        Self::new(&LATENCY, 1_000_000.0)
    }

    pub(super) fn of_jobs() -> Self {
        Self::new(&JOBS, 1.0)
    }

    fn new(bounds: &'static [u64; BUCKETS], unit: f64) -> Self {
        Self {
            bounds,
            unit,
            counts: [const { AtomicU64::new(0) }; BUCKETS + 1],
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a span of time.
    pub fn record(&self, took: Duration) {
        self.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a value.
    pub fn count(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The sum, and how many values lie in each bucket, by its upper bound; the last has none.
    #[expect(clippy::cast_precision_loss, reason = "figures for people to look at")]
    pub fn snapshot(&self) -> (f64, Vec<(f64, u64)>) {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.unit);
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets = bounds.chain([f64::MAX]).zip(counts).collect();
        (self.sum.load(Ordering::Relaxed) as f64 / self.unit, buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_bucket_whose_bound_it_does_not_exceed() {
        let latency = Distribution::of_latency();
        for micros in [100, 101, 40_000_000] {
            latency.record(Duration::from_micros(micros));
        }
        assert_eq!(latency.total(), 3);
        let (sum, buckets) = latency.snapshot();
        assert!((sum - 40.000_201).abs() < 1e-9, "{sum}");
        let filled: Vec<_> = buckets.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [&(0.000_1, 1), &(0.000_25, 1), &(f64::MAX, 1)]);
    }
}
