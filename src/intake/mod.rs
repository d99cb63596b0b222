//! The intake: how a verified callback becomes a durable fact, exactly once.
//!
//! # Why two transactions
//!
//! A success answer ends the provider's retries, so from then on the fact is ours alone. Deciding what it
//! means (state machine, amounts, order) can fail, be wrong or be interrupted, and none of that may lose the
//! fact.
//!
//! * **Accept** ([`Intake::accept`], transaction 1) stores the bytes as received and commits. Only then is
//!   the provider answered. A repeat of the same bytes is deduplicated here and counted.
//! * **Apply** ([`Intake::apply`], transaction 2) locks the refund, runs the state machine, closes out the
//!   order (`EPay`), appends events and marks the callback applied; all of it or nothing.
//!
//! The promise: a success answer means that the bytes are fsynced; they take effect exactly once. Every
//! sender gets its answer in bounded time, success only after the commit, else 503. Apply never delays
//! accept: on PostgreSQL it has lanes of its own, on SQLite, which has one writer, a bounded part of each
//! batch.
//!
//! # What a crash means
//!
//! | the process dies | on disk | the provider saw | cured by |
//! |---|---|---|---|
//! | before accept commits | nothing | no answer | its retry |
//! | after the commit, before the answer | the callback | no answer | its retry (dedup); resume applies |
//! | after the answer, before apply commits | the callback, unapplied | success | resume |
//! | after apply commits | everything | success | nothing to do |
//! | inside resume | as before resume | success | resume again, after the lease |
//!
//! Resume runs at the next start, every second, and in every other instance on the same database. Two workers
//! may race to apply one callback; the second is rolled back ([`crate::store::StoreError::Superseded`]).
//!
//! # An order that is not ready
//!
//! A close-out may be refused: unknown payment or application, wrong state of the order, more than was paid.
//! The refund's outcome is recorded all the same (the money has moved), the order stays unchanged, and the
//! close-out is retried with backoff, and at once when the order is registered or the caller repeats the
//! call. In the end it is parked for an operator.
//!
//! Each wait, time-out and failure path: `docs/write-path.md`.

mod accept;
mod apply;
mod decided;
mod due;
mod in_flight;
mod key_use;
mod outcome;
mod outcome_source;
mod register;
mod request_claim;
mod resume;
mod settlement;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

pub use accept::{AcceptedCallback, StoredReply, VerifiedCallback, reply_key};
pub use apply::Applied;
pub use outcome::Applying;
pub use outcome_source::OutcomeSources;
pub use register::{Registered, Registration, RegistrationError};
pub use settlement::{Noted, SettlementFile, SettlementRow};

use crate::domain::claim::{Account, RefundNo};
use crate::domain::order::close_out::RetryPolicy;
use crate::domain::time::{Clock, Timestamp};
use crate::store::Store;
use in_flight::InFlight;
use key_use::KeyUse;

/// The two transactions over one store, and what finishes them after a crash.
pub struct Intake {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    policy: RwLock<RetryPolicy>,
    /// Queued runs of transaction 2 that are not committed yet.
    in_flight: Arc<InFlight>,
    wake: Notify,
    key_use: KeyUse,
    outcomes: Arc<OutcomeSources>,
}

impl Intake {
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, policy: RetryPolicy) -> Self {
        Self {
            store,
            clock,
            policy: RwLock::new(policy),
            in_flight: InFlight::new(),
            wake: Notify::new(),
            key_use: KeyUse::default(),
            outcomes: Arc::default(),
        }
    }

    /// What told us first how requests ended.
    pub fn outcomes(&self) -> &OutcomeSources {
        &self.outcomes
    }

    /// When a key last verified a callback, since the start of the process.
    pub fn key_used_at(&self, account: &Account, key_id: &str) -> Option<Timestamp> {
        self.key_use.last(account, key_id)
    }

    /// Sets how long close-outs are retried from now on.
    pub fn set_policy(&self, policy: RetryPolicy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    fn context(&self) -> apply::Context {
        apply::Context {
            policy: *self.policy.read().unwrap_or_else(PoisonError::into_inner),
            outcomes: Arc::clone(&self.outcomes),
        }
    }

    /// Whether every callback acknowledged before the call has been applied or given to resume.
    pub fn is_caught_up(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Waits until [`Self::is_caught_up`]: a reader then sees the effect of each callback acknowledged before.
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
        // Where the store cannot commit, readers still get what is committed.
        if let Err(error) = self.store.flush().await {
            tracing::debug!(%error, "reading without pending callbacks");
        }
    }
}
