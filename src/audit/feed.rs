//! Reads the feed once, in order, and folds each event into the history of its refund or order. Only the feed
//! holds the order in which things happened.
//!
//! Memory grows with the number of refunds, some 60 bytes each; nothing else in an audit does.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use uuid::Uuid;

use super::report::{Invariant, Report};
use crate::domain::claim::Status;
use crate::domain::event::EventKind;
use crate::domain::ids::{DecisionId, RefundId};
use crate::store::{EventRow, Snapshot, StoreError};

/// Events per snapshot.
const PAGE: u32 = 1_000;

/// The events of one refund.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    /// Events of each status, in the order of [`Status::ALL`].
    told: [u16; Status::ALL.len()],
    pub first: Option<Status>,
    pub last: Option<Status>,
    /// Whether it moved on after `failed`.
    pub reopened: bool,
    /// Its `refund.requested` events.
    pub requested: u16,
    /// Its `refund.decided` events.
    pub decided: u16,
    /// A decision moved it to this status, and the event that says so comes next.
    pub expected: Option<Status>,
    /// Whether a request waits for the provider to take it, which a second `refund.pending` says.
    is_awaited: bool,
    /// Whether the audit has read the refund's row.
    pub is_met: bool,
}

impl History {
    pub fn told(&self, status: Status) -> u16 {
        self.told[status as usize]
    }

    /// Status events in all.
    pub fn moves(&self) -> u32 {
        self.told.iter().copied().map(u32::from).sum()
    }

    /// Adds a move. `Err` holds the status from which it is illegal.
    fn step(&mut self, to: Status) -> Result<(), Status> {
        let from = self.last.replace(to);
        self.told[to as usize] = self.told[to as usize].saturating_add(1);
        let was_awaited = std::mem::take(&mut self.is_awaited);
        if self.expected.take() == Some(to) {
            return Ok(());
        }
        match (from, to) {
            (None, _) => self.first = Some(to),
            (Some(Status::Pending), Status::Pending) if was_awaited => {}
            (Some(Status::Pending), to) if to.is_final() => {}
            (Some(Status::Failed), Status::Succeeded | Status::Pending) => self.reopened = true,
            (Some(from), _) => return Err(from),
        }
        Ok(())
    }

    /// Adds a `refund.decided`, after which the refund has this status. `Err`: another decision moved it, and no event
    /// said so.
    fn decide(&mut self, after: Status) -> Result<(), Status> {
        self.decided = self.decided.saturating_add(1);
        let missing = self.expected.take();
        self.expected = (self.last != Some(after)).then_some(after);
        missing.map_or(Ok(()), Err)
    }

    /// Adds a `refund.requested`: the intent, or the same number sent again after it failed.
    fn request(&mut self) -> Result<(), Status> {
        let from = self.last.replace(Status::Pending);
        self.requested = self.requested.saturating_add(1);
        self.is_awaited = true;
        match from {
            None => self.first = Some(Status::Pending),
            Some(Status::Failed) => self.reopened = true,
            Some(from) => return Err(from),
        }
        Ok(())
    }
}

/// The events read so far.
#[derive(Default)]
pub struct Feed {
    last: i64,
    refunds: HashMap<RefundId, History>,
    /// By the UUID of event and decision.
    decided: HashMap<Uuid, ToldDecision>,
    closed: HashMap<String, u16>,
    handled: BTreeMap<(String, String), u16>,
}

/// A decision as its event tells of it.
#[derive(Clone, Copy, Debug)]
pub struct ToldDecision {
    pub refund_id: RefundId,
    pub before: Option<Status>,
    pub after: Status,
}

#[derive(Deserialize)]
struct OfRefund {
    id: RefundId,
    status: Status,
}

#[derive(Deserialize)]
struct OfOrder {
    order_no: String,
    batchno: Option<String>,
}

impl Feed {
    /// Reads the next page; `true` if there may be more.
    pub fn follow(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        report: &mut Report,
    ) -> Result<bool, StoreError> {
        let events = snapshot.events_after(self.last, PAGE)?;
        for event in &events {
            let is_next = event.sequence == self.last + 1;
            let gap = (!is_next).then(|| format!("comes after {}", self.last));
            report.note(
                Invariant::Gapless,
                &event.sequence,
                gap.into_iter().collect(),
            );
            self.last = event.sequence;
            self.take(event, report);
        }
        Ok(events.len() == PAGE as usize)
    }

    /// Reads to the end that this snapshot sees, and compares the counter with the last event.
    pub fn follow_to_end(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        while self.follow(snapshot, report)? {}
        let counted = snapshot.last_sequence()?;
        if counted != self.last {
            let what = format!(
                "the counter says {counted}, the last event is {}",
                self.last
            );
            report.note(Invariant::Gapless, &"feed", vec![what]);
        }
        Ok(())
    }

    /// The history of this refund; marks its row as read.
    pub fn of_refund(&mut self, id: RefundId) -> History {
        match self.refunds.get_mut(&id) {
            Some(history) => {
                history.is_met = true;
                *history
            }
            None => History::default(),
        }
    }

    /// Refunds with events whose row was not read.
    pub fn not_met(&self) -> Vec<RefundId> {
        let not_met = self.refunds.iter().filter(|(_, history)| !history.is_met);
        not_met.map(|(id, _)| *id).collect()
    }

    /// Whether it has more than one `refund.succeeded`.
    pub fn has_doubled(&self, id: RefundId) -> bool {
        self.refunds
            .get(&id)
            .is_some_and(|history| history.told(Status::Succeeded) > 1)
    }

    /// What the event of a decision says.
    pub fn decision(&self, id: DecisionId) -> Option<ToldDecision> {
        self.decided.get(&id.uuid()).copied()
    }

    /// Events that closed this order.
    pub fn closed(&self, order_no: &str) -> u16 {
        self.closed.get(order_no).copied().unwrap_or(0)
    }

    /// Events that handled an application of this order, by application.
    pub fn handled<'a>(&'a self, order_no: &'a str) -> impl Iterator<Item = (&'a str, u16)> {
        self.handled
            .range((order_no.to_owned(), String::new())..)
            .take_while(move |((order, _), _)| order == order_no)
            .map(|((_, batchno), times)| (batchno.as_str(), *times))
    }

    fn take(&mut self, event: &EventRow, report: &mut Report) {
        let result = match event.kind.strip_prefix("refund.") {
            Some(word) => self.take_of_refund(word, event, report),
            None => self.take_of_order(event),
        };
        let unreadable = result.err().map(|error| format!("its data: {error}"));
        report.note(
            Invariant::Sound,
            &event.id,
            unreadable.into_iter().collect(),
        );
    }

    fn take_of_refund(
        &mut self,
        word: &str,
        event: &EventRow,
        report: &mut Report,
    ) -> Result<(), String> {
        let data: OfRefund = read(event)?;
        if event.refund_id.is_some_and(|id| id != data.id) {
            return Err("its row names another refund".to_owned());
        }
        let known = self.refunds.contains_key(&data.id);
        if event.kind == EventKind::RefundDecided.as_str() {
            self.take_of_decision(event, &data, report);
            return Ok(());
        }
        let is_request = event.kind == EventKind::RefundRequested.as_str();
        let status = match Status::from_word(word) {
            None if is_request => Some(Status::Pending),
            status => status,
        };
        let Some(status) = status else {
            let early = (!known).then(|| format!("{} comes before any status", event.kind));
            report.note(Invariant::OneEffect, &event.id, early.into_iter().collect());
            return Ok(());
        };
        let mut problems = Vec::new();
        if data.status != status {
            problems.push(format!("{} tells of {}", event.kind, data.status.as_str()));
        }
        let history = self.refunds.entry(data.id).or_default();
        let moved = if is_request {
            history.request()
        } else {
            history.step(status)
        };
        if let Err(from) = moved {
            let (from, to) = (from.as_str(), status.as_str());
            problems.push(format!(
                "went from {from} to {to} (event {})",
                event.sequence
            ));
        }
        report.note(Invariant::Legal, &data.id, problems);
        Ok(())
    }

    fn take_of_decision(&mut self, event: &EventRow, data: &OfRefund, report: &mut Report) {
        let history = self.refunds.entry(data.id).or_default();
        let told = ToldDecision {
            refund_id: data.id,
            before: history.last,
            after: data.status,
        };
        let missing = history.decide(data.status).err();
        let missing = missing.map(|status| {
            let status = status.as_str();
            format!("a decision made it {status}, and no event says so")
        });
        self.decided.insert(event.id.uuid(), told);
        report.note(
            Invariant::OneEffect,
            &data.id,
            missing.into_iter().collect(),
        );
    }

    fn take_of_order(&mut self, event: &EventRow) -> Result<(), String> {
        let data: OfOrder = read(event)?;
        match (event.kind.as_str(), data.batchno) {
            ("order.closed", _) => *self.closed.entry(data.order_no).or_default() += 1,
            ("refund_application.handled", Some(batchno)) => {
                *self.handled.entry((data.order_no, batchno)).or_default() += 1;
            }
            (other, _) => return Err(format!("{other:?} is not a known event type")),
        }
        Ok(())
    }
}

fn read<'a, T: Deserialize<'a>>(event: &'a EventRow) -> Result<T, String> {
    serde_json::from_str(&event.data).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Canceled, Failed, Pending, Succeeded};

    #[test]
    fn a_final_status_is_left_only_by_a_second_try() {
        let walk = |statuses: &[Status]| {
            let mut history = History::default();
            let result = statuses.iter().try_for_each(|to| history.step(*to));
            result.map(|()| history.reopened)
        };
        for (statuses, expected) in [
            (&[Succeeded][..], Ok(false)),
            (&[Pending, Canceled], Ok(false)),
            (&[Failed, Pending, Succeeded], Ok(true)),
            (&[Succeeded, Succeeded], Err(Succeeded)),
            (&[Succeeded, Failed], Err(Succeeded)),
            (&[Canceled, Pending], Err(Canceled)),
            (&[Failed, Canceled], Err(Failed)),
            (&[Pending, Pending], Err(Pending)),
        ] {
            assert_eq!(walk(statuses), expected, "{statuses:?}");
        }
    }

    #[test]
    fn a_request_is_taken_once_each_time_it_is_sent() {
        let walk = |words: &str| {
            let mut history = History::default();
            let result = words.split(' ').try_for_each(|word| match word {
                "requested" => history.request(),
                word => history.step(Status::from_word(word).unwrap()),
            });
            result.map(|()| (history.requested, history.reopened))
        };
        for (words, expected) in [
            ("requested pending succeeded", Ok((1, false))),
            ("requested succeeded", Ok((1, false))),
            ("requested canceled", Ok((1, false))),
            ("requested failed succeeded", Ok((1, true))),
            ("requested failed requested pending failed", Ok((2, true))),
            ("requested pending pending", Err(Pending)),
            ("requested requested", Err(Pending)),
            ("requested canceled requested", Err(Canceled)),
            ("succeeded requested", Err(Succeeded)),
        ] {
            assert_eq!(walk(words), expected, "{words}");
        }
    }
}
