//! Numbers from a seed, the same on every machine (splitmix64).

use std::f64::consts::TAU;
use std::time::Duration;

/// How far a log-normal time spreads, and how often its median it may be.
const SPREAD: f64 = 0.8;
const TIMES_MAX: u32 = 10;

#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below the limit, which is above 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Whether something with this chance in a hundred happens.
    pub const fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Between 0 and 1, and never 0.
    fn fraction(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 33).unwrap_or(0);
        (f64::from(bits) + 1.0) / f64::from(1u32 << 31)
    }

    /// A time around this median; now and then far above it, as networks are.
    pub fn log_normal(&mut self, median: Duration) -> Duration {
        let (radius, angle) = (self.fraction(), self.fraction());
        let normal = (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos();
        let times = (SPREAD * normal).exp().min(f64::from(TIMES_MAX));
        median.mul_f64(times)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(from.len()).unwrap_or(1).max(1);
        from.get(usize::try_from(self.below(length)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers() {
        let of = |seed| {
            let mut random = Random::new(seed);
            (0..5).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert_eq!(Random::new(1).pick::<u8>(&[]), None);
    }
}
