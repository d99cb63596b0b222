//! Rate limit of rejections. Rejections within the budget leave evidence and a log line and are answered at once.
//! Those beyond it are only counted, and answered late, so that a flooding client waits for each response. The
//! budget is used only after a signature was found wrong: a valid callback is never rejected or delayed,
//! whatever its address.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::rate::Rate;
use crate::domain::time::Timestamp;
use crate::http::server::peer::Peer;

/// Delay of a rejection beyond the budget, so a connection gets at most one a second.
pub const PENALTY: Duration = Duration::from_secs(1);

/// 100 a second per peer, a burst of 1 000.
const OF_ONE_PEER: Rate = Rate::new(Duration::from_millis(10), Duration::from_secs(10));
/// 500 a second of all peers together, a burst of 2 000.
const OF_ALL: Rate = Rate::new(Duration::from_millis(2), Duration::from_secs(4));
/// Max peers that are tracked. Further ones share the budget of all.
const PEERS_MAX: usize = 4_096;

/// What is spent of a rate.
#[derive(Clone, Copy, Default)]
struct Spent(u64);

impl Spent {
    /// Takes one; false if none is left.
    fn take(&mut self, rate: Rate, now: u64) -> bool {
        if let Ok(next) = rate.take(self.0, now) {
            self.0 = next;
            true
        } else {
            // A clock that was set back must not be waited for.
            self.0 = self.0.min(rate.latest(now));
            false
        }
    }
}

/// The budget of one listener.
#[derive(Default)]
pub struct RejectionBudget(Mutex<Spending>);

#[derive(Default)]
struct Spending {
    of_all: Spent,
    of_peers: HashMap<Peer, Spent>,
}

impl RejectionBudget {
    /// Whether one more rejection is within the budget of its peer and of all.
    pub fn allows(&self, peer: Option<Peer>, now: Timestamp) -> bool {
        let now = u64::try_from(now.as_millis()).unwrap_or(0) * 1_000_000;
        let mut spending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The peer first: beyond its own budget it must not use that of the others.
        peer.is_none_or(|peer| spending.take_of(peer, now)) && spending.of_all.take(OF_ALL, now)
    }
}

impl Spending {
    fn take_of(&mut self, peer: Peer, now: u64) -> bool {
        if self.of_peers.len() >= PEERS_MAX {
            self.of_peers.retain(|_, spent| spent.0 > now);
        }
        if self.of_peers.len() >= PEERS_MAX && !self.of_peers.contains_key(&peer) {
            return true;
        }
        let spent = self.of_peers.entry(peer).or_default();
        spent.take(OF_ONE_PEER, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    fn peer(number: u32) -> Peer {
        let address = IpAddr::V4(Ipv4Addr::from_bits(number));
        Peer::from(SocketAddr::new(address, 1))
    }

    fn allowed(budget: &RejectionBudget, peer: Peer, at: i64, times: usize) -> usize {
        (0..times)
            .filter(|_| budget.allows(Some(peer), Timestamp::from_millis(at)))
            .count()
    }

    #[test]
    fn a_peer_spends_what_it_has_saved_then_its_rate() {
        let budget = RejectionBudget::default();
        let start = 1_000_000;
        assert_eq!(allowed(&budget, peer(1), start, 1_500), 1_000);
        assert_eq!(allowed(&budget, peer(1), start + 500, 100), 50);
        assert_eq!(allowed(&budget, peer(1), start + 60_000, 1_500), 1_000);
    }

    #[test]
    fn a_flood_of_one_leaves_the_others_their_budget() {
        let budget = RejectionBudget::default();
        assert_eq!(allowed(&budget, peer(1), 0, 100_000), 1_000);
        assert_eq!(allowed(&budget, peer(2), 0, 900), 900);
        assert_eq!(allowed(&budget, peer(3), 0, 900), 100, "2 000 of all");
    }

    #[test]
    fn a_clock_set_back_is_soon_forgotten() {
        let budget = RejectionBudget::default();
        assert_eq!(allowed(&budget, peer(1), 10_000_000, 1_000), 1_000);
        for (at, times) in [(1_000, 0), (11_000, 0), (15_000, 400)] {
            assert_eq!(allowed(&budget, peer(1), at, 400), times, "at {at}");
        }
    }

    #[test]
    fn many_peers_do_not_fill_the_memory() {
        let budget = RejectionBudget::default();
        for number in 0..20_000 {
            let at = Timestamp::from_millis(i64::from(number) / 10);
            budget.allows(Some(peer(number)), at);
        }
        assert!(budget.0.lock().unwrap().of_peers.len() <= PEERS_MAX);
    }
}
