//! The audit: checks the service's promises against a store, in use or at rest.
//!
//! It only reads, takes no lock, and holds each snapshot for one page of rows or a few seconds, so it may run
//! next to the service. It trusts no conclusion of the service: it hashes and verifies the bytes again and
//! derives everything else from them.
//!
//! # Steps
//!
//! 1. The engine checks its own pages, indexes and foreign keys (I9): all of a file at rest; of one in use,
//!    the tables that can be read within a few seconds.
//! 2. Every callback: bytes (I1), signature and claim (I2), its refund (I4), whether it is stuck
//!    (I5).
//! 3. The feed from its first event on: no gap (F1), only legal moves (I6). Its events are folded into a
//!    history of each refund and order.
//! 4. Every refund with all its callbacks, and every order with its close-outs, against that history: applied
//!    once (I3), completely (I4), a question where something waits (I5), amounts (I8),
//!    bounds (I10). One page is read in one snapshot together with the newest events, so a running
//!    service cannot make one side older than the other.
//! 5. Every decision of a person: its row (I1), its event (I3), its refund (I4); with the refund its moves (I6).
//! 6. Every request: its refund (I4); every payment of which a refund was requested: the sum (I8).
//! 7. The trail of acts, entry by entry (T1).
//! 8. Each entry of the list of acknowledged callbacks, if one is given (I7).
//!
//! `checks/` has one file per invariant. A row that cannot be read is a finding (I9), and the audit goes on.

mod checks;
mod facts;
mod feed;
mod report;

use std::path::Path;

pub use checks::acked::{Acked, AckedError, AckedList, AckedResult};
pub use checks::trail::{BrokenEntry, TrailProof, prove_trail};
pub use report::{Invariant, Report, RuleResult, Violation};

use crate::providers::Registry;
use crate::store::{AuditedCallback, AuditedRefund, Damage, Inspection, Snapshot, StoreError};
use checks::{authentic, bounded, decisions, durable, effect, legal, live, money, whole};
use facts::{OrderFacts, RefundFacts};
use feed::Feed;

/// Rows per snapshot: 12 MiB with the largest bodies (64 KiB).
const PAGE: u32 = 200;

/// Inputs of an audit besides the store. Rules whose input is missing are skipped.
#[derive(Clone, Copy, Default)]
pub struct AuditInputs<'a> {
    /// The configured accounts, to verify signatures again.
    pub registry: Option<&'a Registry>,
    /// The file of rejected requests.
    pub evidence: Option<&'a Path>,
    /// The acknowledged callbacks.
    pub acked: Option<&'a AckedList>,
}

/// Audits a store. Violations are in the report; an error means that the store could not be read to the end.
pub fn audit(inspection: &mut Inspection, means: AuditInputs<'_>) -> Result<Report, StoreError> {
    let mut walk = AuditRun {
        inspection,
        means,
        report: Report::default(),
        feed: Feed::default(),
    };
    // What is damaged cannot be trusted to say anything else.
    if walk.is_sound()? {
        walk.callbacks()?;
        walk.relay_messages()?;
        walk.follow_feed()?;
        walk.refunds()?;
        walk.decisions()?;
        walk.requests()?;
        walk.orders()?;
        walk.told_but_missing()?;
        walk.trail()?;
        walk.files();
        walk.acked()?;
    }
    Ok(walk.report)
}

/// Checks for damage only (I9).
pub fn soundness(inspection: &mut Inspection) -> Result<Report, StoreError> {
    let mut walk = AuditRun {
        inspection,
        means: AuditInputs::default(),
        report: Report::default(),
        feed: Feed::default(),
    };
    walk.is_sound()?;
    Ok(walk.report)
}

struct AuditRun<'a> {
    inspection: &'a mut Inspection,
    means: AuditInputs<'a>,
    report: Report,
    feed: Feed,
}

impl AuditRun<'_> {
    fn is_sound(&mut self) -> Result<bool, StoreError> {
        let damage = match self.inspection.damage() {
            Ok(Some(damage)) => damage,
            Ok(None) => {
                self.report.skip(Invariant::Sound);
                return Ok(true);
            }
            Err(StoreError::Corrupt(what)) => Damage {
                found: vec![what],
                unread: Vec::new(),
            },
            Err(other) => return Err(other),
        };
        let is_sound = damage.found.is_empty();
        self.report.note(Invariant::Sound, &"file", damage.found);
        for _ in damage.unread {
            self.report.skip(Invariant::Sound);
        }
        Ok(is_sound)
    }

    fn callbacks(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let (page, newest) = self.inspection.look(|snapshot| {
                let page = snapshot.callbacks_to_audit(after, PAGE)?;
                Ok((page, snapshot.newest_callback()?))
            })?;
            // Verified outside the snapshot: this takes most of the time.
            for callback in &page {
                self.callback(callback);
                let stuck = live::of_callback(&callback.0, newest);
                self.report.note(Invariant::Live, &callback.0.id, stuck);
            }
            match page.last() {
                Some((last, _)) => after = Some(last.id),
                None => return Ok(()),
            }
        }
    }

    fn callback(&mut self, audited: &AuditedCallback) {
        let (callback, _) = audited;
        let (report, id) = (&mut self.report, callback.id);
        report.note(Invariant::Durable, &id, durable::of_callback(callback));
        report.note(Invariant::Whole, &id, whole::of_callback(audited));
        let registry = self.means.registry;
        match registry.and_then(|registry| authentic::of_callback(callback, registry)) {
            Some(problems) => report.note(Invariant::Authentic, &id, problems),
            None => report.skip(Invariant::Authentic),
        }
    }

    /// A relay's message is deduplicated: its first callback is stored under the message's key.
    fn relay_messages(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self
                .inspection
                .look(|snapshot| snapshot.relay_messages_to_audit(after.as_ref(), PAGE))?;
            for ((_, key), callback_id, stored) in &page {
                let is_right = stored.as_ref() == Some(key);
                let wrong = "a relay's message points to it, but its key is another one".to_owned();
                let problems = if is_right { Vec::new() } else { vec![wrong] };
                self.report
                    .note(Invariant::OneEffect, callback_id, problems);
            }
            match page.into_iter().next_back() {
                Some((last, _, _)) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    fn follow_feed(&mut self) -> Result<(), StoreError> {
        let (feed, report) = (&mut self.feed, &mut self.report);
        while self
            .inspection
            .look(|snapshot| feed.follow(snapshot, report))?
        {}
        Ok(())
    }

    fn refunds(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let (feed, report) = (&mut self.feed, &mut self.report);
            let last = self.inspection.look(|snapshot| {
                feed.follow_to_end(snapshot, report)?;
                let page = snapshot.refunds_to_audit(after, PAGE)?;
                let last = page.last().map(|(id, _)| *id);
                for row in page {
                    refund(snapshot, feed, report, row)?;
                }
                Ok(last)
            })?;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    fn decisions(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let (feed, report) = (&mut self.feed, &mut self.report);
            let last = self.inspection.look(|snapshot| {
                feed.follow_to_end(snapshot, report)?;
                let page = snapshot.decisions_to_audit(after, PAGE)?;
                for (id, row, has_refund) in &page {
                    let gone = (!has_refund).then(|| "is about a refund that is gone".to_owned());
                    report.note(Invariant::Whole, id, gone.into_iter().collect());
                    match row {
                        Ok(row) => {
                            report.note(Invariant::Durable, id, decisions::digest(row));
                            let event = decisions::event(&row.record, feed);
                            report.note(Invariant::OneEffect, id, event);
                        }
                        Err(error) => report.note(Invariant::Sound, id, vec![error.to_string()]),
                    }
                }
                Ok(page.last().map(|(id, _, _)| *id))
            })?;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    fn requests(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self
                .inspection
                .look(|snapshot| snapshot.requests_to_audit(after, PAGE))?;
            for (id, has_refund) in &page {
                let gone = (!has_refund).then(|| "is requested, but has no row".to_owned());
                let gone = gone.into_iter().collect();
                self.report.note(Invariant::Whole, id, gone);
            }
            match page.last() {
                Some((id, _)) => after = Some(*id),
                None => return money::check_payments(self.inspection, &mut self.report),
            }
        }
    }

    fn orders(&mut self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let (feed, report) = (&mut self.feed, &mut self.report);
            let last = self.inspection.look(|snapshot| {
                feed.follow_to_end(snapshot, report)?;
                let page = snapshot.orders_to_audit(&after, PAGE)?;
                let last = page.last().map(|(order_no, _, _)| order_no.clone());
                for row in page {
                    let facts = OrderFacts::gather(snapshot, feed, row)?;
                    let order_no = &facts.order_no;
                    report.note(Invariant::OneEffect, order_no, effect::of_order(&facts));
                    report.note(Invariant::Whole, order_no, whole::of_order(&facts));
                    report.note(Invariant::Money, order_no, money::of_order(&facts));
                }
                Ok(last)
            })?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Refunds with events but on no page: created during the audit, or missing.
    fn told_but_missing(&mut self) -> Result<(), StoreError> {
        for id in self.feed.not_met() {
            if !self.inspection.look(|snapshot| snapshot.is_refund(id))? {
                let gone = "has events, but no row".to_owned();
                self.report.note(Invariant::Whole, &id, vec![gone]);
            }
        }
        Ok(())
    }

    fn trail(&mut self) -> Result<(), StoreError> {
        let proof = prove_trail(self.inspection, None, &mut |_, _| {})?;
        for sequence in 1..=proof.proven.sequence {
            self.report.note(Invariant::Chained, &sequence, Vec::new());
        }
        if let Some(BrokenEntry { sequence, what }) = proof.broken {
            self.report.note(Invariant::Chained, &sequence, vec![what]);
        }
        Ok(())
    }

    fn files(&mut self) {
        match self.inspection.log_bytes() {
            Some(bytes) => self
                .report
                .note(Invariant::Bounded, &"WAL", bounded::of_log(bytes)),
            None => self.report.skip(Invariant::Bounded),
        }
        match self.means.evidence {
            Some(path) => {
                self.report
                    .note(Invariant::Bounded, &"evidence", bounded::of_evidence(path));
            }
            None => self.report.skip(Invariant::Bounded),
        }
    }

    fn acked(&mut self) -> Result<(), StoreError> {
        let Some(list) = self.means.acked else {
            self.report.skip(Invariant::Acknowledged);
            return Ok(());
        };
        let mut result = AckedResult::default();
        for refund in list.refunds() {
            let feed = &self.feed;
            let problems = self
                .inspection
                .look(|snapshot| refund.compare(snapshot, feed, &mut result))?;
            self.report
                .note(Invariant::Acknowledged, &refund.name(), problems);
        }
        self.report.acked = Some(result);
        Ok(())
    }
}

fn refund(
    snapshot: &mut Snapshot<'_>,
    feed: &mut Feed,
    report: &mut Report,
    (id, row): AuditedRefund,
) -> Result<(), StoreError> {
    let row = match row {
        Ok(row) => row,
        Err(error) => {
            report.note(Invariant::Sound, &id, vec![error.to_string()]);
            return Ok(());
        }
    };
    let facts = RefundFacts::gather(snapshot, feed, row)?;
    for said in &facts.said {
        let unreadable = said.verdict.is_some() & said.claim.is_none();
        let what = unreadable.then(|| "its claim cannot be read".to_owned());
        report.note(Invariant::Sound, &said.id, what.into_iter().collect());
    }
    report.note(Invariant::OneEffect, &id, effect::of_refund(&facts));
    report.note(Invariant::Whole, &id, whole::of_refund(&facts));
    report.note(Invariant::Live, &id, live::of_refund(&facts));
    let mut moves = legal::of_refund(&facts);
    moves.extend(decisions::of_refund(&facts));
    report.note(Invariant::Legal, &id, moves);
    report.note(Invariant::Money, &id, money::of_refund(&facts));
    report.note(Invariant::Bounded, &id, bounded::of_refund(&facts));
    Ok(())
}
