//! Failed logins of one peer: five a minute, then none is tried until a minute has passed since the oldest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::server::peer::Peer;

const FAILURES_MAX: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// Peers that are remembered; beyond it those without a recent failure are dropped.
const PEERS_MAX: usize = 10_000;

#[derive(Default)]
pub struct Throttle(Mutex<HashMap<Peer, VecDeque<Instant>>>);

impl Throttle {
    /// Seconds until this peer may try again; `None`: now.
    pub fn wait(&self, peer: Peer, now: Instant) -> Option<u64> {
        let mut failures = self.lock();
        let of_peer = failures.get_mut(&peer)?;
        forget(of_peer, now);
        let oldest = of_peer.front().filter(|_| of_peer.len() >= FAILURES_MAX)?;
        let left = WINDOW.saturating_sub(now.duration_since(*oldest));
        Some(left.as_secs() + 1)
    }

    pub fn note_failure(&self, peer: Peer, now: Instant) {
        let mut failures = self.lock();
        if failures.len() >= PEERS_MAX {
            failures.retain(|_, of_peer| {
                forget(of_peer, now);
                !of_peer.is_empty()
            });
        }
        let of_peer = failures.entry(peer).or_default();
        of_peer.push_back(now);
        if of_peer.len() > FAILURES_MAX {
            of_peer.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Peer, VecDeque<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(of_peer: &mut VecDeque<Instant>, now: Instant) {
    let is_old = |at: &Instant| now.duration_since(*at) >= WINDOW;
    while of_peer.front().is_some_and(is_old) {
        of_peer.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn five_failures_a_minute_and_peer_are_tried() {
        let peer = |text: &str| Peer::from(text.parse::<SocketAddr>().unwrap());
        let (one, other) = (peer("192.0.2.1:1"), peer("192.0.2.2:1"));
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(throttle.wait(one, now), None);
            throttle.note_failure(one, now);
        }
        assert_eq!(throttle.wait(one, now), Some(61));
        assert_eq!(throttle.wait(other, now), None);
        assert_eq!(throttle.wait(one, now + WINDOW), None);
    }
}
