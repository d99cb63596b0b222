//! What can be changed while the service runs: accounts, keys, callers, readers, limits. A request works to
//! its end with the rules that it began with.

use std::sync::Arc;
use std::time::Duration;

use super::{App, Readers};
use crate::config::KeyEnd;
use crate::providers::Registry;
use crate::providers::epay::caller::EpayCallers;

/// One config, as far as it decides how requests are answered.
pub struct Rules {
    /// Provider accounts.
    pub registry: Registry,
    /// Who calls `EPay`; `None`: the endpoint is off.
    pub epay: Option<EpayCallers>,
    /// Which keys of accounts end, and when.
    pub key_ends: Vec<KeyEnd>,
    /// Internal systems.
    pub readers: Readers,
    /// Time between two signs of life on a quiet stream of events.
    pub heartbeat: Duration,
    /// Time after which a reader that takes nothing of what is sent is cut; for connections made from now on.
    pub stalled: Duration,
}

impl App {
    /// The rules as they are now.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.borrow())
    }
}
