//! One live connection: its settings, its prepared statements, and what was sent on it without
//! waiting for the answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Row, Statement};

use super::super::StoreError;
use super::super::cancel::Cancel;
use super::super::driver::{OwnedValue, SKIP_LOCKED, Value};
use super::{PostgresUrl, Purpose};

/// Longest wait for any answer. A server that is frozen, or gone without a word, shows only by this.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Statements kept prepared; above the number that the program has, lists with filters included.
const STATEMENTS_MAX: usize = 512;
/// Turns in which a connection reads what has arrived, learns that it is the end, and says so.
const LOOKS: u32 = 3;
/// What is run on every new connection. A lock is not waited for for ever, and a process that froze inside a
/// transaction is cut off, so that its locks do not outlive it.
const SETTINGS: &str = "SET client_min_messages = warning; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '5s'; ";
/// The first `PostgreSQL` that is still looked after by its makers.
const VERSION_MIN: i64 = 140_000;

/// A live connection.
pub(super) struct Session {
    client: Arc<Client>,
    connection: JoinHandle<()>,
    statements: HashMap<String, Statement>,
    /// Answers that are still to come, in the order in which they will.
    sent: Vec<BoxFuture<'static, Result<(), StoreError>>>,
    answer_max: Duration,
}

/// A runtime that lives on the thread which uses it.
pub(super) fn runtime() -> Result<Runtime, StoreError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::Open(error.to_string()))
}

impl Session {
    /// Connects and checks the server.
    pub(super) fn open(
        runtime: &Runtime,
        url: &PostgresUrl,
        purpose: Purpose,
    ) -> Result<Self, StoreError> {
        let opened = async {
            let (client, connection) = url.connect().await?;
            let connection = tokio::spawn(async move {
                // Whoever waits for an answer is told by the client's side.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to the database ended");
                }
            });
            let timeout = match purpose {
                Purpose::Write => "SET statement_timeout = '8s'",
                Purpose::Read => "SET statement_timeout = '2s'",
                Purpose::Maintain => "SET statement_timeout = 0",
            };
            client
                .batch_execute(&format!("{SETTINGS}{timeout}"))
                .await?;
            check_server(&client, url).await?;
            Ok(Self {
                client: Arc::new(client),
                connection,
                statements: HashMap::new(),
                sent: Vec::new(),
                answer_max: match purpose {
                    Purpose::Write | Purpose::Read => ANSWER_MAX,
                    Purpose::Maintain => Duration::from_secs(3_600),
                },
            })
        };
        let within = runtime.block_on(async { timeout(ANSWER_MAX, opened).await });
        within
            .unwrap_or_else(|_| Err(no_answer(ANSWER_MAX)))
            .map_err(|error| url.at(error))
    }

    /// Whether the server has ended it.
    pub(super) fn has_ended(&self, runtime: &Runtime) -> bool {
        // The connection sees what has arrived while nobody asked: that the server is gone, or has cut it.
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
        let client = Arc::clone(&self.client);
        let params: Vec<OwnedValue> = params.iter().copied().map(OwnedValue::from).collect();
        self.send(
            async move {
                match client.execute_raw(&statement, params).await? {
                    1 => Ok(()),
                    _ => Err(StoreError::Overtaken),
                }
            }
            .boxed(),
        )
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

    /// Gives up the transaction and forgets what was sent in it.
    pub(super) fn roll_back(&mut self, runtime: &Runtime) -> Result<(), StoreError> {
        self.sent.clear();
        self.simple(runtime, "ROLLBACK")
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

    /// Runs a statement; the rows that it answers. The server is told to stop where nobody waits for
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
                    Err(StoreError::Busy("nobody waits for the answer".to_owned()))
                }
            }
        })
    }

    /// The prepared statement of this text.
    fn statement(&mut self, runtime: &Runtime, sql: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let text = sql.replace(SKIP_LOCKED, "FOR UPDATE SKIP LOCKED");
        let client = Arc::clone(&self.client);
        let statement = self.run(runtime, async { Ok(client.prepare(&text).await?) })?;
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Awaits a request and everything that was sent before it. What was sent first failed first, and is
    /// the cause of whatever failed after it.
    fn run<T>(
        &mut self,
        runtime: &Runtime,
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
        let answer_max = self.answer_max;
        runtime
            .block_on(async { timeout(answer_max, answers).await })
            .unwrap_or_else(|_| Err(no_answer(answer_max)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The task would end only when the server answers; a frozen one does not.
        self.connection.abort();
    }
}

fn no_answer(waited: Duration) -> StoreError {
    StoreError::Away(format!("no answer within {} s", waited.as_secs()))
}

/// Refuses a server on which "committed" does not mean "on disk", or whose texts are not ours.
async fn check_server(client: &Client, url: &PostgresUrl) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('fsync'), current_setting('full_page_writes'), \
         current_setting('synchronous_commit'), current_setting('server_encoding'), \
         current_setting('server_version_num')::bigint";
    let row = client.query_one(sql, &[]).await?;
    let setting = |column: usize| -> Result<String, StoreError> { Ok(row.try_get(column)?) };
    let version: i64 = row.try_get(4)?;
    if version < VERSION_MIN {
        let what = format!(
            "PostgreSQL {} is too old; use 14 or later",
            version / 10_000
        );
        return Err(StoreError::Settings(what));
    }
    if setting(3)? != "UTF8" {
        let what = "the database's encoding is not UTF8; create it with ENCODING 'UTF8'";
        return Err(StoreError::Settings(what.to_owned()));
    }
    for (column, name) in ["fsync", "full_page_writes", "synchronous_commit"]
        .into_iter()
        .enumerate()
    {
        if setting(column)? == "off" && !url.may_lose_commits {
            return Err(StoreError::Settings(format!(
                "{name} is off: a crash of the server would lose callbacks that were acknowledged; turn it \
                 on, or accept the loss by store.may_lose_acknowledged_callbacks = true"
            )));
        }
    }
    Ok(())
}
