//! The start page: what needs a person first, then how everything is.

use std::path::Path;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::lines::RefundLine;
use super::rejected::blocking;
use super::requests::{OfState, states};
use crate::console::Console;
use crate::console::frame::{Frame, Section, address};
use crate::console::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::console::when::When;
use crate::console::words;
use crate::domain::claim::Reason;
use crate::domain::time::Timestamp;
use crate::rejected::{self, EvidenceFilter};
use crate::store::{OpenRequests, RefundRow, Snapshot, StoreError};

/// Refunds with a question that the page shows.
const SHOWN: u32 = 10;
/// How long a rejected signature is news.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    frame: Frame,
    needs: Vec<Need>,
    rows: Vec<RefundLine>,
    /// There are more with a question than are shown.
    more: bool,
    states: Vec<OfState>,
    last_callback: Option<When>,
    not_applied: i64,
    last_event: i64,
    version: &'static str,
}

/// Something to look at, how much of it there is, and what to do.
struct Need {
    label: &'static str,
    advice: &'static str,
    /// In the API.
    word: &'static str,
    count: i64,
    href: String,
}

struct Facts {
    attention: Vec<(Reason, i64)>,
    oldest: Vec<RefundRow>,
    open: Vec<OpenRequests>,
    parked: i64,
    last_callback: Option<Timestamp>,
    not_applied: i64,
    last_event: i64,
}

fn facts(snapshot: &mut Snapshot<'_>) -> Result<Facts, StoreError> {
    Ok(Facts {
        attention: snapshot.count_attention()?.0,
        oldest: snapshot.oldest_questions(SHOWN + 1)?,
        open: snapshot.count_requests()?,
        parked: snapshot.count_close_outs()?.1,
        last_callback: snapshot.newest_callback()?,
        not_applied: snapshot.count_unapplied()?.0,
        last_event: snapshot.last_sequence()?,
    })
}

pub async fn show(visit: Visit, console: Data<Console>) -> Result<HttpResponse, Trouble> {
    visit.app.intake.caught_up().await;
    let facts = visit.read_list(facts).await?;
    let stopped = visit.app.requests.stopped().await?.len();
    let endpoints = visit.app.push.status().await?;
    let disabled = endpoints.iter().filter(|of| of.row.disabled.is_some());
    let (file, since) = (console.evidence.clone(), visit.clocked.now.minus(DAY));
    let rejected = blocking(move || count_signatures(&file, since)).await?;
    let frame = visit.frame(Section::Start);
    let mut needs = questions(&frame, &facts.attention);
    for (label, advice, count, href) in [
        (
            Text::StoppedAccounts,
            Text::StoppedAccountsAdvice,
            stopped,
            "/console/accounts",
        ),
        (
            Text::ParkedCloseOuts,
            Text::ParkedCloseOutsAdvice,
            usize::try_from(facts.parked).unwrap_or(0),
            "/console/orders",
        ),
        (
            Text::DisabledEndpoints,
            Text::DisabledEndpointsAdvice,
            disabled.count(),
            "/console/push",
        ),
        (
            Text::RejectedSignatures,
            Text::RejectedSignaturesAdvice,
            rejected,
            "/console/rejected?reason=unauthorized",
        ),
    ] {
        if count > 0 {
            needs.push(Need {
                label: frame.t(label),
                advice: frame.t(advice),
                word: "",
                count: i64::try_from(count).unwrap_or(i64::MAX),
                href: href.to_owned(),
            });
        }
    }
    let shown = facts.oldest.iter().take(SHOWN as usize);
    page(&StartPage {
        needs,
        rows: shown.map(|row| RefundLine::new(&frame, row)).collect(),
        more: facts.oldest.len() > SHOWN as usize,
        states: states(&frame, &facts.open, None),
        last_callback: facts.last_callback.map(|at| frame.when(at)),
        not_applied: facts.not_applied,
        last_event: facts.last_event,
        version: env!("CARGO_PKG_VERSION"),
        frame,
    })
}

fn questions(frame: &Frame, attention: &[(Reason, i64)]) -> Vec<Need> {
    let lang = frame.lang();
    let open = attention.iter().filter(|(_, count)| *count > 0);
    open.map(|(reason, count)| Need {
        label: words::reason(lang, *reason),
        advice: words::advice(lang, *reason),
        word: reason.as_str(),
        count: *count,
        href: address("/console/refunds", &[("attention", reason.as_str())]),
    })
    .collect()
}

/// Signatures that were rejected since then.
fn count_signatures(file: &Path, since: Timestamp) -> Result<usize, StoreError> {
    let filter = EvidenceFilter {
        since: Some(since),
        reason: Some(rejected::Reason::Unauthorized.as_str().to_owned()),
        path: None,
    };
    rejected::count(file, &filter)
}
