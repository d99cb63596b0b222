//! HTTP: two listeners, one for providers and `EPay` callers, one for our own side. Handlers are
//! thin: read, ask the room that knows, answer.

mod auth;
mod body;
mod budget;
mod callback;
pub mod connections;
pub mod edge;
mod epay;
mod error;
mod events;
mod health;
mod orders;
mod peer;
mod query;
mod refunds;
mod refusal;
mod relay;
pub mod routes;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub use budget::RefusalBudget;

use crate::closeout::Closeout;
use crate::config::Reader;
use crate::domain::clock::Clock;
use crate::providers::Registry;
use crate::providers::epay_caller::EpayCallers;
use crate::store::Store;
use crate::store::evidence::Evidence;
use crate::telemetry::Metrics;

/// Everything a handler may use; one for both listeners.
pub struct App {
    /// The store, for reading.
    pub store: Arc<Store>,
    /// The two transactions.
    pub closeout: Arc<Closeout>,
    /// Where refusals are kept; `None` where the file could not be opened (the money goes on).
    pub evidence: Option<Evidence>,
    /// What refusals may cost.
    pub refusals: RefusalBudget,
    /// Provider accounts.
    pub registry: Registry,
    /// Who calls `EPay`; `None`: the endpoint is off.
    pub epay: Option<EpayCallers>,
    /// Internal systems.
    pub readers: Vec<Reader>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Metrics,
    /// Becomes true once the shutdown has begun.
    pub draining: watch::Sender<bool>,
}

impl App {
    /// Waits for an event after this number, until the deadline or the shutdown; `false` where there
    /// is none. Whoever waits must not hold up the shutdown.
    async fn event_after(
        &self,
        last: i64,
        changes: &mut watch::Receiver<i64>,
        deadline: Instant,
    ) -> bool {
        let mut draining = self.draining.subscribe();
        tokio::select! {
            found = timeout_at(deadline, changes.wait_for(|now| *now > last)) => {
                matches!(found, Ok(Ok(_)))
            }
            _ = draining.wait_for(|draining| *draining) => false,
        }
    }
}
