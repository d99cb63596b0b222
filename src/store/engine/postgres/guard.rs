//! What makes "committed" mean "on disk": settings that are looked at, again and again, and what the server
//! says while it commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{AsyncMessage, Client, Connection};

use super::PostgresUrl;
use crate::store::{LogLimit, StoreError};

/// The first `PostgreSQL` that is still looked after by its makers.
const VERSION_MIN: i64 = 140_000;

/// Lines about what servers say without being asked.
static WARNED: LogLimit = LogLimit::new();

/// What the server said without being asked, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Notices {
    gave_up_waiting: AtomicBool,
}

impl Notices {
    /// A new commit begins.
    pub(super) fn forget(&self) {
        self.gave_up_waiting.store(false, Ordering::Release);
    }

    /// Rejects a commit during which the wait for a synchronous standby was cancelled: it is on one disk,
    /// and the server answers it as done all the same.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.gave_up_waiting.load(Ordering::Acquire) {
            let what = "the wait for a synchronous standby was cancelled, so the commit may be on one disk only";
            return Err(StoreError::Away(what.to_owned()));
        }
        Ok(())
    }

    fn note(&self, notice: &DbError) {
        // Its words may quote what is stored.
        let (code, routine) = (notice.code().code(), notice.routine());
        if let Some(kept_back) = WARNED.may_say() {
            tracing::warn!(code, routine, kept_back, "the database server warns");
        }
        // The words are translated, the name of the server's function is not.
        let is_of_replication = |routine: &str| routine.starts_with("SyncRep");
        if *notice.code() == SqlState::WARNING && notice.routine().is_none_or(is_of_replication) {
            self.gave_up_waiting.store(true, Ordering::Release);
        }
    }
}

/// Drives a connection until its end. A notice is noted before the answer that follows it is given on.
pub(super) async fn drive<S, T>(mut connection: Connection<S, T>, notices: Arc<Notices>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => notices.note(&notice),
            Ok(_) => {}
            // The caller gets the error from the client's side.
            Err(error) => {
                tracing::debug!(%error, "a connection to the database ended");
                return;
            }
        }
    }
}

/// Rejects a server that is too old, whose texts are not ours, or whose commits nothing can rely on. Gives
/// its identity: where it is and since when it runs.
pub(super) async fn check_server(client: &Client, url: &PostgresUrl) -> Result<String, StoreError> {
    let sql =
        "SELECT current_setting('server_encoding'), current_setting('server_version_num')::bigint";
    let row = client.query_one(sql, &[]).await?;
    let (encoding, version): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    if version < VERSION_MIN {
        let what = format!(
            "PostgreSQL {} is too old; use 14 or later",
            version / 10_000
        );
        return Err(StoreError::Settings(what));
    }
    if encoding != "UTF8" {
        let what = "the database's encoding is not UTF8; create it with ENCODING 'UTF8'";
        return Err(StoreError::Settings(what.to_owned()));
    }
    check_commits(client, url).await?;
    identity(client).await
}

/// Which server this is. One that was started again is another one: nothing of before is under way there.
pub(super) async fn identity(client: &Client) -> Result<String, StoreError> {
    let sql =
        "SELECT coalesce(host(inet_server_addr()), 'socket') || ':' || current_setting('port')
         || ' since ' || date_trunc('second', pg_postmaster_start_time() AT TIME ZONE 'UTC')";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// Rejects a server whose commits a crash can undo, or do not wait for a second machine where that is asked
/// for. These settings belong to the server alone and can change while it runs; `synchronous_commit` every
/// session sets for itself.
pub(super) async fn check_commits(client: &Client, url: &PostgresUrl) -> Result<(), StoreError> {
    if url.requires_standby {
        check_standby(client).await?;
    }
    if url.may_lose_commits {
        return Ok(());
    }
    let sql = "SELECT current_setting('fsync'), current_setting('full_page_writes')";
    let row = client.query_one(sql, &[]).await?;
    for (column, name) in ["fsync", "full_page_writes"].into_iter().enumerate() {
        let setting: &str = row.try_get(column)?;
        if setting == "off" {
            return Err(StoreError::Settings(format!(
                "{name} is off: a crash of the server would lose callbacks that were acknowledged; turn it \
                 on, or accept the loss by store.may_lose_acknowledged_callbacks = true"
            )));
        }
    }
    Ok(())
}

/// Rejects a server whose commits do not wait for a second machine.
pub(super) async fn check_standby(client: &Client) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('synchronous_standby_names')";
    let names: String = client.query_one(sql, &[]).await?.try_get(0)?;
    if names.is_empty() {
        let what = "synchronous_standby_names is empty, so a callback would be on one machine only; name a \
             standby, or take store.require_synchronous out of the config";
        return Err(StoreError::Settings(what.to_owned()));
    }
    Ok(())
}
