//! Push: each event is posted to the configured endpoints, signed as Standard Webhooks lays it down.
//!
//! # What is promised
//!
//! * **At least once.** An event counts as delivered when the endpoint answers 2xx and that is saved; what
//!   was answered just before a crash is sent again, under the same `webhook-id`.
//! * **In order for each refund.** The next event of a refund is sent after the last one was taken. Events
//!   of different refunds pass each other.
//! * **Nobody waits for an endpoint.** Each has its own task and threads; callbacks and other endpoints never
//!   wait for it, and a failing refund holds up only itself: its events are *parked* and tried again by
//!   the schedule, while the rest go on.
//! * **Nothing is lost.** How far an endpoint has come, and what is parked, is in the store. The events
//!   themselves are in the feed, so that an operator can push any of them again.
//!
//! # How an endpoint is served
//!
//! One instance at a time serves it, by a lease in its row that ends by itself (`worker`). The worker
//! keeps a window of the feed in memory (`backlog`), decides by rules without any IO what a failure means
//! (`ledger`), and hands single events to threads that post them (`delivery`), to addresses that
//! are allowed (`address`).
//!
//! While the last few attempts all failed, the endpoint itself is taken to be failing: only one parked
//! event is tried at a time, by its schedule, and nothing is given up. Once one is taken, everything that is
//! parked is tried at once. After days of nothing but failures, or at a 410, the endpoint is
//! disabled until an operator recovers it.

mod backlog;
mod delivery;
mod endpoint;
mod endpoint_state;
mod headers;
mod roster;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use tokio::sync::Notify;

use crate::domain::time::Clock;
use crate::feed::{Feed, SeekTo};
use crate::store::{EndpointRow, Lane, Store, StoreError};

pub use crate::outbound::address::{EndpointUrl, EndpointUrlError, shown_url};
pub use delivery::{Roots, RootsError};
pub use endpoint::{Endpoint, Schedule};
pub use headers::{HeaderError, Headers};

/// The endpoints of this process.
pub struct Push {
    store: Arc<Store>,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    /// Who serves, in the lease of a row.
    instance: String,
    served: RwLock<Vec<Arc<Served>>>,
    /// Wakes [`Push::run`] after they have changed.
    reloaded: Notify,
}

/// One endpoint, and what this process has done for it.
struct Served {
    endpoint: Endpoint,
    attempts: AtomicU64,
    failures: AtomicU64,
    /// Wakes its worker after an operator changed the row, or a reload the settings.
    changed: Notify,
    /// Another config has taken its place.
    is_retired: AtomicBool,
}

/// An endpoint as an operator sees it.
pub struct EndpointStatus {
    /// Where it is.
    pub url: String,
    /// What is stored of it.
    pub row: EndpointRow,
    /// Events after what is delivered, parked or not wanted.
    pub lag: i64,
    /// Events that are tried again, or wait behind such a one.
    pub parked: i64,
    /// Events that are not tried again unless an operator says so.
    pub given_up: i64,
    /// Attempts of this process.
    pub attempts: u64,
    /// Those that failed.
    pub failures: u64,
}

/// Why an endpoint is not recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The config names no such endpoint.
    #[error("no endpoint has this name")]
    Unknown,
    /// No event has this number yet.
    #[error("the last event is {last}")]
    BeyondLast {
        /// The last number given away.
        last: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Push {
    /// Makes the endpoints known to the store; a new one begins with the next event.
    pub async fn start(
        store: Arc<Store>,
        feed: Arc<Feed>,
        clock: Arc<dyn Clock>,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, StoreError> {
        // A store of one process keeps its lease over a restart, however the last process ended.
        let instance = if store.is_shared() {
            clock.new_uuid().to_string()
        } else {
            "the only one".to_owned()
        };
        let push = Self {
            served: RwLock::default(),
            reloaded: Notify::new(),
            store,
            feed,
            clock,
            instance,
        };
        push.reload(endpoints).await?;
        Ok(push)
    }

    /// Every endpoint of the config, as it stands now.
    pub async fn status(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        let served = self.served();
        if served.is_empty() {
            return Ok(Vec::new());
        }
        let (rows, parked, last) = self
            .store
            .read_own(|snapshot| {
                Ok((
                    snapshot.endpoints()?,
                    snapshot.count_parked_pushes()?,
                    snapshot.last_sequence()?,
                ))
            })
            .await?;
        let status = |served: &Arc<Served>| {
            let name = &served.endpoint.name;
            let row = rows.iter().find(|row| row.name == *name)?.clone();
            let counted = parked.iter().find(|(of, ..)| of == name);
            let (all, given_up) = counted.map_or((0, 0), |(_, all, given_up)| (*all, *given_up));
            Some((row, all - given_up, given_up))
        };
        let shown = served.iter().filter_map(|served| {
            let (row, parked, given_up) = status(served)?;
            Some(EndpointStatus {
                url: served.endpoint.url.to_string(),
                lag: (last - row.pushed_sequence).max(0),
                row,
                parked,
                given_up,
                attempts: served.attempts.load(Ordering::Relaxed),
                failures: served.failures.load(Ordering::Relaxed),
            })
        });
        Ok(shown.collect())
    }

    /// Serves an endpoint again that was disabled, and tries everything that is parked or was given up
    /// at once; with `since` it gets everything after that place again. A place that it has not come to yet
    /// changes nothing: what was not delivered is sent in any case.
    pub async fn recover(&self, name: &str, since: Option<SeekTo>) -> Result<(), RecoverError> {
        let served = self.served();
        let served = served
            .iter()
            .find(|served| served.endpoint.name == name)
            .ok_or(RecoverError::Unknown)?;
        let (name, now) = (served.endpoint.name.clone(), self.clock.now());
        self.store
            .write("recover endpoint", Lane::SHARED, move |tx| {
                let from = match since.map(|since| since.resolve(&mut tx.snapshot())) {
                    None => None,
                    Some(resolved) => match resolved? {
                        Ok(from) => Some(from),
                        Err(last) => return Ok(Err(RecoverError::BeyondLast { last })),
                    },
                };
                let is_known = tx.recover_endpoint(&name, from, now)?;
                Ok(is_known.then_some(()).ok_or(RecoverError::Unknown))
            })
            .await??;
        served.changed.notify_one();
        Ok(())
    }
}
