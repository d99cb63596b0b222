//! What a transition does to the request and to its refund.

use std::time::Duration;

use super::machine::Event;
use super::timetable::{CANNOT_SEND_AFTER, PUT_OFF_MAX, put_off};
use super::{Class, LastReply, Request, State};
use crate::domain::claim::{Failure, Reason};
use crate::domain::event::EventKind;
use crate::domain::ids::CallbackId;
use crate::domain::refund::Refund;
use crate::domain::time::Timestamp;

/// A transition that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub from: State,
    pub to: State,
    /// The event that readers get, where the status of the refund moved by the request itself.
    pub event: Option<EventKind>,
}

/// Questions that end with the request.
const ENDED_BY_OUTCOME: [Reason; 5] = [
    Reason::OutcomeOverdue,
    Reason::CannotSend,
    Reason::NotTaken,
    Reason::ProviderLostIt,
    Reason::ReplyUnproven,
];

impl Request {
    /// Applies an event by the table of [`super::machine`]; `None`: it changes nothing. `callback_id` is what
    /// brought it, for the question that it may raise.
    pub fn apply(
        &mut self,
        refund: &mut Refund,
        event: Event,
        callback_id: Option<CallbackId>,
        now: Timestamp,
    ) -> Option<Moved> {
        let step = self.machine.next(event)?;
        let (from, to) = (self.machine.state, step.machine.state);
        self.machine = step.machine;
        self.updated_at = now;
        refund.updated_at = now;
        if let Some(question) = step.question {
            refund.raise(question, callback_id, now);
        }
        if from != to {
            self.begin(from, to, now);
        }
        if step.is_urgent {
            self.progress.is_urgent = true;
            self.next_at = Some(now);
        }
        let event = match (from, to) {
            (_, State::Refused) if from != to => {
                refund.refuse(self.failure(), now);
                Some(EventKind::Refund(refund.status))
            }
            (_, State::Canceled) if from != to => {
                refund.cancel(now);
                Some(EventKind::Refund(refund.status))
            }
            // The provider has it, and no claim came with that.
            (State::Sending, State::Accepted) if event == Event::Sent(Class::Known) => {
                Some(EventKind::Refund(refund.status))
            }
            (State::Refused | State::Failed, State::Queued | State::Unknown) => {
                refund.reopen_after_refusal();
                Some(EventKind::RefundRequested)
            }
            _ => None,
        };
        if to.is_final() {
            for reason in ENDED_BY_OUTCOME {
                refund.answer(reason);
            }
        }
        Some(Moved { from, to, event })
    }

    /// The counters of a state that begins.
    fn begin(&mut self, from: State, to: State, now: Timestamp) {
        let progress = &mut self.progress;
        if to == State::Sending || from.is_final() && !to.is_final() {
            progress.counted_since = Some(now);
            (progress.is_overdue, progress.kept_at) = (false, None);
        }
        match to {
            State::Queued => self.next_at = Some(now),
            State::Sending => {
                progress.is_urgent = false;
                progress.not_found = 0;
                progress.not_found_since = None;
                self.last_attempt_at = Some(now);
            }
            State::Unknown | State::Accepted => {
                // Planned by the worker, which knows the account's timetable.
                (progress.since, progress.asks) = (Some(now), 0);
                progress.is_urgent = false;
                (progress.put_off, progress.put_off_since) = (0, None);
                self.next_at = Some(now);
            }
            State::Refused | State::Done | State::Failed | State::Canceled => {
                progress.is_urgent = false;
                self.next_at = None;
            }
        }
    }

    /// A person leaves it open although its outcome is overdue: it is asked about further, and the question comes
    /// again.
    pub fn keep_open(&mut self, now: Timestamp) {
        if self.machine.state.is_open() {
            (self.progress.is_overdue, self.progress.kept_at) = (false, Some(now));
            self.next_at = self.next_at.or(Some(now));
        }
    }

    /// Counts a try that was put off, and sets the next one, which the provider puts off by `pause`, at most an hour;
    /// a day of them asks a person.
    pub fn put_off(&mut self, refund: &mut Refund, pause: Option<Duration>, now: Timestamp) {
        let progress = &mut self.progress;
        progress.put_off = progress.put_off.saturating_add(1);
        let since = *progress.put_off_since.get_or_insert(now);
        let pause = pause.unwrap_or_default().min(PUT_OFF_MAX);
        let pause = pause.max(put_off(progress.put_off));
        self.next_at = Some(now.plus(pause));
        if now >= since.plus(CANNOT_SEND_AFTER) {
            refund.raise(Reason::CannotSend, None, now);
        }
    }

    /// Counts an answer "not found".
    pub fn count_not_found(&mut self, now: Timestamp) {
        self.progress.not_found = self.progress.not_found.saturating_add(1);
        self.progress.not_found_since.get_or_insert(now);
    }

    fn failure(&self) -> Failure {
        let (code, message) = match &self.last_reply {
            Some(LastReply { code, message, .. }) => (code.clone(), message.clone()),
            None => (None, None),
        };
        Failure { code, message }
    }
}
