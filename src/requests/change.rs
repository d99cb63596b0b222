//! Acts of callers and operators on a request: ask now, cancel, send again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Requests;
use super::payment::too_little;
use crate::domain::event::EventKind;
use crate::domain::ids::RefundId;
use crate::domain::money::Amount;
use crate::domain::request::machine::{Event, Resendable};
use crate::domain::request::{Request, State};
use crate::domain::trail::{About, Act, Actor};
use crate::intake::Applying;
use crate::store::{Lane, StoreError};

/// Least time between an attempt and an ask that a read brings forward.
const ASK_ON_READ_MIN_MS: i64 = 10_000;
/// Least time between two such asks of one account.
const ASK_ON_READ_EVERY: Duration = Duration::from_secs(1);

/// Why an act was not done; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error("there is no such refund")]
    NotFound,
    /// It is known from callbacks alone.
    #[error("the refund was not requested here")]
    NoRequest,
    #[error("there is no account of this name that sends")]
    NoAccount,
    #[error("the state does not allow it")]
    NotAllowed(State),
    /// Another request of the payment has taken the place of this one; with what can still be refunded.
    #[error("more than was paid: {0} can still be refunded")]
    OverRefund(Amount),
    /// The account has no client, or its provider cannot be asked.
    #[error("the provider cannot be asked")]
    CannotAsk,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An act that was done: the state before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acted {
    pub before: State,
    pub after: State,
}

/// Who acts, how, and why, for the trail.
type Told = (Actor, Act, Option<String>);

impl Requests {
    /// Makes the ask of an open request due now. One that the service makes by itself is no act of the trail.
    pub async fn ask(&self, id: RefundId, by: Option<Actor>) -> Result<Acted, ActError> {
        let request = self.request(id).await?;
        let api = self.api(&request.account).ok_or(ActError::CannotAsk)?;
        if !api.client.can_ask() {
            return Err(ActError::CannotAsk);
        }
        let told = by.map(|by| (by, Act::RefundAsked, None));
        self.act("ask now", id, told, |applying, now| {
            let (_, request) = applying.request_mut()?;
            let is_open = request.machine.state.is_open();
            is_open.then(|| {
                request.progress.is_urgent = true;
                request.next_at = Some(now);
                None
            })
        })
        .await
    }

    /// A reader looks at an open refund: the next ask comes forward, where half of the time to it has passed. At
    /// most one a second of an account.
    pub fn ask_on_read(self: &Arc<Self>, request: &Request) {
        let is_open = request.machine.state.is_open();
        let (Some(next), Some(last)) = (request.next_at, request.last_attempt_at) else {
            return;
        };
        let now = self.clock.now().as_millis();
        let is_half = now - last.as_millis() > (next.as_millis() - last.as_millis()) / 2;
        let is_recent = now - last.as_millis() < ASK_ON_READ_MIN_MS;
        if !is_open || !is_half || is_recent || next.as_millis() <= now {
            return;
        }
        let mut asked = self
            .asked_on_read
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let at = asked.get(&request.account);
        if at.is_some_and(|at| at.elapsed() < ASK_ON_READ_EVERY) {
            return;
        }
        asked.insert(request.account.clone(), Instant::now());
        drop(asked);
        let (this, id) = (Arc::clone(self), request.refund_id);
        tokio::spawn(async move {
            // Nothing is promised: the timetable asks all the same.
            drop(this.ask(id, None).await);
        });
    }

    /// Withdraws a request that was never sent.
    pub async fn cancel(&self, id: RefundId, by: Actor) -> Result<Acted, ActError> {
        let told = Some((by, Act::RefundCanceled, None));
        self.act("cancel request", id, told, |applying, now| {
            let (refund, request) = applying.request_mut()?;
            let moved = request.apply(refund, Event::Cancel, None, now)?;
            Some(moved.event)
        })
        .await
    }

    /// Sends the same number again, by a person.
    pub async fn resend(&self, id: RefundId, reason: &str, by: Actor) -> Result<Acted, ActError> {
        let request = self.request(id).await?;
        let api = self.api(&request.account).ok_or(ActError::CannotAsk)?;
        let resendable = if api.client.resends_after_failure() {
            Resendable::AfterFailure
        } else {
            Resendable::NotAfterFailure
        };
        let is_never = request.last_reply.as_ref().is_some_and(|reply| {
            request.machine.state == State::Refused
                && reply.class == crate::domain::request::Class::Never
        });
        if is_never {
            return Err(ActError::NotAllowed(State::Refused));
        }
        let told = Some((by, Act::RefundResent, Some(reason.to_owned())));
        self.act("resend request", id, told, move |applying, now| {
            let (refund, request) = applying.request_mut()?;
            let moved = request.apply(refund, Event::Resend(resendable), None, now)?;
            Some(moved.event)
        })
        .await
    }

    async fn request(&self, id: RefundId) -> Result<Request, ActError> {
        let found = self.store.read(move |snapshot| snapshot.refund(id)).await?;
        let refund = found.ok_or(ActError::NotFound)?;
        refund.request.ok_or(ActError::NoRequest)
    }

    /// Runs an act under the locks of refund and request; it returns the event to append, or `None` where the
    /// state does not allow it.
    async fn act<F>(
        &self,
        name: &'static str,
        id: RefundId,
        told: Option<Told>,
        act: F,
    ) -> Result<Acted, ActError>
    where
        F: Fn(&mut Applying<'_, '_>, crate::domain::time::Timestamp) -> Option<Option<EventKind>>
            + Send
            + 'static,
    {
        let clock = Arc::clone(&self.clock);
        let done = self.store.write(name, Lane::SHARED, move |tx| {
            let Some(mut applying) = Applying::of_request(tx, clock.as_ref(), id)? else {
                let is_known = tx.snapshot().refund(id)?.is_some();
                return Ok(Err(if is_known {
                    ActError::NoRequest
                } else {
                    ActError::NotFound
                }));
            };
            let state = |applying: &Applying<'_, '_>| {
                applying
                    .request()
                    .map_or(State::Canceled, |request| request.machine.state)
            };
            let (before, was) = (state(&applying), shown(&applying));
            let Some(event) = act(&mut applying, clock.now()) else {
                return Ok(Err(ActError::NotAllowed(before)));
            };
            let after = state(&applying);
            if !before.holds_money()
                && after.holds_money()
                && let Some(request) = applying.request().cloned()
                && let Some(left) = too_little(applying.tx(), &request)?
            {
                return Ok(Err(ActError::OverRefund(left)));
            }
            if let Some((by, act, reason)) = &told {
                let entry = by.did(*act, About::refund(id), clock.now());
                let entry = entry.changed(&was, &shown(&applying));
                let entry = match reason {
                    Some(reason) => entry.because(reason),
                    None => entry,
                };
                applying.tx().append_act(entry);
            }
            applying.finish(event.into_iter().collect())?;
            Ok(Ok(Acted { before, after }))
        });
        let acted = done.await??;
        self.wake.notify_one();
        Ok(acted)
    }
}

/// What the trail shows of a request before and after an act.
fn shown(applying: &Applying<'_, '_>) -> Value {
    applying.request().map_or(Value::Null, |request| {
        let state = request.machine.state.as_str();
        json!({"state": state, "next_at": request.next_at})
    })
}
