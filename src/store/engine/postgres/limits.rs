//! What a connection is set to at its start: how long it waits, and how its statements are planned.

use std::time::Duration;

use super::{PostgresUrl, Purpose};

/// Longest time for most answers.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Run on every new connection. A process that froze inside a transaction is disconnected, so that its locks
/// do not outlive it.
const SETTINGS: &str = "SET client_min_messages = warning; \
     SET idle_in_transaction_session_timeout = '5s'; ";
/// A commit is on the disk of the server, and of its synchronous standbys, whatever the server's settings say
/// or will say: a session's own word counts more.
const DURABLE: &str = "SET synchronous_commit = on; ";
/// A write finds each of its rows through an index. A plan is kept, so one that reads a whole table while that is
/// small would go on doing so while it grows. A table without an index is read all the same, at a price that would
/// have its plan compiled.
const BY_INDEX: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
     SET enable_mergejoin = off; SET jit = off; ";

/// How long a connection waits for what.
pub(super) struct Limits {
    /// Settings of the session.
    settings: &'static str,
    /// Longest wait for an answer. A server that is frozen, or gone without a word, shows only by this.
    pub answer: Duration,
    writes: bool,
}

impl Limits {
    /// The statements that set all of it.
    pub(super) fn settings(&self, url: &PostgresUrl) -> String {
        let durable = if url.may_lose_commits { "" } else { DURABLE };
        let by_index = if self.writes { BY_INDEX } else { "" };
        format!("{SETTINGS}{durable}{by_index}{}; ", self.settings)
    }
}

impl Purpose {
    /// A lock is not waited for while others wait for the batch: what meets one is put aside.
    pub(super) fn limits(self) -> Limits {
        match self {
            Self::Accept => Limits {
                settings: "SET lock_timeout = '250ms'; SET statement_timeout = '3s'",
                answer: Duration::from_millis(3_500),
                writes: true,
            },
            Self::Apply => Limits {
                settings: "SET lock_timeout = '250ms'; SET statement_timeout = '8s'",
                answer: ANSWER_MAX,
                writes: true,
            },
            Self::Read => Limits {
                settings: "SET lock_timeout = '5s'; SET statement_timeout = '2s'",
                answer: ANSWER_MAX,
                writes: false,
            },
            Self::Maintain => Limits {
                settings: "SET lock_timeout = '5s'; SET statement_timeout = 0",
                answer: Duration::from_secs(3_600),
                writes: false,
            },
        }
    }
}
