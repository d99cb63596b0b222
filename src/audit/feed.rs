//! The feed as an audit follows it: each event once, in order, kept as what it did to a refund or an
//! order. The feed is the only place that holds the order in which things happened.
//!
//! What is kept grows with the number of refunds, some 60 bytes each; nothing else in an audit does.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::report::{Report, Rule};
use crate::domain::claim::Status;
use crate::domain::ids::RefundId;
use crate::store::{EventRow, Snapshot, StoreError};

/// Events in one snapshot.
const PAGE: u32 = 1_000;

/// What the feed told of one refund.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    /// How often it told each status, in the order of [`Status::ALL`].
    told: [u16; Status::ALL.len()],
    /// The status told first.
    pub first: Option<Status>,
    /// The status told last.
    pub last: Option<Status>,
    /// Whether it went on after it had failed.
    pub reopened: bool,
    /// Whether the refund itself was met.
    pub is_met: bool,
}

impl History {
    /// How often this status was told.
    pub fn told(&self, status: Status) -> u16 {
        self.told[status as usize]
    }

    /// How often any status was told.
    pub fn moves(&self) -> u32 {
        self.told.iter().copied().map(u32::from).sum()
    }

    /// Takes a move; the error is the status from which it is not legal.
    fn step(&mut self, to: Status) -> Result<(), Status> {
        let from = self.last.replace(to);
        self.told[to as usize] = self.told[to as usize].saturating_add(1);
        match (from, to) {
            (None, _) => self.first = Some(to),
            (Some(Status::Pending), Status::Succeeded | Status::Failed | Status::Canceled) => {}
            (Some(Status::Failed), Status::Succeeded | Status::Pending) => self.reopened = true,
            (Some(from), _) => return Err(from),
        }
        Ok(())
    }
}

/// Everything that the feed told so far.
#[derive(Default)]
pub struct Feed {
    last: i64,
    refunds: HashMap<RefundId, History>,
    closed: HashMap<String, u16>,
    handled: BTreeMap<(String, String), u16>,
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
    /// Reads on; `true` where there may be more.
    pub fn follow(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        report: &mut Report,
    ) -> Result<bool, StoreError> {
        let events = snapshot.events_after(self.last, PAGE)?;
        for event in &events {
            let is_next = event.sequence == self.last + 1;
            let gap = (!is_next).then(|| format!("comes after {}", self.last));
            report.note(Rule::Gapless, &event.sequence, gap.into_iter().collect());
            self.last = event.sequence;
            self.take(event, report);
        }
        Ok(events.len() == PAGE as usize)
    }

    /// Reads on to the end of what this snapshot sees, and compares the counter with it.
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
            report.note(Rule::Gapless, &"feed", vec![what]);
        }
        Ok(())
    }

    /// What was told of this refund; noted as met.
    pub fn of_refund(&mut self, id: RefundId) -> History {
        match self.refunds.get_mut(&id) {
            Some(history) => {
                history.is_met = true;
                *history
            }
            None => History::default(),
        }
    }

    /// Refunds that were told of and not met yet.
    pub fn not_met(&self) -> Vec<RefundId> {
        let not_met = self.refunds.iter().filter(|(_, history)| !history.is_met);
        not_met.map(|(id, _)| *id).collect()
    }

    /// Whether this refund was told to have succeeded more than once.
    pub fn has_doubled(&self, id: RefundId) -> bool {
        self.refunds
            .get(&id)
            .is_some_and(|history| history.told(Status::Succeeded) > 1)
    }

    /// How often this order was told to be closed.
    pub fn closed(&self, order_no: &str) -> u16 {
        self.closed.get(order_no).copied().unwrap_or(0)
    }

    /// Each application of this order that was told to be handled, and how often.
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
        report.note(Rule::Sound, &event.id, unreadable.into_iter().collect());
    }

    fn take_of_refund(
        &mut self,
        word: &str,
        event: &EventRow,
        report: &mut Report,
    ) -> Result<(), String> {
        let data: OfRefund = read(event)?;
        let known = self.refunds.contains_key(&data.id);
        let Some(status) = Status::from_word(word) else {
            let early = (!known).then(|| format!("{} comes before any status", event.kind));
            report.note(Rule::OneEffect, &event.id, early.into_iter().collect());
            return Ok(());
        };
        let mut problems = Vec::new();
        if data.status != status {
            problems.push(format!("{} tells of {}", event.kind, data.status.as_str()));
        }
        let history = self.refunds.entry(data.id).or_default();
        if let Err(from) = history.step(status) {
            let (from, to) = (from.as_str(), status.as_str());
            problems.push(format!(
                "went from {from} to {to} (event {})",
                event.sequence
            ));
        }
        report.note(Rule::Legal, &data.id, problems);
        Ok(())
    }

    fn take_of_order(&mut self, event: &EventRow) -> Result<(), String> {
        let data: OfOrder = read(event)?;
        match (event.kind.as_str(), data.batchno) {
            ("order.closed", _) => *self.closed.entry(data.order_no).or_default() += 1,
            ("refund_application.handled", Some(batchno)) => {
                *self.handled.entry((data.order_no, batchno)).or_default() += 1;
            }
            (other, _) => return Err(format!("{other:?} is no type of ours")),
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
}
