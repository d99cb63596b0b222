//! The operator's console: pages made on the server, usable without a script, in English and Chinese. It sees what
//! the API sees, acts by the same functions, and is off unless the config turns it on.
//!
//! | file | content |
//! |---|---|
//! | `routes` | which pages there are, and the scope that each needs |
//! | `access/` | what every request passes: own forms only, session, scope, headers of the response; login |
//! | `visit`, `frame` | what a page knows of its reader, and what surrounds each page |
//! | `chart` | bars as SVG |
//! | `language/` | languages and times |
//! | `pages/` | a file, a struct and a template each |
//! | `acts/` | forms that change something |
//! | `sandbox/` | sandboxes of the config: faults, clock, last exchanges |
//!
//! What came from outside is shown as text only; templates escape everything.

mod access;
mod acts;
mod assets;
mod chart;
mod form;
mod frame;
mod language;
mod pages;
mod routes;
mod sandbox;
mod trouble;
mod visit;

pub use routes::serve;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::config::ConsoleSettings;
use crate::http::server::peer::Peer;
use access::throttle::Throttle;

/// Failed logins of a peer in a minute.
const FAILURES_MAX: usize = 5;
/// Sessions of a proxied user that begin in a minute.
const BEGUN_MAX: usize = 30;
/// Largest form that carries a settlement file; `refund-receiver reconcile` takes larger ones.
const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the console keeps besides the store.
pub struct Console {
    settings: ConsoleSettings,
    /// The file of rejected requests.
    evidence: PathBuf,
    /// Failed logins of a peer.
    failures: Throttle<Peer>,
    /// New sessions of a user whom a proxy names: a client without cookies would begin one with each request.
    begun: Throttle<String>,
    /// One file is compared at a time.
    uploads: Arc<Semaphore>,
}

impl Console {
    pub fn new(settings: ConsoleSettings, evidence: PathBuf) -> Self {
        Self {
            settings,
            evidence,
            failures: Throttle::new(FAILURES_MAX),
            begun: Throttle::new(BEGUN_MAX),
            uploads: Arc::new(Semaphore::new(1)),
        }
    }
}
