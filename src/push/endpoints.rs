//! The endpoints that are served: those of the start, then those of each reload. An endpoint with unchanged
//! settings goes on undisturbed. A removed or changed one finishes its in-flight attempts, saves its cursor
//! and releases its lease; only then does its successor start.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;

use super::worker::Worker;
use super::{Endpoint, Push, Served};
use crate::store::{Lane, StoreError};

impl Served {
    /// Takes the counters over from the endpoint of this name before the reload.
    pub(super) fn new(endpoint: Endpoint, before: Option<&Self>) -> Arc<Self> {
        let counted = |of: fn(&Self) -> &AtomicU64| {
            AtomicU64::new(before.map_or(0, |before| of(before).load(Ordering::Relaxed)))
        };
        Arc::new(Self {
            endpoint,
            attempts: counted(|served| &served.attempts),
            failures: counted(|served| &served.failures),
            changed: Notify::new(),
            is_retired: AtomicBool::new(false),
        })
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
        self.changed.notify_one();
    }
}

impl Push {
    pub(super) fn served(&self) -> Vec<Arc<Served>> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        served.clone()
    }

    /// Serves these endpoints from now on. If the store fails nothing changes.
    pub async fn reload(&self, endpoints: Vec<Endpoint>) -> Result<(), StoreError> {
        let before = self.served();
        let known = |name: &str| before.iter().find(|served| served.endpoint.name == name);
        let new = endpoints.iter().map(|endpoint| endpoint.name.as_str());
        self.register(new.filter(|name| known(name).is_none()))
            .await?;
        let served = endpoints
            .into_iter()
            .map(|endpoint| match known(&endpoint.name) {
                Some(same) if same.endpoint.is_same(&endpoint) => Arc::clone(same),
                before => Served::new(endpoint, before.map(Arc::as_ref)),
            });
        let served: Vec<_> = served.collect();
        for old in &before {
            if !served.iter().any(|new| Arc::ptr_eq(new, old)) {
                old.retire();
            }
        }
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        self.reloaded.notify_one();
        Ok(())
    }

    /// Registers endpoints in the store; a new one begins with the next event.
    pub(super) async fn register(
        &self,
        names: impl Iterator<Item = &str>,
    ) -> Result<(), StoreError> {
        for name in names {
            let (name, now) = (name.to_owned(), self.clock.now());
            let register = move |tx: &mut crate::store::Tx<'_>| {
                let last = tx.snapshot().last_sequence()?;
                tx.insert_endpoint(&name, last, now)
            };
            self.store
                .write("register endpoint", Lane::SHARED, register)
                .await?;
        }
        Ok(())
    }

    /// Runs a worker for each endpoint until the graceful shutdown.
    pub async fn run(&self) {
        let (mut working, mut names) = (FuturesUnordered::new(), HashSet::new());
        loop {
            if self.feed.is_draining() && working.is_empty() {
                return;
            }
            for served in self.served() {
                let name = served.endpoint.name.clone();
                // The retired worker of this name has not finished.
                if self.feed.is_draining() || !names.insert(name.clone()) {
                    continue;
                }
                working.push(self.worker(served).run().map(|()| name));
            }
            tokio::select! {
                Some(name) = working.next() => {
                    names.remove(&name);
                }
                () = self.reloaded.notified() => {}
                () = self.feed.drained(), if working.is_empty() => {}
            }
        }
    }

    fn worker(&self, served: Arc<Served>) -> Worker {
        Worker {
            store: Arc::clone(&self.store),
            feed: Arc::clone(&self.feed),
            clock: Arc::clone(&self.clock),
            instance: self.instance.clone(),
            served,
        }
    }
}
