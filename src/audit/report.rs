//! The result of an audit: for each rule how much was checked, how much was skipped, and the violations.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::checks::acked::AckedResult;

/// Violations of one rule that are reported in full; the rest is counted.
const SHOWN_MAX: usize = 20;

/// An invariant of `docs/durability.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Stored bytes are the received bytes.
    Durable,
    /// Each callback verifies again.
    Authentic,
    /// Each callback is applied exactly once.
    OneEffect,
    /// Transaction 2 is atomic.
    Whole,
    /// Nothing is stuck silently.
    Live,
    /// Only legal moves of the state machine.
    Legal,
    /// Every acknowledged callback is stored.
    Acknowledged,
    /// Amounts match callbacks and payments.
    Money,
    /// No damage, every row can be read.
    Sound,
    /// Everything that grows has a bound.
    Bounded,
    /// The feed is gapless.
    Gapless,
    /// The trail of acts is whole.
    Chained,
}

impl Invariant {
    /// In the order of the report.
    pub const ALL: [Self; 12] = [
        Self::Durable,
        Self::Authentic,
        Self::OneEffect,
        Self::Whole,
        Self::Live,
        Self::Legal,
        Self::Acknowledged,
        Self::Money,
        Self::Sound,
        Self::Bounded,
        Self::Gapless,
        Self::Chained,
    ];

    /// Id, name and statement.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Durable => ("I1", "durable", "stored bytes are the received bytes"),
            Self::Authentic => ("I2", "authentic", "each callback verifies again"),
            Self::OneEffect => ("I3", "one effect", "each callback is applied exactly once"),
            Self::Whole => ("I4", "whole", "transaction 2 is atomic"),
            Self::Live => ("I5", "live", "nothing is stuck silently"),
            Self::Legal => ("I6", "legal", "only legal moves of the state machine"),
            Self::Acknowledged => (
                "I7",
                "acknowledged",
                "every acknowledged callback is stored",
            ),
            Self::Money => ("I8", "money", "amounts match callbacks and payments"),
            Self::Sound => ("I9", "sound", "no damage, every row can be read"),
            Self::Bounded => ("I10", "bounded", "everything that grows has a bound"),
            Self::Gapless => ("F1", "gapless", "the feed has no gap"),
            Self::Chained => ("T1", "chained", "each act continues the one before it"),
        }
    }
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// An id, an order number or an event number.
    pub id: String,
    /// Worded to follow `id`.
    pub what: String,
}

/// The result of one rule.
#[derive(Clone, Debug, Default)]
pub struct RuleResult {
    /// Rows or files.
    pub checked: u64,
    /// Rows or files that could not be checked: a key or a list is missing.
    pub skipped: u64,
    /// Violations in all.
    pub broken: u64,
    /// The first `SHOWN_MAX` violations.
    pub shown: Vec<Violation>,
}

/// The result of every rule.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: [RuleResult; Invariant::ALL.len()],
    /// `None` where no list was given.
    pub acked: Option<AckedResult>,
}

impl Report {
    /// Counts one checked row and its violations, if any.
    pub(super) fn note(&mut self, rule: Invariant, id: &dyn fmt::Display, problems: Vec<String>) {
        let finding = &mut self.findings[rule as usize];
        finding.checked += 1;
        for what in problems {
            finding.broken += 1;
            if finding.shown.len() < SHOWN_MAX {
                let id = id.to_string();
                finding.shown.push(Violation { id, what });
            }
        }
    }

    /// Counts one row that could not be checked.
    pub(super) fn skip(&mut self, rule: Invariant) {
        self.findings[rule as usize].skipped += 1;
    }

    pub fn finding(&self, rule: Invariant) -> &RuleResult {
        &self.findings[rule as usize]
    }

    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.broken == 0)
    }

    pub fn to_json(&self) -> Value {
        let rules = Invariant::ALL.map(|rule| {
            let (id, name, what) = rule.words();
            let finding = self.finding(rule);
            json!({
                "rule": id,
                "name": name,
                "what": what,
                "checked": finding.checked,
                "skipped": finding.skipped,
                "broken": finding.broken,
                "violations": finding.shown,
            })
        });
        json!({"ok": self.is_clean(), "rules": rules, "acked": self.acked})
    }
}
