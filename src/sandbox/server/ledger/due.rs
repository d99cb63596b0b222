//! What is due when: the next states of refunds, and their callbacks.

use std::cmp::Reverse;

use super::{Callback, Key, Ledger, State, Try};
use crate::sandbox::server::outcome::Outcome;

/// What is kept of an answer to a callback.
const ANSWER_CHARS_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    Turn(Key),
    Call(Key, usize),
}

impl Ledger {
    /// Everything that is to come of a refund.
    pub(super) fn schedule(&mut self, key: &Key) {
        let Some(refund) = self.refunds.get(key) else {
            return;
        };
        let mut tasks: Vec<_> = refund
            .plan
            .first()
            .map(|(at, _)| (*at, Task::Turn(key.clone())))
            .into_iter()
            .collect();
        for (index, callback) in refund.callbacks.iter().enumerate() {
            if !callback.is_over {
                tasks.push((callback.due, Task::Call(key.clone(), index)));
            }
        }
        for (at, task) in tasks {
            self.push(at, task);
        }
    }

    fn push(&mut self, at: i64, task: Task) {
        self.sequence += 1;
        self.tasks.push(Reverse((at, self.sequence, task)));
    }

    /// The refund is in another state now.
    pub(super) fn turn(&mut self, key: &Key, state: State, at: i64) {
        let Some(refund) = self.refunds.get_mut(key) else {
            return;
        };
        refund.state = state;
        refund.finished_at = Some(at);
        if state == State::Succeeded {
            refund.moved += 1;
        }
        if refund.callback_url.is_none() || refund.outcome == Outcome::Lost {
            return;
        }
        let times = if refund.outcome == Outcome::Dup { 2 } else { 1 };
        for _ in 0..times {
            refund.callbacks.push(Callback {
                state,
                due: at,
                tries: Vec::new(),
                is_over: false,
                is_acknowledged: false,
            });
        }
    }

    /// Does what is due; gives the callbacks to be sent, in order.
    pub fn advance(&mut self, now: i64) -> Vec<(Key, usize)> {
        let mut calls = Vec::new();
        while let Some(Reverse((at, _, _))) = self.tasks.peek() {
            if *at > now {
                break;
            }
            let Some(Reverse((at, _, task))) = self.tasks.pop() else {
                break;
            };
            match task {
                Task::Call(key, index) => calls.push((key, index)),
                Task::Turn(key) => self.turn_planned(&key, at),
            }
        }
        calls
    }

    fn turn_planned(&mut self, key: &Key, at: i64) {
        let Some(refund) = self.refunds.get_mut(key) else {
            return;
        };
        // A number that was taken again has another plan.
        if refund
            .plan
            .first()
            .is_none_or(|(planned, _)| *planned != at)
        {
            return;
        }
        let (_, state) = refund.plan.remove(0);
        let first = refund.callbacks.len();
        let next = refund.plan.first().map(|(at, _)| *at);
        self.turn(key, state, at);
        // A log that cannot be written is told by the next request.
        drop(self.save(key));
        if let Some(next) = next {
            self.push(next, Task::Turn(key.clone()));
        }
        let made = self
            .refunds
            .get(key)
            .map_or(first, |refund| refund.callbacks.len());
        for index in first..made {
            self.push(at, Task::Call(key.clone(), index));
        }
    }

    /// Makes the next state of a refund due at once.
    pub fn hurry(&mut self, key: &Key, now: i64) {
        if let Some(refund) = self.refunds.get_mut(key)
            && let Some(first) = refund.plan.first_mut()
        {
            first.0 = now;
            self.push(now, Task::Turn(key.clone()));
        }
    }

    pub fn next_due(&self) -> Option<i64> {
        self.tasks.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Notes an attempt of a callback; `next` is when another one follows.
    pub fn note_try(
        &mut self,
        key: &Key,
        index: usize,
        mut tried: Try,
        is_acknowledged: bool,
        next: Option<i64>,
    ) {
        tried.answer = tried.answer.chars().take(ANSWER_CHARS_MAX).collect();
        let refund = self.refunds.get_mut(key);
        let Some(callback) = refund.and_then(|refund| refund.callbacks.get_mut(index)) else {
            return;
        };
        callback.tries.push(tried);
        callback.is_acknowledged |= is_acknowledged;
        callback.is_over = is_acknowledged || next.is_none();
        if let Some(next) = next.filter(|_| !is_acknowledged) {
            callback.due = next;
            self.push(next, Task::Call(key.clone(), index));
        }
        drop(self.save(key));
    }

    /// Sends a callback later.
    pub fn delay(&mut self, key: &Key, index: usize, due: i64) {
        self.push(due, Task::Call(key.clone(), index));
    }
}
