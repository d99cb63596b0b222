//! What a person's decision does to a refund, and to the request of ours that belongs to it.

use std::borrow::Cow;

use super::{Attention, Refund, Waiting};
use crate::domain::claim::{Claim, Outcome, Reason, Status};
use crate::domain::decision::{Decision, Ruling};
use crate::domain::ids::CallbackId;
use crate::domain::request::Request;
use crate::domain::request::machine::Event;
use crate::domain::time::Timestamp;

impl Claim {
    /// The claim as it may be applied to a refund with this status: a provider reuses a number for a second try after
    /// a failure that itself reported, not after one that a person stated. `last` is the last decision that set a
    /// status.
    pub fn bound_by(
        &self,
        status: Status,
        last: Option<(Status, Timestamp)>,
        request: Option<&Request>,
    ) -> Cow<'_, Self> {
        let is_stated = last.is_some_and(|(stated, at)| {
            let was_sent_again = request
                .and_then(|request| request.last_attempt_at)
                .is_some_and(|attempt| attempt > at);
            stated == status && !was_sent_again
        });
        if !self.retry_reopens || status != Status::Failed || !is_stated {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            retry_reopens: false,
            ..self.clone()
        })
    }
}

/// Why a decision has no meaning for the refund as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Only what is pending has an unknown outcome.
    #[error("the refund is {}: its outcome is known; a callback that contradicts it can be accepted", .0.as_str())]
    Known(Status),
    #[error("the callback reports no outcome that could take effect")]
    NoOutcome,
}

impl Refund {
    /// The open questions of this kind; with a callback only the one that it raised.
    pub fn open_questions(
        &self,
        reason: Reason,
        callback_id: Option<CallbackId>,
    ) -> impl Iterator<Item = &Attention> {
        let open = self.attention.iter();
        open.filter(move |open| {
            open.reason == reason && (callback_id.is_none() || open.callback_id == callback_id)
        })
    }

    /// Answers an open question. `claim` is that of the callback to accept. Where it is an error nothing has changed.
    pub fn decide(
        &mut self,
        request: Option<&mut Request>,
        ruling: &Ruling,
        claim: Option<&Claim>,
        now: Timestamp,
    ) -> Result<(), NotAllowed> {
        let status = self.decided_status(ruling.decision, claim)?;
        self.attention.retain(|open| {
            open.reason != ruling.question || open.callback_id != ruling.callback_id
        });
        self.updated_at = now;
        let Some(status) = status else {
            if let (Reason::OutcomeOverdue, Some(request)) = (ruling.question, request) {
                request.keep_open(now);
            }
            return Ok(());
        };
        match claim {
            Some(claim) if ruling.decision == Decision::Accept => self.overrule(claim, status),
            _ => {
                (self.status, self.failure, self.finished_at) = (status, None, None);
            }
        }
        if status.is_final() {
            self.answer_unclear();
        }
        if let Some(request) = request {
            request.apply(self, Event::Decided(status), ruling.callback_id, now);
        }
        Ok(())
    }

    /// Shows, or shows no more, that a decision about an open question waits for a second person.
    pub fn set_approval(&mut self, ruling: &Ruling, waiting: Option<&Waiting>, now: Timestamp) {
        for open in &mut self.attention {
            if open.reason == ruling.question && open.callback_id == ruling.callback_id {
                open.approval = waiting.cloned();
            }
        }
        self.updated_at = now;
    }

    /// The status that a decision sets; `None`: it sets none.
    fn decided_status(
        &self,
        decision: Decision,
        claim: Option<&Claim>,
    ) -> Result<Option<Status>, NotAllowed> {
        match decision {
            Decision::Keep | Decision::Dismiss => Ok(None),
            Decision::Accept => match claim.map(|claim| claim.outcome) {
                Some(Outcome::Reported(status)) => Ok(Some(status)),
                Some(Outcome::Unclear(_)) | None => Err(NotAllowed::NoOutcome),
            },
            Decision::Succeeded | Decision::Failed | Decision::Canceled
                if self.status.is_final() =>
            {
                Err(NotAllowed::Known(self.status))
            }
            Decision::Succeeded | Decision::Failed | Decision::Canceled => Ok(decision.stated()),
        }
    }

    /// Everything that the claim names takes the place of what is known.
    fn overrule(&mut self, claim: &Claim, status: Status) {
        fn replace<T: Clone>(known: &mut Option<T>, said: Option<&T>) {
            if said.is_some() {
                *known = said.cloned();
            }
        }
        self.take(claim, status);
        replace(&mut self.money, claim.money.as_ref());
        replace(&mut self.order_no, claim.order_no.as_ref());
        replace(
            &mut self.provider_refund_no,
            claim.provider_refund_no.as_ref(),
        );
    }
}
