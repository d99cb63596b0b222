//! Counts queued, uncommitted runs of transaction 2 by refund, so that a reader waits only for its own
//! refund.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::domain::claim::{Account, RefundNo};
use crate::store::Lane;

/// Slots of the hash of a refund number. A collision only makes a reader of one refund wait for the other;
/// with a hundred in flight, that is one reader in forty.
const SLOTS: usize = 4_096;

/// Runs of transaction 2 in flight, in all and by refund.
pub(super) struct InFlight {
    all: AtomicUsize,
    of_refunds: Box<[AtomicUsize]>,
}

/// Guard: one run is in flight until this is dropped.
pub(super) struct InFlightGuard {
    counts: Arc<InFlight>,
    slot: usize,
}

impl InFlight {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            all: AtomicUsize::new(0),
            of_refunds: (0..SLOTS).map(|_| AtomicUsize::new(0)).collect(),
        })
    }

    pub(super) fn begin(
        self: &Arc<Self>,
        account: &Account,
        refund_no: Option<&RefundNo>,
    ) -> InFlightGuard {
        let slot = slot(account, refund_no);
        self.all.fetch_add(1, Ordering::AcqRel);
        self.of_refunds[slot].fetch_add(1, Ordering::AcqRel);
        InFlightGuard {
            counts: Arc::clone(self),
            slot,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.load(Ordering::Acquire) == 0
    }

    pub(super) fn is_without(&self, account: &Account, refund_no: Option<&RefundNo>) -> bool {
        self.of_refunds[slot(account, refund_no)].load(Ordering::Acquire) == 0
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.counts.of_refunds[self.slot].fetch_sub(1, Ordering::AcqRel);
        self.counts.all.fetch_sub(1, Ordering::AcqRel);
    }
}

fn slot(account: &Account, refund_no: Option<&RefundNo>) -> usize {
    Lane::of_refund(account, refund_no).among(SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_waits_for_its_own_refund_only_and_only_while_it_is_under_way() {
        let account = Account {
            provider: "payermax".to_owned(),
            name: "main".to_owned(),
        };
        let [one, other] = ["R-1", "R-2"].map(|text| {
            let number: crate::domain::ids::ExternalId = text.parse().unwrap();
            RefundNo::from(number)
        });
        let in_flight = InFlight::new();
        assert!(in_flight.is_empty());
        let first = in_flight.begin(&account, Some(&one));
        let second = in_flight.begin(&account, Some(&one));
        assert!(!in_flight.is_empty());
        assert!(!in_flight.is_without(&account, Some(&one)));
        assert!(in_flight.is_without(&account, Some(&other)));
        assert!(in_flight.is_without(&account, None));
        drop(first);
        assert!(!in_flight.is_without(&account, Some(&one)));
        drop(second);
        assert!(in_flight.is_without(&account, Some(&one)));
        assert!(in_flight.is_empty());
    }
}
