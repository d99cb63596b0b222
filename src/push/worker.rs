//! One endpoint's worker: takes the lease, fills the window, hands events out and saves their outcomes. Only
//! the worker writes the endpoint's row, except when an operator recovers the endpoint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::Served;
use super::backlog::NextEvent;
use super::delivery::{Outcome, PosterPool};
use super::endpoint_state::EndpointState;
use crate::domain::time::{Clock, Timestamp};
use crate::feed::Feed;
use crate::store::{EndpointRow, Lane, Store, StoreError};

/// An instance that does not renew its lease for this long loses it to another.
const LEASE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
/// Pause before a retry after the lease was taken or the store failed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Max time for which a delivery is in memory alone: that much is sent again after a crash.
const SAVE_EVERY: Duration = Duration::from_millis(100);

/// How long a dead letter is kept for an operator to retry.
const GIVEN_UP_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Max dead letters of one endpoint.
const GIVEN_UP_MAX: i64 = 10_000;
/// How often old dead letters are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

pub(super) struct Worker {
    pub(super) store: Arc<Store>,
    pub(super) feed: Arc<Feed>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) instance: String,
    pub(super) served: Arc<Served>,
}

/// Why a worker drops its state.
enum Stop {
    /// Another instance has the lease, or an operator changed the row: reload it.
    Changed,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Worker {
    /// Serves the endpoint whenever it holds the lease, until shutdown or a reload.
    pub(super) async fn run(self) {
        while !self.is_over() {
            let stop = match self.lease().await {
                Ok(Some(row)) => match self.serve(row).await {
                    Ok(()) => return,
                    Err(Stop::Changed) => continue,
                    Err(Stop::Store(error)) => Some(error),
                },
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if let Some(error) = stop {
                let endpoint = self.name();
                tracing::warn!(endpoint, %error, "an endpoint cannot be served; retrying");
            }
            tokio::select! {
                _ = self.feed.wait(i64::MAX, Instant::now() + LOOK_AGAIN) => {}
                () = self.served.changed.notified() => {}
            }
        }
    }

    /// Whether this worker is to end: the process shuts down, or a reload replaced the settings.
    fn is_over(&self) -> bool {
        self.feed.is_draining() || self.served.is_retired()
    }

    fn name(&self) -> &str {
        &self.served.endpoint.name
    }

    /// End of a lease that is taken or renewed now.
    fn lease_end(&self) -> Timestamp {
        self.clock.now().plus(LEASE)
    }

    async fn lease(&self) -> Result<Option<EndpointRow>, StoreError> {
        let (name, instance) = (self.name().to_owned(), self.instance.clone());
        let (until, now) = (self.lease_end(), self.clock.now());
        self.store
            .write("lease endpoint", Lane::SHARED, move |tx| {
                tx.lease_endpoint(&name, &instance, until, now)
            })
            .await
    }

    /// Serves until shutdown or a reload (`Ok`), or until the row has to be reloaded.
    async fn serve(&self, mut row: EndpointRow) -> Result<(), Stop> {
        let epoch = self.feed.epoch();
        let (name, cursor) = (self.name().to_owned(), row.pushed_sequence);
        let (last, parked) = self
            .store
            .read_own(move |snapshot| {
                let last = snapshot.last_sequence()?;
                let parked = snapshot.parked_pushes(&name, cursor.min(last))?;
                Ok((last, parked))
            })
            .await?;
        if cursor > last {
            let endpoint = self.name();
            tracing::warn!(
                endpoint,
                cursor,
                last,
                "an endpoint's cursor is beyond the last event: the store was restored; it goes on from there"
            );
            row.pushed_sequence = last;
        }
        let (results, mut outcomes) = unbounded_channel();
        let posters = PosterPool::new(&self.served, &self.clock, &results);
        let mut state = EndpointState::new(row, parked, self.served.endpoint.max_in_flight);
        let result = self.work(&mut state, &posters, &mut outcomes, &epoch).await;
        // The next worker must not send a later event of a refund while an earlier one is in flight.
        while state.backlog.under_way() > 0 {
            let Some((sequence, outcome)) = outcomes.recv().await else {
                break;
            };
            self.note(&mut state, sequence, outcome);
        }
        if result.is_ok() {
            self.save(&mut state).await?;
            let (name, instance) = (self.name().to_owned(), self.instance.clone());
            self.store
                .write("release endpoint", Lane::SHARED, move |tx| {
                    tx.release_endpoint(&name, &instance)
                })
                .await?;
        }
        result
    }

    async fn work(
        &self,
        state: &mut EndpointState,
        posters: &PosterPool,
        outcomes: &mut UnboundedReceiver<(i64, Outcome)>,
        epoch: &Arc<str>,
    ) -> Result<(), Stop> {
        let began = Instant::now();
        let mut saved_at = began;
        let mut renewed_at = saved_at;
        let mut forgot_at: Option<Instant> = None;
        while !self.is_over() {
            // A restore: the numbers in memory are of a history that has ended.
            if self.feed.epoch() != *epoch {
                return Err(Stop::Changed);
            }
            state.keep_time(self.clock.now(), began.elapsed());
            if forgot_at.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
                self.forget_given_up(state).await?;
                forgot_at = Some(Instant::now());
            }
            self.fill(state).await?;
            self.send(state, posters).await?;
            if saved_at.elapsed() >= SAVE_EVERY && self.save(state).await? {
                (saved_at, renewed_at) = (Instant::now(), Instant::now());
            }
            if renewed_at.elapsed() >= RENEW {
                if self.store.is_shared() {
                    self.renew(state).await?;
                }
                renewed_at = Instant::now();
            }
            let until = self.look_again(state, saved_at, renewed_at);
            tokio::select! {
                Some((sequence, outcome)) = outcomes.recv() => {
                    state.keep_time(self.clock.now(), began.elapsed());
                    self.note(state, sequence, outcome);
                    while let Ok((sequence, outcome)) = outcomes.try_recv() {
                        self.note(state, sequence, outcome);
                    }
                }
                () = self.served.changed.notified() => self.renew(state).await?,
                () = self.wait_for_events(state, until) => {}
            }
        }
        Ok(())
    }

    /// The next deadline: renewing, saving, or a due event.
    fn look_again(&self, state: &EndpointState, saved_at: Instant, renewed_at: Instant) -> Instant {
        let mut until = renewed_at + RENEW;
        if state.unsaved().is_some() {
            until = until.min(saved_at + SAVE_EVERY);
        }
        if let Some(due) = state.next_due() {
            let millis = due.as_millis().saturating_sub(self.clock.now().as_millis());
            let pause = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
            until = until.min(Instant::now() + pause);
        }
        until
    }

    /// Waits for events if the window has space, until a time or shutdown.
    async fn wait_for_events(&self, state: &EndpointState, until: Instant) {
        let after = match state.capacity() {
            0 => i64::MAX,
            _ => state.backlog.read(),
        };
        self.feed.wait(after, until).await;
    }

    /// Fills the window from the feed.
    async fn fill(&self, state: &mut EndpointState) -> Result<(), StoreError> {
        loop {
            let room = u32::try_from(state.capacity()).unwrap_or(0);
            let after = state.backlog.read();
            if room == 0 || self.feed.last() <= after {
                return Ok(());
            }
            let page = self.feed.next(after, room).await?;
            if page.epoch != self.feed.epoch() || page.events.is_empty() {
                return Ok(());
            }
            for event in page.events {
                let is_wanted = self.served.endpoint.wants(&event.kind);
                state.backlog.take(event, is_wanted);
            }
        }
    }

    /// Hands out every event that may be sent now.
    async fn send(
        &self,
        state: &mut EndpointState,
        posters: &PosterPool,
    ) -> Result<(), StoreError> {
        while let Some(next) = state.next(self.clock.now()) {
            let event = match next {
                NextEvent::Fresh(event) => event,
                NextEvent::Parked(sequence) => {
                    let found = self.feed.next(sequence - 1, 1).await;
                    let found = found.map(|page| page.events.into_iter().next());
                    match found {
                        Ok(Some(event)) if event.sequence == sequence => event,
                        Ok(_) => {
                            // The event no longer exists.
                            state.backlog.delivered(sequence);
                            continue;
                        }
                        Err(error) => {
                            state.backlog.put_back(sequence);
                            return Err(error);
                        }
                    }
                }
            };
            let sequence = event.sequence;
            if let Err(error) = posters.send(event) {
                state.backlog.put_back(sequence);
                return Err(error);
            }
        }
        Ok(())
    }

    fn note(&self, state: &mut EndpointState, sequence: i64, outcome: Outcome) {
        let endpoint = self.name();
        self.served.attempts.fetch_add(1, Ordering::Relaxed);
        if outcome != Outcome::Delivered {
            self.served.failures.fetch_add(1, Ordering::Relaxed);
            tracing::info!(
                endpoint,
                sequence,
                ?outcome,
                "an attempt to push an event failed"
            );
        }
        let was_enabled = state.row.disabled.is_none();
        // The last byte of a fresh id is random enough for jitter.
        let jitter = self.clock.new_uuid().as_bytes()[15];
        let now = self.clock.now();
        state.note(&self.served.endpoint, sequence, outcome, now, jitter);
        if let (true, Some((_, reason))) = (was_enabled, state.row.disabled) {
            let reason = reason.as_str();
            tracing::error!(
                endpoint,
                reason,
                "an endpoint is disabled until it is recovered"
            );
        }
    }

    /// Saves all changes; `false` if there were none.
    async fn save(&self, state: &mut EndpointState) -> Result<bool, Stop> {
        let Some(mut unsaved) = state.unsaved() else {
            return Ok(false);
        };
        unsaved.row.leased_until = self.lease_end();
        let (told, now) = (unsaved.clone(), self.clock.now());
        let saved = self
            .store
            .write("save endpoint", Lane::SHARED, move |tx| {
                // The store was restored: these numbers are of a history that has ended.
                if tx.snapshot().last_sequence()? < told.row.pushed_sequence {
                    return Ok(false);
                }
                if !tx.save_endpoint(&told.row, now)? {
                    return Ok(false);
                }
                for (sequence, parked) in &told.parked {
                    match parked {
                        Some(parked) => tx.save_parked_push(&told.row.name, parked)?,
                        None => tx.delete_parked_push(&told.row.name, *sequence)?,
                    }
                }
                Ok(true)
            })
            .await?;
        if !saved {
            return Err(Stop::Changed);
        }
        state.saved(unsaved);
        Ok(true)
    }

    /// Deletes dead letters that are too old or too many.
    async fn forget_given_up(&self, state: &EndpointState) -> Result<(), StoreError> {
        let (name, pushed) = (self.name().to_owned(), state.row.pushed_sequence);
        let before = self.clock.now().minus(GIVEN_UP_KEPT);
        let forgotten = self
            .store
            .write("forget given up", Lane::SHARED, move |tx| {
                tx.forget_given_up(&name, pushed, before, GIVEN_UP_MAX)
            })
            .await?;
        if forgotten > 0 {
            let endpoint = self.name();
            tracing::info!(endpoint, forgotten, "old dead letters are deleted");
        }
        Ok(())
    }

    /// Renews the lease and checks whether an operator changed the row.
    async fn renew(&self, state: &mut EndpointState) -> Result<(), Stop> {
        match self.lease().await? {
            Some(row) if row.revision == state.row.revision => Ok(()),
            Some(_) | None => Err(Stop::Changed),
        }
    }
}
