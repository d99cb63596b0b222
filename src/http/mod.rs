//! HTTP: two listeners, one for providers and `EPay` callers, one for our own side. Handlers are
//! thin: read, ask the room that knows, answer.

mod auth;
mod body;
mod callback;
mod epay;
mod error;
mod events;
mod health;
mod orders;
mod query;
mod refunds;
mod relay;
pub mod routes;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    /// Set once the shutdown has begun.
    pub draining: AtomicBool,
}
