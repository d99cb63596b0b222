//! What is in a backup: what would be back after a restore, and whether it holds what was promised.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::audit;
use crate::audit::{AuditInputs, Report};
use crate::cli::inspect::audit::print_violations;
use crate::cli::output;
use crate::cli::output::Format;
use crate::domain::time::Timestamp;
use crate::providers::Registry;
use crate::store::{Counts, Inspection, Snapshot, StoreError, StoreUrl};

/// Said of a copy that was not audited.
const NOT_AUDITED: &str = "\nthe pages are sound; not audited: that each callback verifies and took effect once is not \
     proven. `restore --check FILE --config FILE` proves it, on any machine";

/// What was found in a file that is a whole store.
pub struct Contents {
    bytes: u64,
    counts: Counts,
    /// The number and time of the last event.
    last_event: Option<(i64, Timestamp)>,
    newest_callback: Option<Timestamp>,
    unapplied: i64,
    is_audited: bool,
    /// What the audit says.
    pub report: Report,
}

/// How much of a file is looked at.
#[derive(Clone, Copy)]
pub enum Depth<'a> {
    /// Its pages alone.
    Sound,
    /// Every rule; signatures where accounts are given.
    Audit(Option<&'a Registry>),
}

impl Contents {
    /// Looks at a file that no process uses.
    pub fn of(path: &Path, depth: Depth<'_>) -> Result<Self, StoreError> {
        let bytes = path.metadata().map_or(0, |file| file.len());
        let mut inspection = Inspection::open(&StoreUrl::Sqlite(path.to_owned()))?;
        let report = match depth {
            Depth::Sound => audit::soundness(&mut inspection)?,
            Depth::Audit(registry) => {
                let means = AuditInputs {
                    registry,
                    ..AuditInputs::default()
                };
                audit::audit(&mut inspection, means)?
            }
        };
        let mut contents = Self {
            bytes,
            counts: Counts::default(),
            last_event: None,
            newest_callback: None,
            unapplied: 0,
            is_audited: matches!(depth, Depth::Audit(_)),
            report,
        };
        // A damaged file is not asked for more.
        if !contents.is_damaged() {
            inspection.look(|snapshot| contents.count(snapshot))?;
        }
        Ok(contents)
    }

    fn count(&mut self, snapshot: &mut Snapshot<'_>) -> Result<(), StoreError> {
        self.counts = snapshot.count_rows()?;
        self.newest_callback = snapshot.newest_callback()?;
        self.unapplied = snapshot.count_unapplied()?.0;
        let last = snapshot.last_sequence()?;
        let events = snapshot.events_after(last - 1, 1)?;
        self.last_event = events.first().map(|event| (last, event.occurred_at));
        Ok(())
    }

    /// Whether the engine itself finds the file damaged, or a row cannot be read.
    pub fn is_damaged(&self) -> bool {
        self.report.finding(audit::Invariant::Sound).broken > 0
    }

    /// Prints it.
    pub fn print(&self, file: &Path, format: Format) {
        match format {
            Format::Json => output::line(self.to_json(file).to_string()),
            Format::Table => self.print_table(file),
        }
    }

    fn to_json(&self, file: &Path) -> Value {
        let Counts {
            callbacks,
            refunds,
            close_outs,
            orders,
            events,
        } = self.counts;
        json!({
            "ok": self.report.is_clean(),
            "file": file,
            "bytes": self.bytes,
            "callbacks": callbacks,
            "newest_callback": self.newest_callback,
            "unapplied": self.unapplied,
            "refunds": refunds,
            "close_outs": close_outs,
            "orders": orders,
            "events": events,
            "last_event": self.last_event.map(|(sequence, at)| json!({"sequence": sequence, "at": at})),
            "audited": self.is_audited,
            "audit": self.report.to_json(),
        })
    }

    fn print_table(&self, file: &Path) {
        let name: PathBuf = file.to_owned();
        let newest = self.newest_callback;
        let newest = newest.map_or(String::new(), |at| format!(", the newest of {at}"));
        let last = self.last_event.map_or(String::new(), |(sequence, at)| {
            format!(", the last is number {sequence} of {at}")
        });
        let counts = self.counts;
        for (what, value) in [
            ("file", format!("{}, {} bytes", name.display(), self.bytes)),
            ("callbacks", format!("{}{newest}", counts.callbacks)),
            (
                "to be applied",
                format!("{} at the next start", self.unapplied),
            ),
            ("refunds", counts.refunds.to_string()),
            ("close-outs", counts.close_outs.to_string()),
            ("orders", counts.orders.to_string()),
            ("events", format!("{}{last}", counts.events)),
        ] {
            output::line(format!("{what:<14}{value}"));
        }
        if self.is_audited {
            print_violations(&self.report);
        } else {
            output::line(NOT_AUDITED);
        }
    }
}
