//! The list of refunds: filters, one search box over every number and id, and the same as CSV.

mod csv;
mod filter;

use actix_web::HttpResponse;
use actix_web::http::header;
use askama::Template;

pub use self::csv::{HEAD, csv, line};
use self::filter::{FILTERS, Filter};
use super::lines::RefundLine;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::words;
use crate::console::trouble::Trouble;
use crate::console::visit::{Query, Visit, page};
use crate::domain::claim::{Reason, Status};
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::request::State;
use crate::store::{RefundFilter, RefundPage, RefundRow, Snapshot, StoreError};

/// Refunds of a page.
const LIMIT: u32 = 50;
/// Refunds that a search shows of one kind of number.
const FOUND_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "refunds.html")]
struct RefundsPage {
    frame: Frame,
    query: String,
    accounts: Vec<Choice>,
    statuses: Vec<Choice>,
    questions: Vec<Choice>,
    states: Vec<Choice>,
    since: String,
    currency: String,
    from: String,
    to: String,
    is_filtered: bool,
    rows: Vec<RefundLine>,
    is_short: bool,
    older: Option<String>,
    newest: Option<String>,
    csv: String,
}

/// An option of a filter.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let query = visit.query();
    visit.app.intake.caught_up().await;
    let (found, is_search) = if let Some(text) = query.text("q") {
        if let Some(place) = place_of(&visit, text).await? {
            return Ok(HttpResponse::SeeOther()
                .insert_header((header::LOCATION, place))
                .finish());
        }
        let text = text.to_owned();
        let rows = visit.read(move |snapshot| search(snapshot, &text)).await?;
        (RefundPage { rows, next: None }, true)
    } else {
        let filter = Filter::of(&query)?;
        let list = move |snapshot: &mut Snapshot<'_>| filter.page(snapshot, LIMIT);
        (visit.read_list(list).await?, false)
    };
    let frame = visit.frame(Section::Refunds);
    let rows: Vec<_> = found
        .rows
        .iter()
        .map(|row| RefundLine::new(&frame, row))
        .collect();
    let next = found.next.map(|next| next.to_string());
    let given = |name: &str| query.text(name).unwrap_or_default().to_owned();
    page(&RefundsPage {
        query: given("q"),
        accounts: accounts(&visit, &query, &frame),
        statuses: statuses(&query, &frame),
        questions: questions(&query, &frame),
        states: states(&query, &frame),
        since: given("since"),
        currency: given("currency"),
        from: given("from"),
        to: given("to"),
        is_filtered: is_search || FILTERS.iter().any(|name| query.text(name).is_some()),
        is_short: next.is_some() && found.rows.len() < LIMIT as usize,
        older: next.map(|next| query.narrowed("/console/refunds", &FILTERS, Some(&next))),
        newest: query
            .text("cursor")
            .map(|_| query.narrowed("/console/refunds", &FILTERS, None)),
        csv: query.narrowed("/console/refunds.csv", &FILTERS, None),
        rows,
        frame,
    })
}

/// The page of what an id names.
async fn place_of(visit: &Visit, text: &str) -> Result<Option<String>, Trouble> {
    if let Ok(id) = text.parse::<RefundId>() {
        let found = visit.read(move |snapshot| snapshot.refund(id)).await?;
        return Ok(found.map(|row| format!("/console/refunds/{}", row.refund.id)));
    }
    if let Ok(id) = text.parse::<CallbackId>() {
        let found = visit.read(move |snapshot| snapshot.callback(id)).await?;
        return Ok(found.map(|row| match row.refund_id {
            Some(refund) => format!("/console/refunds/{refund}#{}", row.id),
            None => format!("/console/callbacks/{}", row.id),
        }));
    }
    Ok(None)
}

/// Refunds that have this number as theirs, their order's or their provider's.
fn search(snapshot: &mut Snapshot<'_>, text: &str) -> Result<Vec<RefundRow>, StoreError> {
    // No stored text has one, and PostgreSQL takes no NUL.
    if text.contains(char::is_control) {
        return Ok(Vec::new());
    }
    let number = || Some(text.to_owned());
    let mut found: Vec<RefundRow> = Vec::new();
    for filter in [
        RefundFilter {
            refund_no: number(),
            ..RefundFilter::default()
        },
        RefundFilter {
            order_no: number(),
            ..RefundFilter::default()
        },
        RefundFilter {
            provider_refund_no: number(),
            ..RefundFilter::default()
        },
    ] {
        for row in snapshot.refunds(&filter, FOUND_MAX)?.rows {
            if found.iter().all(|known| known.refund.id != row.refund.id) {
                found.push(row);
            }
        }
    }
    Ok(found)
}

impl Choice {
    fn new(value: &str, label: &str, chosen: Option<&str>) -> Self {
        Self {
            value: value.to_owned(),
            label: label.to_owned(),
            is_chosen: chosen.unwrap_or_default() == value,
        }
    }
}

fn any(frame: &Frame, chosen: Option<&str>) -> Choice {
    Choice::new("", frame.t(Text::Any), chosen)
}

fn accounts(visit: &Visit, query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("account");
    let mut choices = vec![any(frame, chosen)];
    choices.extend(visit.app.rules().registry.accounts().iter().map(|account| {
        let name = account.to_string();
        Choice::new(&name, &name, chosen)
    }));
    choices
}

fn statuses(query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("status");
    let mut choices = vec![any(frame, chosen)];
    choices.extend(Status::ALL.map(|status| {
        let label = words::status(frame.lang(), status).text;
        Choice::new(status.as_str(), label, chosen)
    }));
    choices
}

fn states(query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("state");
    let mut choices = vec![any(frame, chosen)];
    choices.extend(State::ALL.map(|state| {
        let label = words::state(frame.lang(), state).text;
        Choice::new(state.as_str(), label, chosen)
    }));
    choices
}

fn questions(query: &Query<'_>, frame: &Frame) -> Vec<Choice> {
    let chosen = query.text("attention");
    let mut choices = vec![any(frame, chosen)];
    for (value, label) in [("true", Text::AnyQuestion), ("false", Text::NoQuestion)] {
        choices.push(Choice::new(value, frame.t(label), chosen));
    }
    choices.extend(Reason::ALL.map(|reason| {
        let label = words::reason(frame.lang(), reason);
        Choice::new(reason.as_str(), label, chosen)
    }));
    choices
}
