//! HTTP: two listeners, one for providers and `EPay` callers, one for our own side. Handlers are
//! thin: read, ask the room that knows, answer.

mod acts;
mod answer;
mod auth;
mod body;
mod budget;
mod callback;
mod callbacks;
pub mod connections;
mod consumers;
pub mod edge;
mod elsewhere;
mod endpoints;
mod epay;
mod error;
mod events;
mod feed_place;
mod headers;
mod health;
mod json_body;
mod limit;
mod lost;
pub mod metrics;
pub mod openapi;
mod order_change;
mod orders;
mod path;
mod peer;
mod places;
mod problem;
mod query;
mod refunds;
mod refusal;
mod relay;
mod reload;
pub mod routes;
mod rules;
mod scrape;
pub mod socket;
mod stream;

#[cfg(any(test, fuzzing))]
pub(crate) use auth::bearer_of;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

pub use acts::{Refusals, say_refusals};
pub use auth::Readers;
pub use budget::RefusalBudget;
pub use metrics::Gauges;
pub use places::ReaderPlaces;
pub use reload::{NotReloaded, Reload, Reloaded, channel as reload_channel};
pub use rules::Rules;

use crate::domain::clock::Clock;
use crate::feed::Feed;
use crate::intake::Intake;
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
    /// Readers that are turned away, until it is said.
    pub reader_refusals: Refusals,
    /// Who may do what; changed by a reload.
    pub rules: watch::Sender<Arc<Rules>>,
    /// Where a reload is asked for.
    pub reloads: mpsc::Sender<Reload>,
    /// How many requests each reader may have under way.
    pub places: Arc<ReaderPlaces>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Metrics,
    /// Those of them that are read from the store.
    pub gauges: Gauges,
    /// Becomes true once the shutdown has begun.
    pub draining: watch::Sender<bool>,
}
