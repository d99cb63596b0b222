//! Lanes: jobs of one lane run in the order in which they were queued; lanes run concurrently where the
//! engine can. Jobs that lock the same rows belong on the same lane, so that they never wait for each other
//! in the database.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::domain::claim::{Account, RefundNo};

/// Which lane a job belongs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane(u64);

impl Lane {
    /// Jobs that touch orders, and rare ones.
    pub const SHARED: Self = Self(0);

    /// Sorts after every other job of a batch.
    pub(in crate::store) const LAST: Self = Self(u64::MAX);

    /// Jobs that touch one refund and no order.
    pub fn of_refund(account: &Account, refund_no: Option<&RefundNo>) -> Self {
        let mut hasher = DefaultHasher::new();
        account.provider.hash(&mut hasher);
        account.name.hash(&mut hasher);
        refund_no.map(RefundNo::as_str).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Its index among this many.
    pub fn among(self, lanes: usize) -> usize {
        usize::try_from(self.0 % lanes.max(1) as u64).unwrap_or(0)
    }
}
