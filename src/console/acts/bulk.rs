//! Asks about many requests, or sends many again: first a plan that names each of them, then exactly those.

use actix_web::HttpResponse;
use actix_web::web::Path;
use askama::Template;

use super::reason;
use super::refund::{RefundAct, perform};
use crate::console::form::Fields;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::pages::lines::RefundLine;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::claim::Reason;
use crate::domain::ids::RefundId;
use crate::domain::request::State;
use crate::store::{RefundFilter, RefundRow, Snapshot, StoreError};

/// Refunds of one plan, the oldest first.
const MAX: u32 = 100;

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    frame: Frame,
    title: Text,
    what: Text,
    action: String,
    rows: Vec<Row>,
    /// The rows say what became of each.
    is_done: bool,
    /// Money may move.
    is_risky: bool,
}

struct Row {
    id: String,
    line: RefundLine,
    outcome: String,
}

/// The acts that can be done to many.
fn act_of(word: &str, visit: &Visit) -> Result<RefundAct, Trouble> {
    let act = RefundAct::of(word, &visit.viewer)?;
    match act {
        RefundAct::Ask | RefundAct::Resend => Ok(act),
        RefundAct::Cancel | RefundAct::Note => Err(Trouble::NotFound),
    }
}

fn with_question(
    snapshot: &mut Snapshot<'_>,
    question: Reason,
) -> Result<Vec<RefundRow>, StoreError> {
    let filter = RefundFilter {
        attention_reason: Some(question),
        ..RefundFilter::default()
    };
    Ok(snapshot.refunds(&filter, MAX)?.rows)
}

fn shown(frame: Frame, act: RefundAct, rows: Vec<Row>, is_done: bool) -> BulkPage {
    BulkPage {
        frame,
        title: act.title(),
        what: act.what(),
        action: format!("/console/requests/all/{}", act.as_str()),
        rows,
        is_done,
        is_risky: act == RefundAct::Resend,
    }
}

pub async fn ask(visit: Visit, act: Path<String>) -> Result<HttpResponse, Trouble> {
    let act = act_of(&act, &visit)?;
    let state = visit.query().with("state", State::from_word)?;
    let question = visit.query().with("attention", Reason::from_word)?;
    let read = move |snapshot: &mut Snapshot<'_>| match (state, question) {
        (Some(state), _) => snapshot.requests_in_state(state, MAX),
        (None, Some(question)) => with_question(snapshot, question),
        (None, None) => Ok(Vec::new()),
    };
    let mut found = visit.read_list(read).await?;
    let fits = |row: &RefundRow| {
        let request = row.request.as_ref();
        request.is_some_and(|request| act.fits(Some(request.machine.state)))
    };
    found.retain(fits);
    found.truncate(MAX as usize);
    let frame = visit.frame(Section::Requests);
    let row = |row: &RefundRow| Row {
        id: row.refund.id.to_string(),
        line: RefundLine::new(&frame, row),
        outcome: String::new(),
    };
    let rows = found.iter().map(row).collect();
    page(&shown(frame, act, rows, false))
}

pub async fn act(visit: Visit, act: Path<String>, fields: Fields) -> Result<HttpResponse, Trouble> {
    let act = act_of(&act, &visit)?;
    let reason = reason(&fields)?;
    let ids: Result<Vec<RefundId>, _> = fields.all("id").map(str::parse).collect();
    let ids = ids.map_err(|_| Trouble::Invalid("id".to_owned()))?;
    if ids.is_empty() || ids.len() > MAX as usize {
        return Err(Trouble::Invalid(format!("id: 1 to {MAX}")));
    }
    let frame = visit.frame(Section::Requests);
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = match perform(&visit, act, id, &reason).await {
            Ok(what) => frame.t(what).to_owned(),
            Err(Trouble::Conflict(why)) => format!("{} {why}", frame.t(Text::NotDone)),
            Err(trouble) => frame.t(trouble.title()).to_owned(),
        };
        let found = visit.read(move |snapshot| snapshot.refund(id)).await?;
        if let Some(row) = found {
            rows.push(Row {
                id: id.to_string(),
                line: RefundLine::new(&frame, &row),
                outcome,
            });
        }
    }
    page(&shown(frame, act, rows, true))
}
