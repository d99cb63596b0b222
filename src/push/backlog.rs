//! The undelivered events of one endpoint: a window of fresh events and the parked ones, in a queue for each
//! refund. Only the head of a queue may be in flight. Pure: no clock, no store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::ids::RefundId;
use crate::domain::time::Timestamp;
use crate::feed::Event;
use crate::store::ParkedPush;

/// Fresh events in memory per slot in flight: several of one refund go one by one.
const FRESH_EACH: usize = 16;
/// Max parked events of one endpoint. Beyond this not just a few refunds fail, and the window stops moving
/// (backpressure).
const PARKED_MAX: usize = 10_000;
/// Due before everything else.
const AT_ONCE: Timestamp = Timestamp::from_millis(i64::MIN);

pub(super) struct Backlog {
    /// Max fresh events in memory.
    fresh_max: usize,
    /// The last event read from the feed.
    read: i64,
    fresh: BTreeMap<i64, Arc<Event>>,
    parked: BTreeMap<i64, ParkedPush>,
    /// Dead letters of an earlier run, skipped when they are read again.
    given_up: BTreeSet<i64>,
    lines: HashMap<RefundId, BTreeSet<i64>>,
    /// Fresh events at the head of their queue and not in flight.
    ready: BTreeSet<i64>,
    /// Parked events at the head of their queue and not in flight, by due time.
    due: BTreeSet<(Timestamp, i64)>,
    under_way: BTreeSet<i64>,
    /// Unsaved changes of parked events; `None`: delivered.
    unsaved: BTreeMap<i64, Option<ParkedPush>>,
}

/// The next event to send.
pub(super) enum NextEvent {
    /// An event in memory.
    Fresh(Arc<Event>),
    /// The number of an event to read from the feed.
    Parked(i64),
}

impl Backlog {
    /// Everything after this cursor, and the parked events. An earlier run may have read beyond its cursor,
    /// which stays before the first fresh event; so some parked events lie after the cursor.
    pub(super) fn new(pushed: i64, parked: Vec<ParkedPush>, under_way_max: usize) -> Self {
        let mut backlog = Self {
            fresh_max: FRESH_EACH * under_way_max,
            read: pushed,
            fresh: BTreeMap::new(),
            parked: BTreeMap::new(),
            given_up: BTreeSet::new(),
            lines: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            under_way: BTreeSet::new(),
            unsaved: BTreeMap::new(),
        };
        for parked in parked {
            let (sequence, refund_id) = (parked.sequence, parked.refund_id);
            if parked.given_up_at.is_some() {
                backlog.given_up.insert(sequence);
                continue;
            }
            backlog.parked.insert(sequence, parked);
            backlog.lines.entry(refund_id).or_default().insert(sequence);
        }
        let refunds: Vec<_> = backlog.lines.keys().copied().collect();
        for refund_id in refunds {
            backlog.promote(refund_id);
        }
        backlog
    }

    /// The last event read from the feed.
    pub(super) fn read(&self) -> i64 {
        self.read
    }

    /// The cursor: everything up to here is delivered, parked or not subscribed.
    pub(super) fn pushed(&self) -> i64 {
        let first = self.fresh.keys().next();
        first.map_or(self.read, |sequence| sequence - 1)
    }

    /// Free space of the window.
    pub(super) fn capacity(&self) -> usize {
        if self.parked.len() >= PARKED_MAX {
            return 0;
        }
        self.fresh_max.saturating_sub(self.fresh.len())
    }

    /// Takes the next event of the feed. Skips one that is not subscribed, and one that an earlier run parked
    /// or gave up: a new record would lose its attempts.
    pub(super) fn take(&mut self, event: Arc<Event>, is_wanted: bool) {
        self.read = event.sequence;
        let is_known = self.given_up.remove(&self.read) || self.parked.contains_key(&self.read);
        if is_known || !is_wanted {
            return;
        }
        let (sequence, refund_id) = (event.sequence, line_of(&event));
        let line = self.lines.entry(refund_id).or_default();
        let first = line.first().copied();
        line.insert(sequence);
        if first.is_some_and(|first| self.parked.contains_key(&first)) {
            self.park(waiting(sequence, refund_id));
            return;
        }
        if first.is_none() {
            self.ready.insert(sequence);
        }
        self.fresh.insert(sequence, event);
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// The next event to send, due parked ones first. It is in flight from then on.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<NextEvent> {
        if let Some(parked) = self.next_parked(now) {
            return Some(parked);
        }
        let sequence = self.ready.pop_first()?;
        self.under_way.insert(sequence);
        self.fresh
            .get(&sequence)
            .map(Arc::clone)
            .map(NextEvent::Fresh)
    }

    /// The same, without fresh events.
    pub(super) fn next_parked(&mut self, now: Timestamp) -> Option<NextEvent> {
        let (due, sequence) = *self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, sequence));
        self.under_way.insert(sequence);
        Some(NextEvent::Parked(sequence))
    }

    /// Whether any parked event will be retried.
    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// An event could not be handed out: it is retried.
    pub(super) fn put_back(&mut self, sequence: i64) {
        self.under_way.remove(&sequence);
        if let Some(refund_id) = self.refund_of(sequence) {
            self.promote(refund_id);
        }
    }

    /// An event was delivered; the next of its refund may follow.
    pub(super) fn delivered(&mut self, sequence: i64) {
        let Some(refund_id) = self.refund_of(sequence) else {
            return;
        };
        self.under_way.remove(&sequence);
        self.fresh.remove(&sequence);
        if self.parked.remove(&sequence).is_some() {
            self.unsaved.insert(sequence, None);
        }
        self.leave_line(sequence, refund_id);
    }

    /// The record of an event's attempts, to be changed and passed to [`Backlog::failed`].
    pub(super) fn record(&self, sequence: i64) -> Option<ParkedPush> {
        let fresh = self.fresh.get(&sequence);
        let parked = self.parked.get(&sequence).cloned();
        parked.or_else(|| fresh.map(|event| waiting(sequence, line_of(event))))
    }

    /// An attempt failed: the event is parked with all events of its refund behind it, or given up.
    pub(super) fn failed(&mut self, record: ParkedPush) {
        let (sequence, refund_id) = (record.sequence, record.refund_id);
        self.under_way.remove(&sequence);
        self.fresh.remove(&sequence);
        if record.given_up_at.is_some() {
            self.parked.remove(&sequence);
            self.unsaved.insert(sequence, Some(record));
            self.leave_line(sequence, refund_id);
            return;
        }
        self.park(record);
        let behind: Vec<_> = self
            .lines
            .get(&refund_id)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for sequence in behind {
            if self.fresh.remove(&sequence).is_some() {
                self.park(waiting(sequence, refund_id));
            }
        }
        self.promote(refund_id);
    }

    /// Makes all parked events due now.
    pub(super) fn all_due(&mut self) {
        let pausing = self.parked.values_mut().filter(|one| one.next_at.is_some());
        for parked in pausing {
            parked.next_at = None;
            self.unsaved.insert(parked.sequence, Some(parked.clone()));
        }
        self.due = self
            .due
            .iter()
            .map(|(_, sequence)| (AT_ONCE, *sequence))
            .collect();
    }

    /// Changes to save; they stay until [`Self::saved`].
    pub(super) fn unsaved(&self) -> Vec<(i64, Option<ParkedPush>)> {
        let unsaved = self.unsaved.iter();
        unsaved.map(|(at, parked)| (*at, parked.clone())).collect()
    }

    /// Marks these as saved.
    pub(super) fn saved(&mut self, told: Vec<(i64, Option<ParkedPush>)>) {
        for (sequence, parked) in told {
            if self.unsaved.get(&sequence) == Some(&parked) {
                self.unsaved.remove(&sequence);
            }
        }
    }

    fn refund_of(&self, sequence: i64) -> Option<RefundId> {
        let parked = self.parked.get(&sequence).map(|parked| parked.refund_id);
        parked.or_else(|| self.fresh.get(&sequence).map(|event| line_of(event)))
    }

    fn park(&mut self, parked: ParkedPush) {
        self.unsaved.insert(parked.sequence, Some(parked.clone()));
        self.parked.insert(parked.sequence, parked);
    }

    fn leave_line(&mut self, sequence: i64, refund_id: RefundId) {
        if let Some(line) = self.lines.get_mut(&refund_id) {
            line.remove(&sequence);
            if line.is_empty() {
                self.lines.remove(&refund_id);
            }
        }
        self.promote(refund_id);
    }

    /// Makes the head of a queue ready, unless it is in flight.
    fn promote(&mut self, refund_id: RefundId) {
        let first = self.lines.get(&refund_id).and_then(|line| line.first());
        let Some(&first) = first.filter(|first| !self.under_way.contains(first)) else {
            return;
        };
        match self.parked.get(&first) {
            Some(parked) => self.due.insert((parked.next_at.unwrap_or(AT_ONCE), first)),
            None => self.ready.insert(first),
        };
    }
}

/// Events without a refund, which no kind is today, would share one queue.
fn line_of(event: &Event) -> RefundId {
    event.refund_id.unwrap_or(RefundId::new(uuid::Uuid::nil()))
}

/// A record of an event that waits behind another of its refund.
fn waiting(sequence: i64, refund_id: RefundId) -> ParkedPush {
    ParkedPush {
        sequence,
        refund_id,
        attempts: 0,
        first_failed_at: None,
        next_at: None,
        given_up_at: None,
        last_error: None,
    }
}
