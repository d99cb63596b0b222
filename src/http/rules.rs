//! What a reload changes: accounts, keys, callers, readers, limits. A request uses the rules that it began with to
//! its end.

use std::sync::Arc;
use std::time::Duration;

use super::{App, Readers};
use crate::config::KeyEnd;
use crate::providers::Registry;
use crate::providers::epay::caller::EpayCallers;

/// The part of a config that handlers use.
pub struct Rules {
    /// Provider accounts.
    pub registry: Registry,
    /// `None` if the `EPay` endpoint is off.
    pub epay: Option<EpayCallers>,
    /// Expiry of the keys of accounts.
    pub key_ends: Vec<KeyEnd>,
    /// Internal systems.
    pub readers: Readers,
    /// Time between two heartbeats on a quiet stream of events.
    pub heartbeat: Duration,
    /// Time after which the connection of a client that reads nothing is closed; for new connections.
    pub stalled: Duration,
}

impl App {
    /// The present rules.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.borrow())
    }
}
