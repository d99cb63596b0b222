//! HTTP: two listeners, one for providers and `EPay` callers, one for our own side. Handlers are
//! thin: read, ask the room that knows, answer.

mod answer;
mod auth;
mod body;
mod budget;
mod callback;
mod callbacks;
pub mod connections;
mod consumers;
pub mod edge;
mod endpoints;
mod epay;
mod error;
mod events;
mod feed_place;
mod health;
mod json_body;
mod limit;
pub mod metrics;
pub mod openapi;
mod orders;
mod peer;
mod places;
mod problem;
mod query;
mod refunds;
mod refusal;
mod relay;
pub mod routes;
mod stream;

#[cfg(any(test, fuzzing))]
pub(crate) use auth::bearer_of;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use auth::Readers;
pub use budget::RefusalBudget;
pub use metrics::Gauges;
pub use places::ReaderPlaces;

use crate::domain::clock::Clock;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::providers::Registry;
use crate::providers::epay_caller::EpayCallers;
use crate::push::Push;
use crate::store::Store;
use crate::store::evidence::Evidence;
use crate::telemetry::Metrics;

/// Everything a handler may use; one for both listeners.
pub struct App {
    /// The store, for reading.
    pub store: Arc<Store>,
    /// The feed, for whoever follows or waits.
    pub feed: Arc<Feed>,
    /// Endpoints that events are pushed to.
    pub push: Arc<Push>,
    /// Where notifications and orders are accepted and take effect.
    pub intake: Arc<Intake>,
    /// Where refusals are kept; `None` where the file could not be opened (the money goes on).
    pub evidence: Option<Evidence>,
    /// What refusals may cost.
    pub refusals: RefusalBudget,
    /// Provider accounts.
    pub registry: Registry,
    /// Who calls `EPay`; `None`: the endpoint is off.
    pub epay: Option<EpayCallers>,
    /// Internal systems.
    pub readers: Readers,
    /// How many requests each of them may have under way.
    pub places: Arc<ReaderPlaces>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Metrics,
    /// Those of them that are read from the store.
    pub gauges: Gauges,
    /// Time between two signs of life on a quiet stream of events.
    pub heartbeat: Duration,
    /// Becomes true once the shutdown has begun.
    pub draining: watch::Sender<bool>,
}
