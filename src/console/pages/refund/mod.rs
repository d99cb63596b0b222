//! One refund: its state, its open questions, and everything that happened to it, oldest first.

mod timeline;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use crate::config::Scope;
use crate::console::Console;
use crate::console::acts::decide::choices;
use crate::console::acts::refund::RefundAct;
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::language::words::{self, Badge};
use crate::console::pages::lines::RefundLine;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::decision::Decision;
use crate::domain::ids::RefundId;
use crate::domain::refund::Attention;
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::domain::trail::About;
use crate::store::RefundRow;
use timeline::{Entry, entries, read};

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
    /// Where the provider itself shows it.
    portals: Vec<String>,
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

pub async fn show(
    visit: Visit,
    console: Data<Console>,
    id: Path<String>,
) -> Result<HttpResponse, Trouble> {
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
    let portals = console.settings.portals.iter();
    page(&RefundPage {
        portals: portals
            .filter_map(|portal| portal.page_of(&story.row.refund))
            .collect(),
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

impl RefundPage {
    /// The state of our request, if there is one.
    fn state(&self) -> Option<Badge> {
        self.line.state
    }
}
