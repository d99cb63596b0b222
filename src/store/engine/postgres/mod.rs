//! PostgreSQL: a connection that can be lost and made again, and converting values and errors.
//!
//! A statement whose answer is not needed at once is sent without waiting (`Driver::expect_one`, `BEGIN`),
//! so that a callback costs two trips to the server instead of five; what went wrong with it shows
//! with the next answer, and always before `COMMIT` is sent. Rows of many jobs are one statement (`bulk.rs`).
//! Reasons and figures: `docs/adr/0006-postgresql-driver.md`, `docs/adr/0024-bulk-writes.md`.

mod bulk;
mod catalogue;
mod connect;
mod dialect;
mod error;
mod guard;
mod indexes;
mod limits;
mod listen;
mod outlook;
mod session;
mod value;

use std::sync::Arc;

use tokio::runtime::Runtime;

pub(in crate::store) use catalogue::{first_missing, lock_for_schema};
pub use connect::{PostgresUrl, PostgresUrlError};
pub(in crate::store) use indexes::{build_all, build_missing};
pub(in crate::store) use listen::Listener;
pub(in crate::store) use outlook::Outlook;
pub use outlook::Replication;

use super::driver::{Driver, EachRow, Rows, Value};
use crate::store::StoreError;
use crate::store::read_pool::cancel::Cancel;
use session::Session;

/// Where commits with events are announced.
const EVENTS_CHANNEL: &str = "refund_receiver_events";

/// The server's clock, in milliseconds.
const CLOCK: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Ends a transaction, however long that takes: a COMMIT that waits for a synchronous standby and is
/// cancelled by the time limit of a statement would be answered as done, though the standby has not got it.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Purpose {
    /// Transactions that store callbacks, for which a sender waits.
    Accept,
    /// All other transactions that write.
    Apply,
    /// Short queries of readers; cancelled when they take too long.
    Read,
    /// Creating the schema, reading everything: takes as long as it takes.
    Maintain,
}

/// A connection that is made when it is needed and made again after it was lost.
pub(in crate::store) struct Postgres {
    url: Arc<PostgresUrl>,
    purpose: Purpose,
    /// Drives this connection alone, on the thread that uses it: no trip between threads.
    runtime: Runtime,
    session: Option<Session>,
    /// Ends a query early.
    cancel: Option<Arc<Cancel>>,
}

/// A runtime that lives on the thread which uses it.
fn runtime() -> Result<Runtime, StoreError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::Open(error.to_string()))
}

impl Postgres {
    /// Connects, and rejects a server on which a commit does not mean "on disk".
    pub(in crate::store) fn connect(
        url: Arc<PostgresUrl>,
        purpose: Purpose,
    ) -> Result<Self, StoreError> {
        let mut postgres = Self::lazy(url, purpose)?;
        postgres.session()?;
        Ok(postgres)
    }

    /// Connects at the first use.
    pub(in crate::store) fn lazy(
        url: Arc<PostgresUrl>,
        purpose: Purpose,
    ) -> Result<Self, StoreError> {
        let runtime = runtime()?;
        Ok(Self {
            url,
            purpose,
            runtime,
            session: None,
            cancel: None,
        })
    }

    /// The connection, made anew where there is none.
    fn session(&mut self) -> Result<&mut Session, StoreError> {
        let runtime = &self.runtime;
        let is_open = |session: &Session| !session.is_left_behind() && !session.has_ended(runtime);
        if !self.session.as_ref().is_some_and(is_open) {
            self.session = None;
            // One looks for a server that takes writes, and the others wait for what it finds.
            if self.purpose != Purpose::Maintain
                && let Some(why) = self.url.outlook.away()
            {
                return Err(StoreError::Away(why));
            }
            let session = Session::open(&self.runtime, &self.url, self.purpose)?;
            self.session = Some(session);
        }
        self.session
            .as_mut()
            .ok_or_else(|| StoreError::Away("there is no connection".to_owned()))
    }

    /// Runs one step on the open connection; one that cannot be trusted any more is dropped.
    fn step<T>(
        &mut self,
        step: impl FnOnce(&Runtime, &mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(session) = self.session.as_mut() else {
            return Err(StoreError::Away("the connection was lost".to_owned()));
        };
        let result = step(&self.runtime, session);
        if let Err(error) = &result
            && matches!(error, StoreError::Away(_) | StoreError::ReadOnly(_))
        {
            self.session = None;
        }
        result
    }
}

impl Driver for Postgres {
    fn has_concurrent_writers(&self) -> bool {
        true
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.session()?;
        let url = Arc::clone(&self.url);
        self.step(|runtime, session| session.check_again(runtime, &url))?;
        self.step(|_, session| session.send_simple("BEGIN ISOLATION LEVEL READ COMMITTED"))
    }

    fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.session()?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.step(|_, session| session.send_simple(begin))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        // Everything that was sent must have been answered well: COMMIT of a failed transaction
        // is answered without an error, too.
        self.step(|runtime, session| session.finish(runtime))?;
        let url = Arc::clone(&self.url);
        self.step(|runtime, session| session.commit(runtime, COMMIT, &url))
    }

    fn rollback(&mut self) {
        // Without a connection the server has rolled back by itself, or will.
        if self.session.is_some()
            && let Err(error) = self.step(|runtime, session| session.roll_back(runtime, "ROLLBACK"))
        {
            tracing::debug!(%error, "nothing to roll back");
            self.session = None;
        }
    }

    fn save_point(&mut self) -> Result<(), StoreError> {
        self.step(|_, session| session.send_simple("SAVEPOINT job"))
    }

    fn release_save_point(&mut self) -> Result<(), StoreError> {
        self.step(|_, session| session.send_simple("RELEASE SAVEPOINT job"))
    }

    fn roll_back_to_save_point(&mut self) -> Result<(), StoreError> {
        self.step(|runtime, session| session.roll_back(runtime, "ROLLBACK TO SAVEPOINT job"))?;
        self.release_save_point()
    }

    fn await_sent(&mut self) -> Result<(), StoreError> {
        self.step(|runtime, session| session.finish(runtime))
    }

    fn before_numbering(&mut self) -> Result<(), StoreError> {
        // Each who has it commits next, which may take as long as the way to a standby.
        self.step(|_, session| session.send_simple("SET LOCAL lock_timeout = '2s'"))
    }

    fn write_nothing(&mut self) -> Result<bool, StoreError> {
        let message = "SELECT pg_logical_emit_message(true, 'refund-receiver', 'probe')";
        self.step(|runtime, session| session.simple(runtime, message))?;
        Ok(true)
    }

    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        self.step(|runtime, session| session.execute(runtime, sql, params))
    }

    fn expect_one(&mut self, sql: &str, params: &[Value<'_>]) -> Result<(), StoreError> {
        self.step(|runtime, session| session.send_expecting_one(runtime, sql, params))
    }

    fn insert_each(&mut self, sql: &str, rows: Rows<'_>) -> Result<Vec<bool>, StoreError> {
        self.step(|runtime, session| session.insert_each(runtime, sql, rows))
    }

    fn expect_each(&mut self, sql: &str, rows: Rows<'_>) -> Result<(), StoreError> {
        self.step(|runtime, session| session.send_expecting_each(runtime, sql, rows))
    }

    fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: EachRow<'_>,
    ) -> Result<(), StoreError> {
        let (cancel, url) = (self.cancel.clone(), Arc::clone(&self.url));
        let rows = self.step(|runtime, session| {
            session.query(runtime, sql, params, (cancel.as_deref(), &url))
        })?;
        rows.iter().try_for_each(|row| each(row))
    }

    fn begin_query(&mut self, cancel: Option<Arc<Cancel>>) {
        self.cancel = cancel;
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        let script = dialect::rewrite(script);
        self.step(|runtime, session| session.simple(runtime, &script))
    }

    fn count_tables(&mut self, name: Option<&str>) -> Result<i64, StoreError> {
        catalogue::count_tables(self, name)
    }

    fn drop_index(&mut self, name: &str) -> Result<(), StoreError> {
        indexes::drop_index(self, name)
    }

    fn clock(&mut self) -> Result<Option<i64>, StoreError> {
        let mut now = None;
        self.query(CLOCK, &[], &mut |row| {
            now = row.opt_integer(0)?;
            Ok(())
        })?;
        Ok(now)
    }

    fn announce(&mut self, last_sequence: i64) -> Result<(), StoreError> {
        // Delivered by the server when, and only if, the transaction commits.
        let notify = format!("NOTIFY {EVENTS_CHANNEL}, '{last_sequence}'");
        self.step(|_, session| session.send_simple(notify))
    }

    fn maintain(&mut self, _idle: bool) -> Result<(), StoreError> {
        Ok(()) // Autovacuum and checkpoints are the server's.
    }

    fn look(&mut self) -> Result<(), StoreError> {
        self.session()?;
        let url = Arc::clone(&self.url);
        self.step(|runtime, session| session.check_again(runtime, &url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_not_there_is_away_and_named_without_its_password() {
        let base = std::path::Path::new("");
        let url = PostgresUrl::parse("postgres://u:hidden@127.0.0.1:1/db", base).unwrap();
        assert_eq!(url.to_string(), "postgres://u@127.0.0.1:1/db");
        let refused = Postgres::connect(Arc::new(url), Purpose::Accept).err();
        let text = refused.expect("no server listens there").to_string();
        assert!(
            text.contains("127.0.0.1:1") && !text.contains("hidden"),
            "{text}"
        );
    }
}
