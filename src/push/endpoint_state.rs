//! Endpoint state: what an attempt means for its event and for the endpoint. Pure: time and jitter are
//! parameters.

use std::time::Duration;

use super::backlog::{Backlog, NextEvent};
use super::delivery::Outcome;
use super::endpoint::Endpoint;
use crate::domain::time::Timestamp;
use crate::store::{DisabledReason, EndpointRow, ParkedPush};

/// Milliseconds; a larger difference between the two clocks counts as a jump of the wall clock.
const JUMP: i64 = 10_000;
/// After this many failures in a row the endpoint itself counts as failing.
const FAILING_AFTER: i64 = 3;

/// One endpoint's events and its health.
pub(super) struct EndpointState {
    pub(super) row: EndpointRow,
    pub(super) backlog: Backlog,
    is_changed: bool,
    under_way_max: usize,
    /// Last readings of the wall clock and the monotonic clock.
    clocks: Option<(Timestamp, Duration)>,
}

impl EndpointState {
    /// Starts from the stored state.
    pub(super) fn new(row: EndpointRow, parked: Vec<ParkedPush>, under_way_max: usize) -> Self {
        Self {
            backlog: Backlog::new(row.pushed_sequence, parked, under_way_max),
            under_way_max,
            row,
            is_changed: false,
            clocks: None,
        }
    }

    /// Compares the wall clock with the monotonic one: a jump of the wall clock must not count as time of
    /// failure.
    pub(super) fn keep_time(&mut self, now: Timestamp, elapsed: Duration) {
        let Some((then, before)) = self.clocks.replace((now, elapsed)) else {
            return;
        };
        let passed = elapsed.saturating_sub(before).as_millis();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let jump = (now.as_millis() - then.as_millis()).saturating_sub(passed);
        if let Some(since) = self.row.failing_since.filter(|_| jump.abs() > JUMP) {
            self.row.failing_since = Some(Timestamp::from_millis(since.as_millis() + jump));
            self.is_changed = true;
        }
    }

    fn is_failing(&self) -> bool {
        self.row.failures >= FAILING_AFTER
    }

    /// How many further events of the feed to read now.
    pub(super) fn capacity(&self) -> usize {
        match self.row.disabled {
            Some(_) => 0,
            None => self.backlog.capacity(),
        }
    }

    /// The next event to send now.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<NextEvent> {
        let under_way = self.backlog.under_way();
        if self.row.disabled.is_some() || under_way >= self.under_way_max {
            return None;
        }
        if self.is_failing() && self.backlog.has_parked() {
            // A single probe by its schedule finds out when the endpoint is back.
            return if under_way == 0 {
                self.backlog.next_parked(now)
            } else {
                None
            };
        }
        self.backlog.next(now)
    }

    /// When the next parked event is due, if one could be sent then.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let under_way_max = if self.is_failing() {
            1
        } else {
            self.under_way_max
        };
        let has_hands = self.row.disabled.is_none() && self.backlog.under_way() < under_way_max;
        self.backlog.next_due().filter(|_| has_hands)
    }

    /// Records the outcome of an attempt.
    pub(super) fn note(
        &mut self,
        endpoint: &Endpoint,
        sequence: i64,
        outcome: Outcome,
        now: Timestamp,
        jitter: u8,
    ) {
        self.is_changed = true;
        let (why, retry_after, is_gone) = match outcome {
            Outcome::Delivered => return self.delivered(sequence, now),
            Outcome::Gone => ("it answered 410".to_owned(), None, true),
            Outcome::Failed { why, retry_after } => (why, retry_after, false),
        };
        let failing_since = *self.row.failing_since.get_or_insert(now);
        self.row.failures += 1;
        self.row.last_error = Some(why.clone());
        if is_gone {
            self.row.disabled = Some((now, DisabledReason::Gone));
        } else if now >= failing_since.plus(endpoint.disable_after) {
            self.row.disabled = Some((now, DisabledReason::Failing));
        }
        let Some(mut record) = self.backlog.record(sequence) else {
            return;
        };
        record.attempts += 1;
        record.last_error = Some(why);
        let failed_since = *record.first_failed_at.get_or_insert(now);
        let pause = endpoint.schedule.pause(record.attempts, jitter);
        // Give up only a poison event: others were delivered while it failed. Otherwise the endpoint is
        // failing, and `disable_after` ends that.
        if pause.is_none() && failing_since > failed_since {
            record.next_at = None;
            record.given_up_at = Some(now);
        } else {
            let pause = pause.unwrap_or_else(|| endpoint.schedule.last_pause(jitter));
            record.next_at = Some(now.plus(pause.max(retry_after.unwrap_or_default())));
        }
        self.backlog.failed(record);
    }

    fn delivered(&mut self, sequence: i64, now: Timestamp) {
        let was_failing = self.is_failing();
        self.row.failures = 0;
        self.row.failing_since = None;
        self.row.last_success_at = Some(now);
        self.backlog.delivered(sequence);
        if was_failing {
            self.backlog.all_due();
        }
    }

    /// The row and the parked events that have changed, if any.
    pub(super) fn unsaved(&self) -> Option<StateChanges> {
        let parked = self.backlog.unsaved();
        let mut row = self.row.clone();
        row.pushed_sequence = self.backlog.pushed();
        let has_moved = row.pushed_sequence != self.row.pushed_sequence;
        (self.is_changed || has_moved || !parked.is_empty()).then_some(StateChanges { row, parked })
    }

    /// Marks this as saved.
    pub(super) fn saved(&mut self, unsaved: StateChanges) {
        self.row.pushed_sequence = unsaved.row.pushed_sequence;
        self.row.leased_until = unsaved.row.leased_until;
        self.is_changed = false;
        self.backlog.saved(unsaved.parked);
    }
}

/// Changes to save in one transaction.
#[derive(Clone)]
pub(super) struct StateChanges {
    pub(super) row: EndpointRow,
    pub(super) parked: Vec<(i64, Option<ParkedPush>)>,
}

#[cfg(test)]
#[path = "endpoint_state_test.rs"]
mod tests;
