//! Hears of events that other instances commit, so that readers who wait here are woken.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::{AsyncMessage, Client};

use super::super::{StoreError, raise};
use super::{EVENTS_CHANNEL, PostgresUrl, session};

const LAST_SEQUENCE: &str = "SELECT last_sequence FROM feed";
/// How often the counter is looked at all the same: a connection can die without a word.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Pause before a lost connection is made again.
const RECONNECT: Duration = Duration::from_secs(1);

/// The listening thread; ends when dropped.
pub(in super::super) struct Listener {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts to listen, and raises `sequence` to what is heard.
    pub(in super::super) fn start(
        url: Arc<PostgresUrl>,
        sequence: watch::Sender<i64>,
    ) -> Result<Self, StoreError> {
        let runtime = session::runtime()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("store-listener".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = listen_for_ever(&url, &sequence) => {}
                        // Told to stop, or the store is gone.
                        _ = stopped => {}
                    }
                });
            })
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
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

async fn listen_for_ever(url: &PostgresUrl, sequence: &watch::Sender<i64>) {
    loop {
        if let Err(error) = listen(url, sequence).await {
            tracing::warn!(error = %url.at(error), "not hearing of other instances; trying again");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Listens until the connection is lost.
async fn listen(url: &PostgresUrl, sequence: &watch::Sender<i64>) -> Result<(), StoreError> {
    let (client, mut connection) = url.connect().await?;
    let (heard, mut news) = mpsc::unbounded_channel();
    let driven = tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    // Nobody listens any more: the other side ends this task.
                    drop(heard.send(notification.payload().parse::<i64>()));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    let result = async {
        let listen = format!("LISTEN {EVENTS_CHANNEL}");
        client.batch_execute(&listen).await?;
        loop {
            // First what was committed before we listened, or unheard since.
            raise(sequence, last_sequence(&client).await?);
            while let Ok(news) = tokio::time::timeout(LOOK_AGAIN, news.recv()).await {
                match news {
                    Some(Ok(last)) => raise(sequence, last),
                    Some(Err(_)) => {}
                    None => return Err(StoreError::Away("the connection was lost".to_owned())),
                }
            }
        }
    }
    .await;
    driven.abort();
    result
}

async fn last_sequence(client: &Client) -> Result<i64, StoreError> {
    let asked = client.query_one(LAST_SEQUENCE, &[]);
    let row = tokio::time::timeout(LOOK_AGAIN, asked)
        .await
        .map_err(|_| StoreError::Away("no answer".to_owned()))??;
    Ok(row.try_get(0)?)
}
