//! Acts of callers and operators on a request: ask now, cancel, send again.

use std::sync::Arc;

use super::Requests;
use crate::domain::event::EventKind;
use crate::domain::ids::RefundId;
use crate::domain::request::State;
use crate::domain::request::machine::{Event, Resendable};
use crate::intake::Applying;
use crate::store::{Lane, StoreError};

/// Why an act was not done; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error("there is no such refund, or it has no request")]
    NotFound,
    #[error("the state does not allow it")]
    NotAllowed(State),
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

impl Requests {
    /// Makes the ask of an open request due now.
    pub async fn ask(&self, id: RefundId) -> Result<Acted, ActError> {
        let request = self.request(id).await?;
        let api = self.api(&request.account).ok_or(ActError::CannotAsk)?;
        if !api.client.can_ask() {
            return Err(ActError::CannotAsk);
        }
        self.act("ask now", id, |applying, now| {
            let Some((_, request)) = applying.request_mut() else {
                return None;
            };
            let is_open = matches!(request.machine.state, State::Unknown | State::Accepted);
            is_open.then(|| {
                request.progress.is_urgent = true;
                request.next_at = Some(now);
                None
            })
        })
        .await
    }

    /// Withdraws a request that was never sent.
    pub async fn cancel(&self, id: RefundId) -> Result<Acted, ActError> {
        self.act("cancel request", id, |applying, now| {
            let (refund, request) = applying.request_mut()?;
            let moved = request.apply(refund, Event::Cancel, None, now)?;
            Some(moved.event)
        })
        .await
    }

    /// Sends the same number again, by a person.
    pub async fn resend(&self, id: RefundId) -> Result<Acted, ActError> {
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
        self.act("resend request", id, move |applying, now| {
            let (refund, request) = applying.request_mut()?;
            let moved = request.apply(refund, Event::Resend(resendable), None, now)?;
            Some(moved.event)
        })
        .await
    }

    async fn request(&self, id: RefundId) -> Result<crate::domain::request::Request, ActError> {
        let found = self
            .store
            .read(move |snapshot| snapshot.request(id))
            .await?;
        found.ok_or(ActError::NotFound)
    }

    /// Runs an act under the locks of refund and request; it returns the event to append, or `None` where the
    /// state does not allow it.
    async fn act<F>(&self, name: &'static str, id: RefundId, act: F) -> Result<Acted, ActError>
    where
        F: Fn(&mut Applying<'_, '_>, crate::domain::time::Timestamp) -> Option<Option<EventKind>>
            + Send
            + 'static,
    {
        let clock = Arc::clone(&self.clock);
        let done = self.store.write(name, Lane::SHARED, move |tx| {
            let Some(mut applying) = Applying::of_request(tx, clock.as_ref(), id)? else {
                return Ok(Err(ActError::NotFound));
            };
            let state = |applying: &Applying<'_, '_>| {
                applying
                    .request()
                    .map_or(State::Canceled, |request| request.machine.state)
            };
            let before = state(&applying);
            let Some(event) = act(&mut applying, clock.now()) else {
                return Ok(Err(ActError::NotAllowed(before)));
            };
            let after = state(&applying);
            applying.finish(event.into_iter().collect())?;
            Ok(Ok(Acted { before, after }))
        });
        let acted = done.await??;
        self.wake.notify_one();
        Ok(acted)
    }
}
