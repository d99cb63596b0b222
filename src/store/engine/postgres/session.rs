//! One live connection: its settings, its prepared statements, and what was sent on it without
//! waiting for the answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::bulk;
use super::catalogue::show_presence;
use super::connect::Connected;
use super::guard;
use super::guard::Notices;
use super::outlook::Outlook;
use super::{PostgresUrl, Purpose};
use crate::store::engine::driver::{OwnedValue, Rows, SKIP_LOCKED, Value};
use crate::store::read_pool::cancel::Cancel;
use crate::store::{StoreError, monotonic};

/// Longest time for each of the first answers of a new connection.
const FIRST_ANSWER_MAX: Duration = Duration::from_millis(1_500);
/// An answer usually comes sooner; from here on it is asked whether it can come at all.
const SOON: Duration = Duration::from_secs(1);
/// Statements kept prepared; above the number that the program has, lists with filters included.
const STATEMENTS_MAX: usize = 512;
/// Turns in which a connection reads what has arrived, learns that it is the end, and says so.
const LOOKS: u32 = 3;
/// How often the settings that no session can make for itself are looked at again.
const CHECK_AGAIN: Duration = Duration::from_secs(2);
/// A live connection.
pub(super) struct Session {
    client: Arc<Client>,
    connection: JoinHandle<()>,
    statements: HashMap<String, Statement>,
    /// The forms for many rows of some of them.
    for_many: HashMap<String, Statement>,
    /// Answers that are still to come, in the order in which they will.
    sent: Vec<BoxFuture<'static, Result<(), StoreError>>>,
    answer_max: Duration,
    notices: Arc<Notices>,
    checked_at: Instant,
    /// Which server it leads to.
    server: String,
    outlook: Arc<Outlook>,
}

impl Session {
    /// Connects and checks the server.
    pub(super) fn open(
        runtime: &Runtime,
        url: &PostgresUrl,
        purpose: Purpose,
    ) -> Result<Self, StoreError> {
        let opened = async {
            let Connected {
                client,
                connection,
                name,
            } = url.connect().await.map_err(|none| none.error)?;
            let notices = Arc::new(Notices::default());
            let connection = tokio::spawn(guard::drive(connection, Arc::clone(&notices)));
            let limits = purpose.limits();
            let settings = format!("{}{}", limits.settings(url), show_presence());
            let set = async { Ok(client.batch_execute(&settings).await?) };
            first_answer(&name, "settings", set).await?;
            let check = guard::check_server(&client, url);
            let server = first_answer(&name, "check of the server", check).await?;
            Ok(Self {
                client: Arc::new(client),
                connection,
                statements: HashMap::new(),
                for_many: HashMap::new(),
                sent: Vec::new(),
                answer_max: limits.answer,
                notices,
                checked_at: monotonic(),
                server,
                outlook: Arc::clone(&url.outlook),
            })
        };
        runtime
            .block_on(opened)
            .map_err(|error: StoreError| url.at(error))
    }

    /// Whether another server takes writes by now.
    pub(super) fn is_left_behind(&self) -> bool {
        self.outlook.is_elsewhere(&self.server)
    }

    /// Whether the server has ended it.
    pub(super) fn has_ended(&self, runtime: &Runtime) -> bool {
        // The connection sees what has arrived while idle: that the server is gone, or has closed it.
        runtime.block_on(async {
            for _ in 0..LOOKS {
                tokio::task::yield_now().await;
            }
        });
        self.client.is_closed()
    }

    /// Sends a command without parameters; its answer is awaited with a later one.
    pub(super) fn send_simple(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
    ) -> Result<(), StoreError> {
        let (client, sql) = (Arc::clone(&self.client), sql.into());
        self.send(async move { Ok(client.batch_execute(&sql).await?) }.boxed())
    }

    /// Sends a statement that must change one row; whether it did shows with a later answer.
    pub(super) fn send_expecting_one(
        &mut self,
        runtime: &Runtime,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<(), StoreError> {
        let statement = self.statement(runtime, sql)?;
        let params: Vec<_> = params.iter().copied().map(OwnedValue::from).collect();
        self.send_expecting(statement, params, 1)
    }

    /// [`Self::send_expecting_one`] for many rows.
    pub(super) fn send_expecting_each(
        &mut self,
        runtime: &Runtime,
        sql: &str,
        rows: Rows<'_>,
    ) -> Result<(), StoreError> {
        let statement = self.statement_for_many(runtime, sql)?;
        self.send_expecting(
            statement,
            bulk::owned_columns(rows),
            rows.each().len() as u64,
        )
    }

    fn send_expecting<P: ToSql + Send + 'static>(
        &mut self,
        statement: Statement,
        params: Vec<P>,
        rows: u64,
    ) -> Result<(), StoreError> {
        let client = Arc::clone(&self.client);
        let sent = async move {
            let changed = client.execute_raw(&statement, params).await?;
            (changed == rows)
                .then_some(())
                .ok_or(StoreError::Superseded)
        };
        self.send(sent.boxed())
    }

    /// Inserts the rows whose keys are not there; whether each is new.
    pub(super) fn insert_each(
        &mut self,
        runtime: &Runtime,
        sql: &str,
        rows: Rows<'_>,
    ) -> Result<Vec<bool>, StoreError> {
        let statement = self.statement_for_many(runtime, sql)?;
        let client = Arc::clone(&self.client);
        let columns = bulk::columns(rows);
        let answered: Vec<Row> = self.run(runtime, async {
            let answered = client.query_raw(&statement, columns).await?;
            Ok(answered.try_collect().await?)
        })?;
        bulk::are_new(rows, &answered)
    }

    /// Puts the request on its way: the first poll writes it into the connection's buffer.
    fn send(
        &mut self,
        mut request: BoxFuture<'static, Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        if let Some(result) = (&mut request).now_or_never() {
            return result;
        }
        self.sent.push(request);
        Ok(())
    }

    /// Awaits everything that was sent.
    pub(super) fn finish(&mut self, runtime: &Runtime) -> Result<(), StoreError> {
        if self.sent.is_empty() {
            return Ok(());
        }
        self.run(runtime, async { Ok(()) })
    }

    /// Runs commands without parameters.
    pub(super) fn simple(&mut self, runtime: &Runtime, sql: &str) -> Result<(), StoreError> {
        let client = Arc::clone(&self.client);
        self.run(runtime, async { Ok(client.batch_execute(sql).await?) })
    }

    /// Looks again at what may have changed since the connection was made, where that is some time ago.
    pub(super) fn check_again(
        &mut self,
        runtime: &Runtime,
        url: &PostgresUrl,
    ) -> Result<(), StoreError> {
        if self.checked_at.elapsed() < CHECK_AGAIN {
            return Ok(());
        }
        let client = Arc::clone(&self.client);
        self.run(runtime, async { guard::check_commits(&client, url).await })?;
        self.checked_at = monotonic();
        Ok(())
    }

    /// Commits by this command, however long that takes: a server that waits for its standby would go on
    /// doing so, and a new connection would only wait next to it. Given up where another server takes writes.
    /// Good only where the server has not said that it gave up waiting for a standby.
    pub(super) fn commit(
        &mut self,
        runtime: &Runtime,
        command: &str,
        url: &PostgresUrl,
    ) -> Result<(), StoreError> {
        let client = Arc::clone(&self.client);
        self.notices.forget();
        self.run_within(runtime, Duration::MAX, async {
            client.batch_execute(command).await?;
            if url.requires_standby {
                // Asked after the commit, so that it holds for it.
                guard::check_standby(&client).await?;
            }
            Ok(())
        })?;
        self.notices.check()
    }

    /// Gives up the transaction, or a part of it, by this command, and forgets what was sent.
    pub(super) fn roll_back(&mut self, runtime: &Runtime, command: &str) -> Result<(), StoreError> {
        self.sent.clear();
        self.simple(runtime, command)
    }

    /// Runs a statement; the rows that it changed.
    pub(super) fn execute(
        &mut self,
        runtime: &Runtime,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<usize, StoreError> {
        let statement = self.statement(runtime, sql)?;
        let client = Arc::clone(&self.client);
        let changed = self.run(runtime, async {
            Ok(client
                .execute_raw(&statement, params.iter().copied())
                .await?)
        })?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Runs a statement; the rows that it answers. The server is told to stop where no caller waits for
    /// them any more.
    pub(super) fn query(
        &mut self,
        runtime: &Runtime,
        sql: &str,
        params: &[Value<'_>],
        (cancel, url): (Option<&Cancel>, &PostgresUrl),
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(runtime, sql)?;
        let client = Arc::clone(&self.client);
        self.run(runtime, async {
            let asked = async {
                let rows = client.query_raw(&statement, params.iter().copied()).await?;
                Ok(rows.try_collect().await?)
            };
            let Some(cancel) = cancel else {
                return asked.await;
            };
            tokio::select! {
                biased;
                rows = asked => rows,
                () = cancel.cancelled() => {
                    url.stop(&client.cancel_token()).await;
                    Err(StoreError::Busy("the caller has gone".to_owned()))
                }
            }
        })
    }

    /// The prepared statement of this text.
    fn statement(&mut self, runtime: &Runtime, sql: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let text = sql.replace(SKIP_LOCKED, "FOR NO KEY UPDATE SKIP LOCKED");
        let statement = self.prepare(runtime, &text)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The prepared statement of this text in its form for many rows.
    fn statement_for_many(
        &mut self,
        runtime: &Runtime,
        sql: &str,
    ) -> Result<Statement, StoreError> {
        if let Some(known) = self.for_many.get(sql) {
            return Ok(known.clone());
        }
        // The server says which types the parameters have.
        let one = self.statement(runtime, sql)?;
        let statement = self.prepare(runtime, &bulk::of_prepared(sql, &one)?)?;
        self.for_many.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn prepare(&mut self, runtime: &Runtime, text: &str) -> Result<Statement, StoreError> {
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        let client = Arc::clone(&self.client);
        self.run(runtime, async { Ok(client.prepare(text).await?) })
    }

    /// Awaits a request and everything that was sent before it.
    fn run<T>(
        &mut self,
        runtime: &Runtime,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.run_within(runtime, self.answer_max, request)
    }

    /// What was sent first failed first, and is the cause of whatever failed after it.
    fn run_within<T>(
        &mut self,
        runtime: &Runtime,
        answer_max: Duration,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let sent = std::mem::take(&mut self.sent);
        let answers = async {
            let answer = request.await;
            for earlier in sent {
                earlier.await?;
            }
            answer
        };
        runtime.block_on(async {
            let mut answers = pin!(answers);
            if let Ok(answer) = timeout(SOON, &mut answers).await {
                return answer;
            }
            tokio::select! {
                answer = timeout(answer_max.saturating_sub(SOON), answers) => {
                    answer.unwrap_or_else(|_| Err(no_answer(answer_max)))
                }
                () = self.outlook.gives_up(&self.server) => {
                    let what = format!("{} does not answer, and is not waited for any more", self.server);
                    Err(StoreError::Away(what))
                }
            }
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The task would end only when the server answers; a frozen one does not.
        self.connection.abort();
    }
}

/// One of the first answers of a new connection; an error names the server and what it was asked for.
async fn first_answer<T>(
    server: &str,
    step: &str,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let answer = timeout(FIRST_ANSWER_MAX, answer).await;
    match answer.unwrap_or_else(|_| Err(no_answer(FIRST_ANSWER_MAX))) {
        Err(StoreError::Away(what)) => Err(StoreError::Away(format!("{server}: {step}: {what}"))),
        answer => answer,
    }
}

fn no_answer(waited: Duration) -> StoreError {
    StoreError::Away(format!("no answer within {:.1} s", waited.as_secs_f32()))
}
