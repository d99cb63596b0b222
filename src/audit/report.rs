//! What an audit found: for each rule how much was looked at, how much could not be, and what breaks it.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::acked::AckedResult;

/// Findings of one rule that are kept word for word; the rest is counted.
const SHOWN_MAX: usize = 20;

/// An invariant, by the name under which it is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The bytes are those that were acknowledged.
    Durable,
    /// Each notification was sent by somebody who holds a key.
    Authentic,
    /// However often it came, it took effect once.
    OneEffect,
    /// Transaction 2 left no half.
    Whole,
    /// Nothing is stuck without saying so.
    Live,
    /// Only moves of the state machine.
    Legal,
    /// Success was never said before the commit.
    Acknowledged,
    /// Amounts agree with what was said and paid.
    Money,
    /// The engine finds no damage, every row can be read.
    Sound,
    /// What grows has a bound.
    Bounded,
    /// The feed has no gap.
    Gapless,
}

impl Rule {
    /// Every rule, in the order in which it is shown.
    pub const ALL: [Self; 11] = [
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
    ];

    /// Its short and its long name, and what it says.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Durable => ("I1", "durable", "stored bytes are the bytes that came"),
            Self::Authentic => ("I2", "authentic", "each notification verifies again"),
            Self::OneEffect => ("I3", "one effect", "each takes effect exactly once"),
            Self::Whole => ("I4", "whole", "transaction 2 left no half"),
            Self::Live => ("I5", "live", "nothing is stuck without saying so"),
            Self::Legal => ("I6", "legal", "only moves of the state machine"),
            Self::Acknowledged => (
                "I7",
                "acknowledged",
                "what was answered with success is there",
            ),
            Self::Money => ("I8", "money", "amounts are those that were said and paid"),
            Self::Sound => ("I9", "sound", "no damage, every row can be read"),
            Self::Bounded => ("I10", "bounded", "what grows has a bound"),
            Self::Gapless => ("F1", "gapless", "the feed is numbered without a gap"),
        }
    }
}

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What it is about: an id, an order number, a number in the feed.
    pub id: String,
    /// What is wrong with it.
    pub what: String,
}

/// What was found about one rule.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// How many rows or files were looked at.
    pub checked: u64,
    /// How many could not be, because what is needed is not at hand: a key, a list.
    pub skipped: u64,
    /// How many violations there are.
    pub broken: u64,
    /// The first of them.
    pub shown: Vec<Violation>,
}

/// What was found about every rule.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: [Finding; Rule::ALL.len()],
    /// How the list of what was acknowledged compares, where one was given.
    pub acked: Option<AckedResult>,
}

impl Report {
    /// Notes what a rule says of one thing: nothing, or what is wrong with it.
    pub(super) fn note(&mut self, rule: Rule, id: &dyn fmt::Display, problems: Vec<String>) {
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

    /// Notes that one thing could not be looked at.
    pub(super) fn skip(&mut self, rule: Rule) {
        self.findings[rule as usize].skipped += 1;
    }

    /// What was found about this rule.
    pub fn finding(&self, rule: Rule) -> &Finding {
        &self.findings[rule as usize]
    }

    /// Whether nothing breaks any rule.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.broken == 0)
    }

    /// All of it for programs.
    pub fn to_json(&self) -> Value {
        let rules = Rule::ALL.map(|rule| {
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
