//! HTTP: two listeners, one for providers and `EPay` callers, one for our own side. Handlers are
//! thin: read, ask the room that knows, answer.

pub mod internal;
pub mod openapi;
mod path;
pub mod public;
mod rules;
pub mod server;

#[cfg(any(test, fuzzing))]
pub(crate) use internal::access::auth::bearer_of;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

pub use crate::api::reload::Reloaded;
pub use internal::access::acts::{Refusals, say_refusals};
pub use internal::access::auth::Readers;
pub use internal::access::slots::ConnectionSlots;
pub use internal::health::metrics::Gauges;
pub use internal::reload::{NotReloaded, Reload, channel as reload_channel};
pub use public::budget::RejectionBudget;
pub use rules::Rules;

use crate::domain::time::Clock;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::push::Push;
use crate::rejected::Evidence;
use crate::store::Store;
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
    pub refusals: RejectionBudget,
    /// Readers that are turned away, until it is said.
    pub reader_refusals: Refusals,
    /// Who may do what; changed by a reload.
    pub rules: watch::Sender<Arc<Rules>>,
    /// Where a reload is asked for.
    pub reloads: mpsc::Sender<Reload>,
    /// Requests in flight of each reader.
    pub slots: Arc<ConnectionSlots>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Metrics,
    /// Those of them that are read from the store.
    pub gauges: Gauges,
    /// Becomes true once the shutdown has begun.
    pub draining: watch::Sender<bool>,
}
