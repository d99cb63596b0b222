//! The intake: how a verified notification becomes a lasting fact, exactly once.
//!
//! # Why two transactions
//!
//! Whoever answers "success" to a provider owns the fact from then on: it may never be sent again.
//! Deciding what the fact means (state machine, amounts, order) can fail, be wrong or be cut short,
//! and none of that may cost us the fact. So it is written down first, alone, and thought about
//! afterwards.
//!
//! * **Transaction 1, accept** ([`Intake::accept`]) stores the bytes as received and commits. Only
//!   then is the provider answered. A repeat of the same bytes is recognised here and counted.
//! * **Transaction 2, apply** ([`Intake::apply`]) lets the claim take effect: it locks the
//!   refund, applies the state machine, closes out the order (`EPay`), appends events and marks the
//!   callback applied; all of it or nothing.
//!
//! Nothing that transaction 2 meets (a lock, a slow statement, a mass of work) may hold up transaction 1:
//! on a server they have connections, threads and queues of their own (`Store::accept`, `Store::write`); in a
//! file, whose writer they share, transaction 2 has a bounded part of each commit. And whatever the store does,
//! the sender is answered in time: with success only after the commit, else with "come back".
//!
//! # What a crash means, place by place
//!
//! | the process dies | on disk | the provider | cure |
//! |---|---|---|---|
//! | before transaction 1 commits | nothing | got no answer | it sends again |
//! | after the commit, before the answer | the callback | got no answer | it sends again: recognised as a repeat; resume applies |
//! | after the answer, before transaction 2 commits | the callback, unapplied | is content | [`Intake::resume`] applies at the next start |
//! | inside transaction 2 | the callback, unapplied | is content | the same: a transaction leaves no half |
//! | after transaction 2 commits | everything | is content | nothing to do |
//! | inside resume | as before resume | – | resume again: it is the same transaction 2 |
//!
//! Transaction 2 can run twice for one callback only if two workers race; the second finds it
//! applied and undoes itself ([`crate::store::StoreError::Superseded`]).
//!
//! # An order that is not ready
//!
//! A close-out may be refused: payment or application unknown (the order may be registered later),
//! order in another state, more than was paid. The refund's outcome is recorded all the same (the
//! money has moved), nothing of the order changes, and the close-out is tried again with growing
//! pauses, whenever its order is registered anew, and whenever the caller repeats the call; in the
//! end it is parked for an operator.

mod accept;
mod apply;
mod in_flight;
mod outcome;
mod register;
mod resume;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

pub use accept::{Accepted, Notification};
pub use apply::Applied;
pub use register::{Registered, Registration, RegistrationError};

use crate::domain::claim::{Account, RefundNo};
use crate::domain::close_out::RetryPolicy;
use crate::domain::time::Clock;
use crate::store::Store;
use in_flight::InFlight;

/// The two transactions over one store, and what finishes them after a crash.
pub struct Intake {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    policy: RwLock<RetryPolicy>,
    /// Applyings that were queued and are not committed yet.
    in_flight: Arc<InFlight>,
    /// Wakes the resume worker before its time.
    wake: Notify,
}

impl Intake {
    /// Works on this store.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, policy: RetryPolicy) -> Self {
        Self {
            store,
            clock,
            policy: RwLock::new(policy),
            in_flight: InFlight::new(),
            wake: Notify::new(),
        }
    }

    /// How long close-outs are tried from now on.
    pub fn set_policy(&self, policy: RetryPolicy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    fn policy(&self) -> RetryPolicy {
        *self.policy.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every callback acknowledged before the call has been applied or given to resume.
    pub fn is_caught_up(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns once that is so. A reader who waits for this sees the effect of what was acknowledged
    /// before.
    pub async fn caught_up(&self) {
        if !self.is_caught_up() {
            self.flush().await;
        }
    }

    /// The same for the callbacks of one refund.
    pub async fn caught_up_with(&self, account: &Account, refund_no: Option<&RefundNo>) {
        if !self.in_flight.is_without(account, refund_no) {
            self.flush().await;
        }
    }

    async fn flush(&self) {
        // Where nothing can be committed, readers still get what is there.
        if let Err(error) = self.store.flush().await {
            tracing::debug!(%error, "reading without what is not applied yet");
        }
    }
}
