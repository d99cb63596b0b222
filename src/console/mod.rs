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

use crate::config::ConsoleSettings;
use access::throttle::Throttle;

/// What the console keeps besides the store.
pub struct Console {
    settings: ConsoleSettings,
    /// The file of rejected requests.
    evidence: PathBuf,
    failures: Throttle,
}

impl Console {
    pub fn new(settings: ConsoleSettings, evidence: PathBuf) -> Self {
        Self {
            settings,
            evidence,
            failures: Throttle::default(),
        }
    }
}
