//! Push: posts each event to the configured endpoints, signed as Standard Webhooks defines it.
//!
//! # What is promised
//!
//! * **At least once.** An event counts as delivered when the endpoint answers 2xx and that is saved. One
//!   that was answered just before a crash is sent again, with the same `webhook-id`.
//! * **In order for each refund.** The next event of a refund is sent after the previous one was delivered.
//!   Events of different refunds pass each other.
//! * **No head-of-line blocking.** Each endpoint has its own task and threads; callbacks and other endpoints
//!   never wait for it. A failing event holds up only its refund: the events of that refund are *parked* and
//!   retried by the schedule. After the last retry an event is *given up*: it is a dead letter, which is sent
//!   again only if an operator recovers the endpoint.
//! * **Nothing is lost.** The store holds each endpoint's cursor and parked events. The events themselves are
//!   in the feed, so that an operator can replay any of them.
//!
//! # How an endpoint is served
//!
//! One instance at a time serves it, by a lease in its row that expires (`worker`). The worker keeps a window
//! of the feed in memory (`backlog`), decides without IO what a failure means (`endpoint_state`), and hands
//! single events to threads that post them (`delivery`), to allowed addresses only (`outbound::address`).
//!
//! After a few failures in a row the endpoint itself counts as failing: only one parked event is tried at a
//! time, by its schedule, and nothing is given up. Once one is delivered, all parked events are tried at
//! once. After days of nothing but failures, or at a 410, the endpoint is disabled until an operator
//! recovers it.

mod backlog;
mod delivery;
mod endpoint;
mod endpoint_state;
mod endpoints;
mod headers;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::domain::time::Clock;
use crate::domain::trail::{About, Act, Actor};
use crate::feed::{Feed, SeekTo};
use crate::store::{EndpointRow, Lane, Store, StoreError, Tx};

pub use crate::outbound::address::{EndpointUrl, EndpointUrlError, shown_url};
pub use crate::outbound::agent::{CaCertificates, CaCertificatesError, ClientIdentity};
pub use endpoint::{Endpoint, Schedule};
pub use headers::{HeaderError, Headers};

/// The endpoints of this process.
pub struct Push {
    store: Arc<Store>,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    /// Lease holder, as the row names it.
    instance: String,
    served: RwLock<Vec<Arc<Served>>>,
    /// Wakes [`Push::run`] after a reload.
    reloaded: Notify,
}

/// One endpoint, and this process's counters for it.
struct Served {
    endpoint: Endpoint,
    attempts: AtomicU64,
    failures: AtomicU64,
    /// Wakes its worker after an operator changed the row or a reload changed the settings.
    changed: Notify,
    /// A reload has replaced or removed it.
    is_retired: AtomicBool,
}

/// An endpoint as an operator sees it.
pub struct EndpointStatus {
    pub url: String,
    pub row: EndpointRow,
    /// Events after its cursor.
    pub lag: i64,
    /// Events that are retried, or wait behind one of the same refund that is.
    pub parked: i64,
    /// Dead letters: retried only if an operator recovers the endpoint.
    pub given_up: i64,
    /// Of this process.
    pub attempts: u64,
    /// Failed attempts of this process.
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
        /// The last number in use.
        last: i64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Push {
    /// Registers the endpoints in the store; a new one begins with the next event.
    pub async fn start(
        store: Arc<Store>,
        feed: Arc<Feed>,
        clock: Arc<dyn Clock>,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, StoreError> {
        // In a store of one process the lease survives a restart, even after a crash.
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

    /// The state of every configured endpoint.
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

    /// Enables a disabled endpoint and retries all parked and given-up events at once; with `since` it also
    /// replays all events after that cursor. A cursor ahead of the endpoint's own changes nothing: events that
    /// were not delivered are sent in any case.
    pub async fn recover(
        &self,
        name: &str,
        since: Option<SeekTo>,
        by: Actor,
    ) -> Result<(), RecoverError> {
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
                let shown = |tx: &mut Tx<'_>| {
                    let rows = tx.snapshot().endpoints()?;
                    let row = rows.iter().find(|row| row.name == name);
                    Ok::<_, StoreError>(row.map_or(Value::Null, |row| {
                        let is_disabled = row.disabled.is_some();
                        json!({"sequence": row.pushed_sequence, "disabled": is_disabled})
                    }))
                };
                let was = shown(tx)?;
                let is_known = tx.recover_endpoint(&name, from, now)?;
                if is_known {
                    let entry = by.did(Act::EndpointRecovered, About::new("endpoint", &name), now);
                    let is = shown(tx)?;
                    tx.append_act(entry.changed(&was, &is));
                }
                Ok(is_known.then_some(()).ok_or(RecoverError::Unknown))
            })
            .await??;
        served.changed.notify_one();
        Ok(())
    }
}
