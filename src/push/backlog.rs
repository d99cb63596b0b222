//! What one endpoint has still to get: a window of fresh events and the parked ones, in a line for each
//! refund. Only the first of a line may be under way. Pure: no clock, no store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::ids::RefundId;
use crate::domain::time::Timestamp;
use crate::feed::Event;
use crate::store::ParkedPush;

/// Fresh events in memory for each that may be under way: several of one refund go one by one.
const FRESH_EACH: usize = 16;
/// Parked events of one endpoint; with so many it is not a few refunds that it does not take, and the
/// window stays where it is.
const PARKED_MAX: usize = 10_000;
/// Due before everything else.
const AT_ONCE: Timestamp = Timestamp::from_millis(i64::MIN);

/// One endpoint's events.
pub(super) struct Backlog {
    /// Fresh events that are kept in memory.
    fresh_max: usize,
    /// The last event that was looked at.
    read: i64,
    fresh: BTreeMap<i64, Arc<Event>>,
    parked: BTreeMap<i64, ParkedPush>,
    /// Events that an earlier run gave up, to be passed by when they are met again.
    given_up: BTreeSet<i64>,
    lines: HashMap<RefundId, BTreeSet<i64>>,
    /// Fresh events that are the first of their line and not under way.
    ready: BTreeSet<i64>,
    /// Parked events that are, by the time at which they are tried.
    due: BTreeSet<(Timestamp, i64)>,
    under_way: BTreeSet<i64>,
    /// What the store has not been told yet of parked events; `None`: delivered.
    unsaved: BTreeMap<i64, Option<ParkedPush>>,
}

/// What is to be sent now.
pub(super) enum Next {
    /// This event, which is in memory.
    Fresh(Arc<Event>),
    /// The event of this number.
    Parked(i64),
}

impl Backlog {
    /// Everything after this number, and what was parked. An earlier run may have read further than its
    /// place, which stays where the first event is still fresh; so some of it lies after the number.
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

    /// The last event that was looked at.
    pub(super) fn read(&self) -> i64 {
        self.read
    }

    /// Everything up to here is delivered, parked or not wanted.
    pub(super) fn pushed(&self) -> i64 {
        let first = self.fresh.keys().next();
        first.map_or(self.read, |sequence| sequence - 1)
    }

    /// How many fresh events there is room for.
    pub(super) fn room(&self) -> usize {
        if self.parked.len() >= PARKED_MAX {
            return 0;
        }
        self.fresh_max.saturating_sub(self.fresh.len())
    }

    /// Takes the next event of the feed; one that is not wanted is only passed by, and so is one that an
    /// earlier run parked or gave up: its record says how it fared, and a new one would forget that.
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

    /// How many are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// What is to be sent now: what is parked and due before what is fresh. From then on it is under way.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Next> {
        if let Some(parked) = self.next_parked(now) {
            return Some(parked);
        }
        let sequence = self.ready.pop_first()?;
        self.under_way.insert(sequence);
        self.fresh.get(&sequence).map(Arc::clone).map(Next::Fresh)
    }

    /// The same, but nothing that is fresh.
    pub(super) fn next_parked(&mut self, now: Timestamp) -> Option<Next> {
        let (due, sequence) = *self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, sequence));
        self.under_way.insert(sequence);
        Some(Next::Parked(sequence))
    }

    /// Whether anything is parked that will be tried.
    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// When the next parked event is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// An event could not even be sent: it is tried again.
    pub(super) fn put_back(&mut self, sequence: i64) {
        self.under_way.remove(&sequence);
        if let Some(refund_id) = self.refund_of(sequence) {
            self.promote(refund_id);
        }
    }

    /// An event was taken; the next of its refund may follow.
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

    /// How an event fared so far, to be changed and given to [`Backlog::failed`].
    pub(super) fn record(&self, sequence: i64) -> Option<ParkedPush> {
        let fresh = self.fresh.get(&sequence);
        let parked = self.parked.get(&sequence).cloned();
        parked.or_else(|| fresh.map(|event| waiting(sequence, line_of(event))))
    }

    /// An event was not taken: it is parked with all of its refund behind it, or given up.
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

    /// Lets everything that is parked be tried now.
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

    /// What the store has not been told yet; told again if that fails.
    pub(super) fn unsaved(&self) -> Vec<(i64, Option<ParkedPush>)> {
        let unsaved = self.unsaved.iter();
        unsaved.map(|(at, parked)| (*at, parked.clone())).collect()
    }

    /// The store has been told this.
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

    /// Lets the first of a line be sent, unless it is under way.
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

/// Events about no refund, which no kind is today, would be one line.
fn line_of(event: &Event) -> RefundId {
    event.refund_id.unwrap_or(RefundId::new(uuid::Uuid::nil()))
}

/// An event that waits behind another of its refund.
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
