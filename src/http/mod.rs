//! HTTP: the public listener for providers and `EPay` callers, and the internal one for readers and operators.
//! Handlers are thin: parse, call the module that does the work, respond.

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
pub use internal::access::acts::{RejectionLog, log_rejections};
pub use internal::access::auth::Readers;
pub use internal::access::slots::ConnectionSlots;
pub use internal::access::views::Noted;
pub use internal::health::metrics::Gauges;
pub use internal::operate::reload::{NotReloaded, Reload, channel as reload_channel};
pub use public::budget::RejectionBudget;
pub use rules::Rules;

use crate::decisions::Decisions;
use crate::domain::time::Clock;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::push::Push;
use crate::rejected::Evidence;
use crate::requests::Requests;
use crate::store::Store;
use crate::telemetry::Metrics;

/// The state of all handlers of both listeners.
pub struct App {
    /// For reads.
    pub store: Arc<Store>,
    /// For streams and long polls.
    pub feed: Arc<Feed>,
    /// Endpoints that events are pushed to.
    pub push: Arc<Push>,
    /// Accepts and applies callbacks and orders.
    pub intake: Arc<Intake>,
    /// Outgoing refunds.
    pub requests: Arc<Requests>,
    /// Operators' answers to open questions.
    pub decisions: Arc<Decisions>,
    /// Evidence of rejections; `None` if the file could not be opened: callbacks are accepted all the same.
    pub evidence: Option<Evidence>,
    /// Rate limit of rejections.
    pub rejection_budget: RejectionBudget,
    /// Views and rejections that the trail has for this minute.
    pub noted: Noted,
    /// Rejections of readers that are not logged yet.
    pub reader_rejections: RejectionLog,
    /// Replaced by a reload.
    pub rules: watch::Sender<Arc<Rules>>,
    /// Requests to reload.
    pub reloads: mpsc::Sender<Reload>,
    /// Requests in flight of each reader.
    pub slots: Arc<ConnectionSlots>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Metrics,
    /// Metrics that are read from the store.
    pub gauges: Gauges,
    /// True once the shutdown has begun.
    pub draining: watch::Sender<bool>,
}
