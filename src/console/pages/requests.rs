//! Outgoing refunds that are under way, by state, the oldest first.

use actix_web::HttpResponse;
use askama::Template;

use super::lines::RefundLine;
use crate::config::Scope;
use crate::console::frame::{Frame, Section, address};
use crate::console::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::console::words::{self, Badge};
use crate::domain::request::State;
use crate::store::{OpenRequests, Snapshot};

/// Refunds of the list.
const SHOWN: u32 = 200;

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    frame: Frame,
    states: Vec<OfState>,
    rows: Vec<RefundLine>,
    is_all: bool,
    may_create: bool,
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
    let state = visit.query().with("state", |word| {
        State::from_word(word).filter(|state| !state.is_final())
    })?;
    let read = move |snapshot: &mut Snapshot<'_>| {
        let mut rows = Vec::new();
        for of in under_way() {
            if state.is_none_or(|state| state == of) {
                rows.extend(snapshot.requests_in_state(of, SHOWN)?);
            }
        }
        rows.sort_by_key(|row| row.refund.id);
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
        may_create: visit.viewer.may(Scope::RefundsWrite),
        frame,
    })
}
