//! Hears of events that other instances commit, so that readers who wait here are woken, and looks every
//! second at the server: whether it is there, takes writes, and waits for its standby. Every step has a time
//! limit, so that it never hangs on a server that is frozen.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::{AsyncMessage, Client};

use super::outlook::Outlook;
use super::{EVENTS_CHANNEL, PostgresUrl, guard, runtime};
use crate::store::feed_counter::Counter;
use crate::store::{LogLimit, StoreError};

const LOOK: &str = "SELECT last_sequence, current_setting('transaction_read_only'), \
     current_setting('synchronous_standby_names') FROM feed";
/// How often it is looked at all the same: a connection can die without a word, and a server can change
/// without one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Longest wait for any answer. A server that is this slow may be a frozen one.
const ANSWER_MAX: Duration = Duration::from_millis(1_500);
/// Pause before a lost connection is made again.
const RECONNECT: Duration = Duration::from_millis(300);
/// Lines about that.
static UNHEARD: LogLimit = LogLimit::new();

/// The listening thread; ends when dropped.
pub(in crate::store) struct Listener {
    url: Arc<PostgresUrl>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts to listen, and raises the counter to what is heard.
    pub(in crate::store) fn start(
        url: Arc<PostgresUrl>,
        counter: Counter,
    ) -> Result<Self, StoreError> {
        let runtime = runtime()?;
        let (stop, stopped) = oneshot::channel();
        let watched = Arc::clone(&url);
        let thread = std::thread::Builder::new()
            .name("store-listener".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = listen_for_ever(&url, &counter) => {}
                        // Told to stop, or the store is gone.
                        _ = stopped => {}
                    }
                });
            })
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self {
            url: watched,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Listener {
    /// What is known of the servers.
    pub(in crate::store) fn outlook(&self) -> &Outlook {
        &self.url.outlook
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the listener of the store panicked");
        }
    }
}

async fn listen_for_ever(url: &PostgresUrl, counter: &Counter) {
    loop {
        if let Err(error) = listen(url, counter).await {
            let error = url.at(error);
            if let Some(kept_back) = UNHEARD.may_say() {
                tracing::warn!(%error, kept_back, "looking for a database server that takes writes");
            }
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Listens until the connection is lost, or leads to a server that does not take writes any more.
async fn listen(url: &PostgresUrl, counter: &Counter) -> Result<(), StoreError> {
    let connected = url.connect().await.map_err(|none| {
        if none.is_crowded {
            url.outlook.forget();
        } else {
            url.outlook.lost(url.at(none.error.clone()).to_string());
        }
        none.error
    })?;
    let (client, mut connection) = (connected.client, connected.connection);
    let (heard, mut news) = mpsc::unbounded_channel();
    let driven = tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    // The receiver has gone: the other side ends this task.
                    drop(heard.send(notification.payload().parse::<i64>()));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    let result = async {
        let server = within("identity", guard::identity(&client)).await?;
        url.outlook.found(&server);
        let listen = format!("LISTEN {EVENTS_CHANNEL}");
        within("LISTEN", async { Ok(client.batch_execute(&listen).await?) }).await?;
        loop {
            // First what was committed before we listened, or unheard since.
            counter.raise(within("look", look(&client, url)).await?);
            let again_at = Instant::now() + LOOK_AGAIN;
            while let Ok(news) = timeout_at(again_at, news.recv()).await {
                match news {
                    Some(Ok(last)) => counter.raise(last),
                    Some(Err(_)) => {}
                    None => return Err(StoreError::Away("the connection was lost".to_owned())),
                }
            }
        }
    }
    .await;
    driven.abort();
    // Whether it takes writes is not known until the next connection.
    url.outlook.forget();
    result.map_err(|error| match error {
        StoreError::Away(what) => StoreError::Away(format!("{}: {what}", connected.name)),
        other => other,
    })
}

async fn within<T>(
    step: &str,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(ANSWER_MAX, answer).await.unwrap_or_else(|_| {
        let limit = ANSWER_MAX.as_secs_f32();
        Err(StoreError::Away(format!(
            "{step}: no answer within {limit:.1} s"
        )))
    })
}

/// The feed's counter, and whether the server is still what it was.
async fn look(client: &Client, url: &PostgresUrl) -> Result<i64, StoreError> {
    let row = client.query_one(LOOK, &[]).await?;
    let (last, is_read_only, standbys): (i64, &str, &str) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if is_read_only == "on" {
        let what = "the server does not take writes any more";
        return Err(StoreError::ReadOnly(what.to_owned()));
    }
    url.outlook.replicates_to(standbys);
    Ok(last)
}
