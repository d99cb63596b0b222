//! Everything that happened to a refund, oldest first.

use crate::console::frame::Frame;
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::raw::{self, Shown};
use crate::console::pages::reconcile::Finding;
use crate::domain::ids::RefundId;
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::domain::trail::Act;
use crate::store::{
    AttemptRow, CallbackRow, EventRow, RefundRow, Snapshot, StoreError, TrailFilter, TrailRow,
};

/// Entries of each kind that are shown.
const SHOWN_MAX: u32 = 100;

/// Something that happened.
pub struct Entry {
    at: Timestamp,
    pub when: When,
    /// For a link to it.
    pub anchor: String,
    /// `intent`, `send`, `ask`, `callback`, `event` or `note`.
    pub kind: &'static str,
    pub title: Text,
    pub outcome: String,
    pub details: Vec<String>,
    pub href: Option<String>,
    pub raw: Vec<Raw>,
}

/// A message as it was sent or received.
pub struct Raw {
    pub title: Text,
    pub first: String,
    pub headers: Vec<(String, String)>,
    pub body: Shown,
}

pub struct Story {
    pub row: RefundRow,
    pub attempts: Vec<AttemptRow>,
    pub callbacks: Vec<CallbackRow>,
    pub events: Vec<EventRow>,
    pub notes: Vec<TrailRow>,
    /// Of settlement files.
    pub findings: Vec<TrailRow>,
    pub is_truncated: bool,
}

pub fn read(snapshot: &mut Snapshot<'_>, id: RefundId) -> Result<Option<Story>, StoreError> {
    let Some(row) = snapshot.refund(id)? else {
        return Ok(None);
    };
    let attempts = snapshot.attempts_of_refund(id, SHOWN_MAX)?;
    let callbacks = snapshot.callback_page(id, None, SHOWN_MAX)?;
    let events = snapshot.events_of_refund(id, SHOWN_MAX)?;
    let mut of_trail = |act: Act| {
        let of_refund = TrailFilter {
            act: Some(act.as_str().to_owned()),
            about: Some(id.to_string()),
            ..TrailFilter::default()
        };
        snapshot.trail(&of_refund, SHOWN_MAX)
    };
    let notes = of_trail(Act::RefundNoted)?;
    let findings = of_trail(Act::SettlementNoted)?;
    let is_truncated =
        attempts.has_more || callbacks.has_more || notes.has_more || findings.has_more;
    Ok(Some(Story {
        row,
        is_truncated: is_truncated || events.len() >= SHOWN_MAX as usize,
        notes: notes.rows,
        findings: findings.rows,
        attempts: attempts.rows,
        callbacks: callbacks.rows,
        events,
    }))
}

pub fn entries(frame: &Frame, story: &Story, may_see_bytes: bool) -> Vec<Entry> {
    let mut entries: Vec<_> = story
        .row
        .request
        .iter()
        .map(|request| intent(frame, request))
        .collect();
    let attempts = story.attempts.iter();
    entries.extend(attempts.map(|row| attempt(frame, row, may_see_bytes)));
    let callbacks = story.callbacks.iter();
    entries.extend(callbacks.map(|row| callback(frame, row, may_see_bytes)));
    entries.extend(story.events.iter().map(|row| event(frame, row)));
    entries.extend(story.notes.iter().map(|row| note(frame, row)));
    entries.extend(story.findings.iter().map(|row| finding(frame, row)));
    // Stable: what has one time stays in the order of the kinds.
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn intent(frame: &Frame, request: &Request) -> Entry {
    Entry {
        details: vec![
            request.requested_by.clone(),
            request.mode.as_str().to_owned(),
        ],
        ..Entry::new(frame, request.requested_at, "intent", Text::IntentStored)
    }
}

fn attempt(frame: &Frame, row: &AttemptRow, may_see_bytes: bool) -> Entry {
    let (kind, title) = if row.is_ask {
        ("ask", Text::Asked)
    } else {
        ("send", Text::Sent)
    };
    let mut entry = Entry {
        anchor: row.id.to_string(),
        outcome: frame.t(Text::StillOpen).to_owned(),
        ..Entry::new(frame, row.started_at, kind, title)
    };
    let mut raw = vec![Raw {
        title: Text::SentBytes,
        first: format!("{} {}", row.method, row.url),
        headers: raw::headers(Some(&row.headers)),
        body: raw::text(&row.body),
    }];
    if let Some(end) = &row.end {
        end.class.as_str().clone_into(&mut entry.outcome);
        let took = end.ended_at.as_millis() - row.started_at.as_millis();
        let status = end.status.map_or_else(
            || frame.t(Text::NoReply).to_owned(),
            |status| format!("HTTP {status}"),
        );
        entry.details = vec![status.clone(), format!("{took} ms")];
        entry.details.extend(end.code.clone());
        entry.details.extend(end.message.clone());
        if end.status.is_some() {
            raw.push(Raw {
                title: Text::ReplyOf,
                first: status,
                headers: raw::headers(end.reply_headers.as_deref()),
                body: raw::text(end.reply_body.as_deref().unwrap_or_default()),
            });
        }
    }
    if may_see_bytes {
        entry.raw = raw;
    }
    entry
}

fn callback(frame: &Frame, row: &CallbackRow, may_see_bytes: bool) -> Entry {
    let title = if row.attempt_id.is_some() {
        Text::ReplyStored
    } else {
        Text::CallbackCame
    };
    let mut details = vec![row.key_id.clone()];
    if row.deliveries > 1 {
        details.push(frame.with(Text::Deliveries, row.deliveries));
    }
    let pending = || frame.t(Text::Pending).to_owned();
    Entry {
        anchor: row.id.to_string(),
        outcome: row.verdict.clone().unwrap_or_else(pending),
        details,
        href: may_see_bytes.then(|| format!("/console/callbacks/{}", row.id)),
        ..Entry::new(frame, row.received_at, "callback", title)
    }
}

fn event(frame: &Frame, row: &EventRow) -> Entry {
    Entry {
        outcome: row.kind.clone(),
        details: vec![format!("#{}", row.sequence)],
        ..Entry::new(frame, row.occurred_at, "event", Text::EventMade)
    }
}

fn finding(frame: &Frame, row: &TrailRow) -> Entry {
    let finding = Finding::of(row);
    let line = format!("{} {}", frame.t(Text::LineNo), finding.place);
    Entry {
        details: vec![format!("SHA-256 {}", finding.file()), line],
        outcome: finding.says,
        ..Entry::new(frame, row.entry.at, "note", Text::SettlementFile)
    }
}

fn note(frame: &Frame, row: &TrailRow) -> Entry {
    let entry = &row.entry;
    Entry {
        outcome: entry.by.reader.clone(),
        details: entry.reason.iter().map(|text| raw::shown(text)).collect(),
        ..Entry::new(frame, entry.at, "note", Text::Note)
    }
}

impl Entry {
    fn new(frame: &Frame, at: Timestamp, kind: &'static str, title: Text) -> Self {
        Self {
            at,
            when: frame.when(at),
            anchor: String::new(),
            kind,
            title,
            outcome: String::new(),
            details: Vec::new(),
            href: None,
            raw: Vec::new(),
        }
    }
}
