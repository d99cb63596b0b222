//! The operator's console: pages made on the server, usable without a script, in English and Chinese. It sees what
//! the API sees, acts by the same functions, and is off unless the config turns it on.
//!
//! | file | content |
//! |---|---|
//! | `routes` | which pages there are, and the scope that each needs |
//! | `guard` | what every request passes: own forms only, session, scope, headers of the response |
//! | `session`, `login`, `proxy`, `throttle` | who is there |
//! | `visit`, `frame` | what a page knows of its reader, and what surrounds each page |
//! | `chart` | bars as SVG |
//! | `text`, `words`, `lang`, `when` | languages and times |
//! | `pages/` | a file, a struct and a template each |
//! | `acts/` | forms that change something |
//!
//! What came from outside is shown as text only; templates escape everything.

mod acts;
mod assets;
mod chart;
mod cookies;
mod form;
mod frame;
mod guard;
mod lang;
mod login;
mod pages;
mod proxy;
mod routes;
mod session;
mod text;
mod throttle;
mod trouble;
mod visit;
mod when;
mod words;

pub use routes::serve;

use std::path::PathBuf;

use crate::config::ConsoleSettings;
use throttle::Throttle;

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
