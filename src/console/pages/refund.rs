//! One refund: its state, its open questions, and everything that happened to it, oldest first.

use actix_web::HttpResponse;
use actix_web::web::Path;
use askama::Template;

use super::lines::RefundLine;
use super::raw::{self, Shown};
use crate::config::Scope;
use crate::console::acts::decide::choices;
use crate::console::acts::refund::RefundAct;
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::language::words::{self, Badge};
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::decision::Decision;
use crate::domain::ids::RefundId;
use crate::domain::refund::Attention;
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::domain::trail::{About, Act};
use crate::store::{
    AttemptRow, CallbackRow, EventRow, RefundRow, Snapshot, StoreError, TrailFilter, TrailRow,
};

/// Entries of each kind that are shown.
const SHOWN_MAX: u32 = 100;

#[derive(Template)]
#[template(path = "refund.html")]
struct RefundPage {
    frame: Frame,
    id: String,
    line: RefundLine,
    facts: Vec<Fact>,
    questions: Vec<Question>,
    entries: Vec<Entry>,
    is_truncated: bool,
    may_see_bytes: bool,
    may_decide: bool,
    /// To the try of an order side that is not done.
    close_out_href: Option<String>,
    acts: Vec<RefundAct>,
}

/// A label and what is known.
struct Fact {
    label: Text,
    value: String,
}

struct Question {
    text: &'static str,
    word: &'static str,
    advice: &'static str,
    since: When,
    members: String,
    /// To the callback that raised it.
    href: Option<String>,
    /// Each decision that it takes, with the address of its form.
    choices: Vec<(&'static str, String)>,
    /// A decision that waits for a second person.
    waiting: Option<WaitingLine>,
}

struct WaitingLine {
    what: &'static str,
    by: String,
    href: String,
}

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

struct Story {
    row: RefundRow,
    attempts: Vec<AttemptRow>,
    callbacks: Vec<CallbackRow>,
    events: Vec<EventRow>,
    notes: Vec<TrailRow>,
    is_truncated: bool,
}

fn read(snapshot: &mut Snapshot<'_>, id: RefundId) -> Result<Option<Story>, StoreError> {
    let Some(row) = snapshot.refund(id)? else {
        return Ok(None);
    };
    let attempts = snapshot.attempts_of_refund(id, SHOWN_MAX)?;
    let callbacks = snapshot.callback_page(id, None, SHOWN_MAX)?;
    let events = snapshot.events_of_refund(id, SHOWN_MAX)?;
    let of_refund = TrailFilter {
        act: Some(Act::RefundNoted.as_str().to_owned()),
        about: Some(id.to_string()),
        ..TrailFilter::default()
    };
    let notes = snapshot.trail(&of_refund, SHOWN_MAX)?;
    let is_truncated = attempts.has_more || callbacks.has_more || notes.has_more;
    Ok(Some(Story {
        row,
        is_truncated: is_truncated || events.len() >= SHOWN_MAX as usize,
        notes: notes.rows,
        attempts: attempts.rows,
        callbacks: callbacks.rows,
        events,
    }))
}

pub async fn show(visit: Visit, id: Path<String>) -> Result<HttpResponse, Trouble> {
    let id: RefundId = id.parse().map_err(|_| Trouble::NotFound)?;
    visit.app.intake.caught_up().await;
    let story = visit.read_list(move |snapshot| read(snapshot, id)).await?;
    let story = story.ok_or(Trouble::NotFound)?;
    if let Some(request) = &story.row.request {
        visit.app.requests.ask_on_read(request);
    }
    let frame = visit.frame(Section::Refunds);
    let may_see_bytes = visit.viewer.may(Scope::CallbacksRead);
    if may_see_bytes {
        visit.note_view(About::refund(id)).await?;
    }
    let questions = story.row.refund.attention.iter();
    let state = story.row.request.as_ref();
    let state = state.map(|request| request.machine.state);
    let fits = |act: &RefundAct| act.fits(state) && act.is_allowed(&visit.viewer);
    page(&RefundPage {
        may_decide: visit.viewer.may(Scope::Operate),
        close_out_href: story
            .row
            .close_out
            .as_ref()
            .filter(|of| visit.viewer.may(Scope::Operate) && of.progress.errcode() > 0)
            .map(|_| format!("/console/refunds/{id}/close-out")),
        acts: RefundAct::ALL.into_iter().filter(fits).collect(),
        id: id.to_string(),
        line: RefundLine::new(&frame, &story.row),
        facts: facts(&frame, &story.row),
        questions: questions.map(|open| question(&frame, id, open)).collect(),
        entries: entries(&frame, &story, may_see_bytes),
        is_truncated: story.is_truncated,
        may_see_bytes,
        frame,
    })
}

fn facts(frame: &Frame, row: &RefundRow) -> Vec<Fact> {
    let refund = &row.refund;
    let mut facts = Vec::new();
    let mut add = |label, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push(Fact { label, value });
        }
    };
    add(Text::ProviderStatus, refund.provider_status.clone());
    add(
        Text::Failure,
        refund.failure.as_ref().map(|failure| {
            let parts = [failure.code.as_deref(), failure.message.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
        }),
    );
    let at = |moment: Timestamp| {
        let when = frame.when(moment);
        format!("{} ({})", when.local, when.ago)
    };
    add(Text::Received, Some(at(refund.received_at)));
    add(Text::Updated, Some(at(refund.updated_at)));
    add(Text::FinishedAt, refund.finished_at.map(at));
    if let Some(request) = &row.request {
        add(Text::RequestedBy, Some(request.requested_by.clone()));
        add(Text::Reason, request.intent.reason.clone());
        add(Text::Attempts, Some(request.machine.sends.to_string()));
        add(Text::LastReply, last_reply(request));
        add(Text::NextAt, request.next_at.map(at));
    }
    if let Some(close_out) = &row.close_out {
        let state = close_out.progress.as_str();
        add(
            Text::CloseOut,
            Some(match close_out.progress.errcode() {
                0 => state.to_owned(),
                code => format!("{state}, errcode {code}"),
            }),
        );
    }
    facts
}

fn last_reply(request: &Request) -> Option<String> {
    let reply = request.last_reply.as_ref()?;
    let parts = [
        Some(reply.class.as_str()),
        reply.code.as_deref(),
        reply.message.as_deref(),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

fn question(frame: &Frame, id: RefundId, open: &Attention) -> Question {
    let refund = format!("/console/refunds/{id}");
    let callback = open
        .callback_id
        .map_or_else(String::new, |id| id.to_string());
    let choice = |decision: Decision| {
        let of_question = [
            ("question", open.reason.as_str()),
            ("callback", &callback),
            ("decision", decision.as_str()),
        ];
        let href = address(&format!("{refund}/decide"), &of_question);
        (words::decision(frame.lang(), decision).0, href)
    };
    Question {
        choices: choices(open.reason, open.callback_id).map(choice).collect(),
        waiting: open.approval.as_ref().map(|waiting| WaitingLine {
            what: words::decision(frame.lang(), waiting.decision).0,
            by: waiting.by.clone(),
            href: format!("{refund}/decisions/{}", waiting.id),
        }),
        text: words::reason(frame.lang(), open.reason),
        word: open.reason.as_str(),
        advice: words::advice(frame.lang(), open.reason),
        since: frame.when(open.since),
        members: open.members.join(", "),
        href: open.callback_id.map(|id| format!("#{id}")),
    }
}

fn entries(frame: &Frame, story: &Story, may_see_bytes: bool) -> Vec<Entry> {
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

impl RefundPage {
    /// The state of our request, if there is one.
    fn state(&self) -> Option<Badge> {
        self.line.state
    }
}
