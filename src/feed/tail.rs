//! The last events in memory, gapless, bounded in number and bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Event;

const EVENTS_MAX: usize = 4_096;
/// Bytes of JSON.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Every event after `start`, up to `end`.
pub(super) struct Tail {
    /// The history that the numbers belong to.
    epoch: Arc<str>,
    events: VecDeque<Arc<Event>>,
    start: i64,
    bytes: usize,
}

impl Tail {
    /// An empty tail after this number.
    pub(super) fn at(start: i64, epoch: Arc<str>) -> Self {
        Self {
            epoch,
            events: VecDeque::new(),
            start,
            bytes: 0,
        }
    }

    pub(super) fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// The number before its first event.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// The number of its last event.
    pub(super) fn end(&self) -> i64 {
        self.events
            .back()
            .map_or(self.start, |event| event.sequence)
    }

    /// Events after a number, empty at the end; `None` where the tail does not hold the next one.
    pub(super) fn after(&self, after: i64, limit: u32) -> Option<Vec<Arc<Event>>> {
        if after < self.start || after > self.end() {
            return None;
        }
        let skip = usize::try_from(after - self.start).ok()?;
        let events = self.events.iter().skip(skip).take(limit as usize);
        Some(events.map(Arc::clone).collect())
    }

    /// Starts over at `after` where the feed is too far ahead.
    pub(super) fn start_over_if_far(&mut self, after: i64, last: i64) {
        if is_far(self.end(), last) {
            self.start_over(after);
        }
    }

    fn start_over(&mut self, start: i64) {
        *self = Self::at(start, Arc::clone(&self.epoch));
    }

    /// Appends the next events and drops the oldest. A gap, which the store never leaves, starts a new tail.
    pub(super) fn append(&mut self, events: Vec<Arc<Event>>) {
        for event in events {
            if event.sequence != self.end() + 1 {
                self.start_over(event.sequence - 1);
            }
            self.bytes += event.json.len();
            self.events.push_back(event);
        }
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else {
                return;
            };
            self.bytes -= oldest.json.len();
            self.start = oldest.sequence;
        }
    }
}

/// Whether more events lie between two numbers than a tail holds.
pub(super) fn is_far(after: i64, last: i64) -> bool {
    usize::try_from(last - after).is_ok_and(|between| between > EVENTS_MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::EventId;

    fn events(range: std::ops::RangeInclusive<i64>) -> Vec<Arc<Event>> {
        let event = |sequence| {
            Arc::new(Event {
                sequence,
                id: EventId::new(Uuid::nil()),
                kind: "refund.succeeded".to_owned(),
                refund_id: None,
                json: "x".repeat(100),
            })
        };
        range.map(event).collect()
    }

    fn numbers(tail: &Tail, after: i64, limit: u32) -> Option<Vec<i64>> {
        let events = tail.after(after, limit)?;
        Some(events.iter().map(|event| event.sequence).collect())
    }

    #[test]
    fn it_answers_only_what_it_holds_without_a_gap() {
        let mut tail = Tail::at(10, "e".into());
        assert_eq!(numbers(&tail, 10, 5), Some(vec![]));
        tail.append(events(11..=14));
        assert_eq!(numbers(&tail, 9, 5), None, "10 is not here");
        assert_eq!(numbers(&tail, 10, 2), Some(vec![11, 12]));
        assert_eq!(numbers(&tail, 12, 5), Some(vec![13, 14]));
        assert_eq!(numbers(&tail, 14, 5), Some(vec![]));
        assert_eq!(numbers(&tail, 15, 5), None, "not known here");
        tail.append(events(20..=21));
        assert_eq!(
            (tail.start(), tail.end()),
            (19, 21),
            "a gap begins a new tail"
        );
    }

    #[test]
    fn it_is_bounded_and_starts_over_when_left_behind() {
        let most = i64::try_from(EVENTS_MAX).unwrap();
        let mut tail = Tail::at(0, "e".into());
        tail.append(events(1..=most + 7));
        assert_eq!((tail.start(), tail.end()), (7, most + 7));
        assert_eq!(numbers(&tail, 7, 1), Some(vec![8]));
        assert_eq!(tail.bytes, EVENTS_MAX * 100);

        let end = tail.end();
        tail.start_over_if_far(end, end + most);
        assert_eq!(tail.end(), end, "near enough to be filled up");
        tail.start_over_if_far(end + 9_000, end + 9_100);
        assert_eq!((tail.start(), tail.end()), (end + 9_000, end + 9_000));
    }
}
