//! So many events of one key a minute, then none until a minute has passed since the oldest: failed logins of a peer,
//! new sessions of a user whom a proxy names.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);
/// Keys that are remembered; beyond it those without a recent event are dropped.
const KEYS_MAX: usize = 10_000;

pub struct Throttle<K> {
    /// Events of a key within [`WINDOW`].
    max: usize,
    events: Mutex<HashMap<K, VecDeque<Instant>>>,
}

impl<K: Hash + Eq> Throttle<K> {
    pub fn new(max: usize) -> Self {
        Self {
            max,
            events: Mutex::default(),
        }
    }

    /// Seconds until this key has its turn; `None`: now.
    pub fn wait(&self, key: &K, now: Instant) -> Option<u64> {
        let mut events = self.lock();
        let of_key = events.get_mut(key)?;
        forget(of_key, now);
        let oldest = of_key.front().filter(|_| of_key.len() >= self.max)?;
        let left = WINDOW.saturating_sub(now.duration_since(*oldest));
        Some(left.as_secs() + 1)
    }

    pub fn note(&self, key: K, now: Instant) {
        let mut events = self.lock();
        if events.len() >= KEYS_MAX {
            events.retain(|_, of_key| {
                forget(of_key, now);
                !of_key.is_empty()
            });
        }
        let of_key = events.entry(key).or_default();
        of_key.push_back(now);
        if of_key.len() > self.max {
            of_key.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, VecDeque<Instant>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(of_key: &mut VecDeque<Instant>, now: Instant) {
    let is_old = |at: &Instant| now.duration_since(*at) >= WINDOW;
    while of_key.front().is_some_and(is_old) {
        of_key.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_turns_a_minute() {
        let (throttle, now) = (Throttle::new(5), Instant::now());
        for _ in 0..5 {
            assert_eq!(throttle.wait(&"one", now), None);
            throttle.note("one", now);
        }
        assert_eq!(throttle.wait(&"one", now), Some(61));
        assert_eq!(throttle.wait(&"other", now), None);
        assert_eq!(throttle.wait(&"one", now + WINDOW), None);
    }
}
