//! Rejections and changes of readers: counted, and logged with the reader's name, never with any part of a token.
//! Rejections of one cause are logged at most once a second, with their count.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Reader;
pub use crate::domain::trail::Act;
use crate::failpoints::crash_point;
use crate::http::App;
use crate::http::internal::problem::ApiError;
use crate::http::server::unread_head::UnreadHead;
use crate::providers::wire::text::printable;
use crate::store::LogLimit;

/// Min time between two log lines of one cause.
const QUIET: Duration = Duration::from_secs(1);

/// Log lines about heads that cannot be read.
static UNREAD: LogLimit = LogLimit::new();

/// The cause of a rejection, and the reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Cause {
    reason: &'static str,
    /// Empty if unknown.
    reader: String,
    /// The missing scope, if that is the reason.
    scope: &'static str,
    /// What is wrong with the token, if that is the reason.
    why: &'static str,
}

/// Rejections that are not logged yet.
struct Unlogged {
    count: u64,
    logged_at: Option<Instant>,
    /// Of the last one.
    peer: String,
}

/// Rejections of the internal listener, for the log.
#[derive(Default)]
pub struct RejectionLog(Mutex<HashMap<Cause, Unlogged>>);

impl RejectionLog {
    /// Counts a rejection; the first of a cause is logged at once.
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
        let mut unlogged = self.lock();
        let entry = unlogged.entry(cause.clone()).or_insert_with(|| Unlogged {
            count: 0,
            logged_at: None,
            peer: String::new(),
        });
        entry.count += 1;
        entry.peer = peer;
        entry.log_if_due(&cause);
    }

    /// Logs what is due.
    pub fn log_due(&self) {
        let mut unlogged = self.lock();
        for (cause, entry) in unlogged.iter_mut() {
            entry.log_if_due(cause);
        }
        // Quiet causes are dropped, so that names of former readers do not stay.
        unlogged.retain(|_, entry| entry.count > 0 || !entry.is_due());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Cause, Unlogged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unlogged {
    fn is_due(&self) -> bool {
        self.logged_at.is_none_or(|said| said.elapsed() >= QUIET)
    }

    fn log_if_due(&mut self, cause: &Cause) {
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
            "requests of a reader were rejected"
        );
        self.count = 0;
        self.logged_at = Some(Instant::now());
    }
}

/// Counts and logs a request whose head the framework rejected.
pub fn note_unread_head(app: &App, head: &UnreadHead<'_>) {
    let (_, why) = head.cause();
    app.metrics.readers.refused("unread_head", "");
    if let Some(kept_back) = UNREAD.may_say() {
        let (path, peer) = (printable(head.path), head.peer.map(|peer| peer.to_string()));
        tracing::warn!(
            path,
            peer,
            status = head.status,
            why,
            kept_back,
            "a request of a reader was rejected before its head could be read"
        );
    }
}

/// Logs every second what is due, until the task is dropped.
pub async fn log_rejections(app: &App) {
    loop {
        tokio::time::sleep(QUIET).await;
        app.reader_rejections.log_due();
    }
}

/// Logs a change by a reader that is on disk: of what, and how.
pub fn note(app: &App, by: &str, act: Act, about: &str, how: &str) {
    crash_point!("act-committed");
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
