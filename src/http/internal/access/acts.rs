//! What readers are refused and what they change: counted, and said in the log with the reader's name, never
//! with anything of a token. Refusals of one cause are said at most once a second, with their number.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Reader;
use crate::http::App;
use crate::http::internal::problem::ApiError;

/// Time between two lines of one cause.
const QUIET: Duration = Duration::from_secs(1);

/// Why a request was refused, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Cause {
    reason: &'static str,
    /// Empty where it is not known.
    reader: String,
    /// That is missing, where one is.
    scope: &'static str,
    /// What was wrong with the token, where that is the reason.
    why: &'static str,
}

/// What was refused and is not said yet.
struct Unsaid {
    count: u64,
    said_at: Option<Instant>,
    /// Where the last one came from.
    peer: String,
}

/// Refusals of the internal listener.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Cause, Unsaid>>);

impl Refusals {
    /// Notes a refusal of whoever this is; the first of a cause is said at once.
    pub fn note(&self, app: &App, problem: &ApiError, reader: Option<&Reader>, peer: String) {
        let (reason, scope, why) = match problem {
            ApiError::Unauthorized(why) => ("unauthorized", "", *why),
            ApiError::TokenExpired(_) => ("token_expired", "", ""),
            ApiError::RateLimited(_) => ("rate_limited", "", ""),
            ApiError::TooManyConnections(_) => ("too_many_connections", "", ""),
            ApiError::Forbidden(scope) => ("forbidden", *scope, ""),
            _ => return,
        };
        let reader = reader.map_or(String::new(), |reader| reader.name.clone());
        app.metrics.readers.refused(reason, &reader);
        let cause = Cause {
            reason,
            reader,
            scope,
            why,
        };
        let mut unsaid = self.lock();
        let entry = unsaid.entry(cause.clone()).or_insert_with(|| Unsaid {
            count: 0,
            said_at: None,
            peer: String::new(),
        });
        entry.count += 1;
        entry.peer = peer;
        entry.say_if_due(&cause);
    }

    /// Says what was held back.
    pub fn say_due(&self) {
        let mut unsaid = self.lock();
        for (cause, entry) in unsaid.iter_mut() {
            entry.say_if_due(cause);
        }
        // What is quiet is forgotten, so that names that are gone do not stay.
        unsaid.retain(|_, entry| entry.count > 0 || !entry.is_due());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Cause, Unsaid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsaid {
    fn is_due(&self) -> bool {
        self.said_at.is_none_or(|said| said.elapsed() >= QUIET)
    }

    fn say_if_due(&mut self, cause: &Cause) {
        if self.count == 0 || !self.is_due() {
            return;
        }
        let Cause {
            reason,
            reader,
            scope,
            why,
        } = cause;
        let (count, peer) = (self.count, &self.peer);
        tracing::info!(
            reason,
            reader,
            scope,
            why,
            peer,
            count,
            "requests of a reader were refused"
        );
        self.count = 0;
        self.said_at = Some(Instant::now());
    }
}

/// Says every second what was held back, for ever.
pub async fn say_refusals(app: &App) {
    loop {
        tokio::time::sleep(QUIET).await;
        app.reader_refusals.say_due();
    }
}

/// What a reader changes.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    OrderChanged,
    ConsumerMade,
    ConsumerMoved,
    ConsumerDeleted,
    EndpointRecovered,
    Reload,
}

impl Act {
    const fn as_str(self) -> &'static str {
        match self {
            Self::OrderChanged => "order_changed",
            Self::ConsumerMade => "consumer_made",
            Self::ConsumerMoved => "consumer_moved",
            Self::ConsumerDeleted => "consumer_deleted",
            Self::EndpointRecovered => "endpoint_recovered",
            Self::Reload => "reload",
        }
    }
}

/// Notes that a reader has changed something: what it is about, and how.
pub fn note(app: &App, by: &str, act: Act, about: &str, how: &str) {
    let act = act.as_str();
    app.metrics.readers.acted(act, by);
    tracing::info!(
        act,
        reader = by,
        about,
        how,
        "a reader has changed something"
    );
}
