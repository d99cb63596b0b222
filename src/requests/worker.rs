//! The worker: gives each request that is due its next step.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::Requests;
use super::attempt::{Channel, lease};
use crate::domain::claim::Reason;
use crate::domain::request::machine::Event;
use crate::domain::request::{Request, State};
use crate::domain::time::Timestamp;
use crate::intake::Applying;
use crate::store::{Lane, LogLimit, StoreError};

/// Longest time between two looks.
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// Shortest time between two looks of any kind: what became due in between is leased by one.
const GATHERING: Duration = Duration::from_millis(5);
/// Pause of a request that could not begin: another refund of its payment is under way, or its account stopped.
const TURN: Duration = Duration::from_secs(30);
/// No lease is longer; what is planned so soon may be looked at sooner.
const LEASE_MAX: Duration = Duration::from_secs(240);

static LOOK_FAILED: LogLimit = LogLimit::new();
static STEP_FAILED: LogLimit = LogLimit::new();

impl Requests {
    /// Runs until [`Self::drain`] is called and the steps under way are done. One that is not waited for leaves an
    /// open attempt, which is asked about after the next start.
    pub async fn run(self: Arc<Self>) {
        self.take_over().await;
        tokio::join!(self.send_and_ask(), self.watch_unserved());
    }

    async fn send_and_ask(self: &Arc<Self>) {
        let mut steps = JoinSet::new();
        while !self.is_draining.load(Ordering::Acquire) {
            while steps.try_join_next().is_some() {}
            let pause = match self.look(&mut steps).await {
                Ok(next) => next,
                Err(error) => {
                    if let Some(kept_back) = LOOK_FAILED.may_say() {
                        tracing::warn!(%error, kept_back, "due requests could not be read; retrying");
                    }
                    PERIOD
                }
            };
            tokio::time::sleep(GATHERING).await;
            drop(tokio::time::timeout(pause, self.wake.notified()).await);
        }
        while steps.join_next().await.is_some() {}
    }

    /// Begins nothing more.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
        self.wake.notify_one();
        self.drained.notify_one();
    }

    /// Where no other process works on the store, an attempt without an end is one of a process that died.
    async fn take_over(&self) {
        if self.store.is_shared() {
            return;
        }
        let now = self.clock.now();
        let taken = self
            .store
            .write("take over requests", Lane::SHARED, move |tx| {
                // A lease of a process that died holds up nothing.
                tx.wake_leased(now, now.plus(LEASE_MAX))?;
                tx.wake_abandoned(now)
            });
        match taken.await {
            Ok(0) => {}
            Ok(taken) => {
                let what = "attempts of an earlier process have no end; their outcome is asked for";
                tracing::warn!(taken, "{what}");
            }
            Err(error) => {
                tracing::warn!(%error, "attempts of an earlier process wait for their leases");
            }
        }
    }

    pub(super) async fn step_once(
        self: Arc<Self>,
        channel: Channel,
        request: Request,
        slot: OwnedSemaphorePermit,
    ) {
        let id = request.refund_id;
        let result = self.step(&channel, request).await;
        if let Err(error) = result
            && let Some(kept_back) = STEP_FAILED.may_say()
        {
            tracing::warn!(refund_id = %id, %error, kept_back, "a request waits for its next lease");
        }
        drop(slot);
        self.wake.notify_one();
    }

    async fn step(&self, channel: &Channel, request: Request) -> Result<(), StoreError> {
        let now = self.clock.now();
        match request.machine.state {
            State::Queued => {
                let (id, fence) = (request.refund_id, request.fence);
                if self.send(channel, request).await? {
                    return Ok(());
                }
                self.wait_for_turn(channel, id, fence).await
            }
            // Its worker died, or its lease ended.
            State::Sending => self.abandon(request).await,
            State::Unknown | State::Accepted => {
                let is_due = request.progress.is_urgent || is_ask_due(&request, channel, now);
                if is_due && channel.api.client.can_ask() {
                    self.ask_provider(channel, request).await
                } else {
                    self.plan_next(channel, request).await
                }
            }
            State::Refused | State::Done | State::Failed | State::Canceled => {
                self.plan_next(channel, request).await
            }
        }
    }

    /// A request that was not begun goes back, to be taken again before the lease would end.
    async fn wait_for_turn(
        &self,
        channel: &Channel,
        id: crate::domain::ids::RefundId,
        fence: i64,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (lease_left, soon) = (now.plus(lease(channel) / 2), now.plus(TURN));
        self.store
            .write_soon("wait for turn", Lane::SHARED, move |tx| {
                let Some(mut request) = tx.lock_request(id)? else {
                    return Ok(());
                };
                let is_leased = request.next_at.is_some_and(|next| next > lease_left);
                let waits = request.machine.state == State::Queued && request.fence == fence;
                if waits && is_leased {
                    request.next_at = Some(soon);
                    tx.save_request(&request)?;
                }
                Ok(())
            })
            .await
    }

    async fn abandon(&self, request: Request) -> Result<(), StoreError> {
        let (clock, now) = (Arc::clone(&self.clock), self.clock.now());
        let (id, fence) = (request.refund_id, request.fence);
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        self.store
            .write_soon("abandon attempt", lane, move |tx| {
                let Some(mut applying) = Applying::of_leased(tx, clock.as_ref(), id, fence)? else {
                    return Ok(());
                };
                end_abandoned(&mut applying, now)?;
                applying.finish(Vec::new()).map(drop)
            })
            .await
    }

    /// Sets when an open request is due again, and raises the question of one that is overdue.
    async fn plan_next(&self, channel: &Channel, request: Request) -> Result<(), StoreError> {
        let (clock, now) = (Arc::clone(&self.clock), self.clock.now());
        let (id, fence) = (request.refund_id, request.fence);
        let lane = Lane::of_refund(&request.account, Some(&request.refund_no));
        let channel = channel.clone();
        self.store
            .write_soon("plan request", lane, move |tx| {
                let Some(mut applying) = Applying::of_leased(tx, clock.as_ref(), id, fence)? else {
                    return Ok(());
                };
                let Some((refund, request)) = applying.request_mut() else {
                    return Ok(());
                };
                if request.machine.state.is_open() && is_newly_overdue(request, &channel, now) {
                    request.progress.is_overdue = true;
                    refund.raise(Reason::OutcomeOverdue, None, now);
                    refund.updated_at = now;
                }
                request.next_at = plan(request, &channel, now);
                applying.finish(Vec::new()).map(drop)
            })
            .await
    }
}

/// An attempt that has no end leaves its outcome open, and moves nothing by a late one.
pub(super) fn end_abandoned(
    applying: &mut Applying<'_, '_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some((refund, request)) = applying.request_mut() else {
        return Ok(());
    };
    if request.apply(refund, Event::Abandoned, None, now).is_some() {
        request.fence += 1;
        let id = request.refund_id;
        applying.tx().end_abandoned_attempts(id, now)?;
    }
    Ok(())
}

/// Whether the timetable says that it is time.
fn is_ask_due(request: &Request, channel: &Channel, now: Timestamp) -> bool {
    next_ask(request, channel, now).is_some_and(|at| at <= now)
        && !is_newly_overdue(request, channel, now)
}

/// The question comes before the ask: it is raised in the commit that plans.
fn is_newly_overdue(request: &Request, channel: &Channel, now: Timestamp) -> bool {
    !request.progress.is_overdue && now >= overdue_at(request, channel)
}

fn overdue_at(request: &Request, channel: &Channel) -> Timestamp {
    let (progress, requested_at) = (&request.progress, request.requested_at);
    channel.timetable.overdue_at(progress, requested_at)
}

fn next_ask(request: &Request, channel: &Channel, now: Timestamp) -> Option<Timestamp> {
    // The same for each look: the request's own bytes are random enough.
    let jitter = request.refund_id.as_bytes()[15];
    channel.timetable.next_ask(
        (request.machine.state, &request.progress),
        (request.requested_at, request.last_attempt_at),
        now,
        jitter,
    )
}

/// When a worker has to see the request again: to ask, or to say that it is overdue.
pub(super) fn plan(request: &Request, channel: &Channel, now: Timestamp) -> Option<Timestamp> {
    plan_after(request, channel, now, None)
}

/// The same where the provider wants no ask before a time. However late that is, a person is asked in time.
pub(super) fn plan_after(
    request: &Request,
    channel: &Channel,
    now: Timestamp,
    earliest: Option<Timestamp>,
) -> Option<Timestamp> {
    if !request.machine.state.is_open() {
        return match request.machine.state {
            State::Queued | State::Sending => request.next_at,
            _ => None,
        };
    }
    let ask = if request.progress.is_urgent {
        // Asked for after this worker had read the request.
        Some(now)
    } else {
        next_ask(request, channel, now)
    };
    let ask = ask.filter(|_| channel.api.client.can_ask()).max(earliest);
    let overdue = (!request.progress.is_overdue).then(|| overdue_at(request, channel).max(now));
    match (ask, overdue) {
        (Some(ask), Some(overdue)) => Some(ask.min(overdue)),
        (ask, overdue) => ask.or(overdue),
    }
}
