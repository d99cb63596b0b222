//! The start page: what needs a person first, then how everything is.

mod needs;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::requests::{OfState, states};
use crate::console::Console;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::claim::Reason;
use crate::domain::time::Timestamp;
use crate::store::{OpenRequests, RefundRow, Snapshot, StoreError};
use needs::Need;

/// The oldest refunds with a question, of which each question shows a few.
const QUESTIONS_MAX: u32 = 200;
/// Close-outs that are looked at; parked ones come first.
const CLOSE_OUTS_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    frame: Frame,
    needs: Vec<Need>,
    states: Vec<OfState>,
    last_callback: Option<When>,
    not_applied: i64,
    last_event: i64,
    version: &'static str,
}

struct Facts {
    attention: Vec<(Reason, i64)>,
    oldest: Vec<RefundRow>,
    close_outs: Vec<RefundRow>,
    open: Vec<OpenRequests>,
    last_callback: Option<Timestamp>,
    not_applied: i64,
    last_event: i64,
}

fn facts(snapshot: &mut Snapshot<'_>) -> Result<Facts, StoreError> {
    Ok(Facts {
        attention: snapshot.count_attention()?.0,
        oldest: snapshot.oldest_questions(QUESTIONS_MAX)?,
        close_outs: snapshot.open_close_outs(CLOSE_OUTS_MAX)?,
        open: snapshot.count_requests()?,
        last_callback: snapshot.newest_callback()?,
        not_applied: snapshot.count_unapplied()?.0,
        last_event: snapshot.last_sequence()?,
    })
}

pub async fn show(visit: Visit, console: Data<Console>) -> Result<HttpResponse, Trouble> {
    visit.app.intake.caught_up().await;
    let facts = visit.read_list(facts).await?;
    let frame = visit.frame(Section::Start);
    let mut needs = needs::questions(&frame, &facts.attention, &facts.oldest);
    needs.extend(needs::stopped(&visit, &frame).await?);
    needs.extend(needs::parked(&frame, &facts.close_outs));
    needs.extend(needs::disabled(&visit, &frame).await?);
    needs.extend(needs::signatures(&visit, &frame, &console).await?);
    page(&StartPage {
        needs,
        states: states(&frame, &facts.open, None),
        last_callback: facts.last_callback.map(|at| frame.when(at)),
        not_applied: facts.not_applied,
        last_event: facts.last_event,
        version: env!("CARGO_PKG_VERSION"),
        frame,
    })
}
