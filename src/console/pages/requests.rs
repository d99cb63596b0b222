//! Outgoing refunds that are under way, by state, the oldest first.

use actix_web::HttpResponse;
use askama::Template;

use super::lines::RefundLine;
use super::{export, refunds};
use crate::config::Scope;
use crate::console::acts::refund::RefundAct;
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::words::{self, Badge};
use crate::console::trouble::Trouble;
use crate::console::visit::{Query, Visit, page};
use crate::domain::request::State;
use crate::store::{OpenRequests, RefundRow, Snapshot, StoreError};

/// Refunds of the list.
const SHOWN: u32 = 200;
/// Of each state, in a file.
const IN_FILE: u32 = 5_000;

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    frame: Frame,
    states: Vec<OfState>,
    rows: Vec<RefundLine>,
    is_all: bool,
    csv: String,
    may_create: bool,
    /// What can be done to all of the list at once: title and address of the plan.
    acts: Vec<(Text, String)>,
}

/// How many are in a state, and since when.
pub struct OfState {
    pub badge: Badge,
    pub count: i64,
    pub age: String,
    pub href: String,
    pub is_current: bool,
}

/// States of a request that is under way.
fn under_way() -> impl Iterator<Item = State> {
    State::ALL.into_iter().filter(|state| !state.is_final())
}

/// One for each open state.
pub fn states(frame: &Frame, open: &[OpenRequests], current: Option<State>) -> Vec<OfState> {
    let of_state = |state: State| {
        let of_state = open.iter().filter(|requests| requests.state == state);
        let oldest = of_state.clone().map(|requests| requests.oldest).min();
        OfState {
            badge: words::state(frame.lang(), state),
            count: of_state.map(|requests| requests.requests).sum(),
            age: oldest.map_or_else(String::new, |oldest| frame.clocked.span_since(oldest)),
            href: address("/console/requests", &[("state", state.as_str())]),
            is_current: current == Some(state),
        }
    };
    under_way().map(of_state).collect()
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let state = asked_for(&visit.query())?;
    let read = move |snapshot: &mut Snapshot<'_>| {
        let rows = oldest(snapshot, state, SHOWN)?;
        Ok((snapshot.count_requests()?, rows))
    };
    let (open, mut rows) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Requests);
    let is_all = rows.len() <= SHOWN as usize;
    rows.truncate(SHOWN as usize);
    page(&RequestsPage {
        states: states(&frame, &open, state),
        rows: rows
            .iter()
            .map(|row| RefundLine::new(&frame, row))
            .collect(),
        is_all,
        csv: visit
            .query()
            .narrowed("/console/requests.csv", &["state"], None),
        may_create: visit.viewer.may(Scope::RefundsWrite),
        acts: acts(&visit, state),
        frame,
    })
}

/// The acts on every request of this state.
fn acts(visit: &Visit, state: Option<State>) -> Vec<(Text, String)> {
    let Some(state) = state else {
        return Vec::new();
    };
    let of_many = [RefundAct::Ask, RefundAct::Resend].into_iter();
    let possible = of_many.filter(|act| act.fits(Some(state)) && act.is_allowed(&visit.viewer));
    let plan = |act: RefundAct| {
        let path = format!("/console/requests/all/{}", act.as_str());
        (act.title(), address(&path, &[("state", state.as_str())]))
    };
    possible.map(plan).collect()
}

fn asked_for(query: &Query<'_>) -> Result<Option<State>, Trouble> {
    query.with("state", |word| {
        State::from_word(word).filter(|state| !state.is_final())
    })
}

/// Those of a state, or of all; at most `limit` of each, the oldest first.
fn oldest(
    snapshot: &mut Snapshot<'_>,
    state: Option<State>,
    limit: u32,
) -> Result<Vec<RefundRow>, StoreError> {
    let mut rows = Vec::new();
    for of in under_way() {
        if state.is_none_or(|state| state == of) {
            rows.extend(snapshot.requests_in_state(of, limit)?);
        }
    }
    rows.sort_by_key(|row| row.refund.id);
    Ok(rows)
}

pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let state = asked_for(&visit.query())?;
    let rows = visit.read_list(move |snapshot| oldest(snapshot, state, IN_FILE));
    let lines = rows.await?;
    let lines = lines.iter().map(refunds::line);
    Ok(export::whole("requests", refunds::HEAD, lines))
}
