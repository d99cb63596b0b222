//! Rejected requests: why, and what would have to differ for each to verify.

use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use crate::config::Scope;
use crate::console::Console;
use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::export;
use crate::console::pages::raw::{self, Shown, shown};
use crate::console::trouble::Trouble;
use crate::console::visit::{Query, Visit, blocking, page};
use crate::crypto::hex;
use crate::diagnosis::signature::{Diagnosis, Subject, diagnose};
use crate::domain::trail::About;
use crate::rejected::{self, EvidenceFilter, Reason, StoredRequest};

/// Requests of the list.
const SHOWN: u32 = 100;

#[derive(Template)]
#[template(path = "rejected.html")]
struct RejectedPage {
    frame: Frame,
    reasons: Vec<Choice>,
    path: String,
    csv: String,
    rows: Vec<Line>,
}

struct Choice {
    value: &'static str,
    is_chosen: bool,
}

struct Line {
    href: String,
    when: When,
    reason: String,
    why: String,
    path: String,
    length: i64,
}

#[derive(Template)]
#[template(path = "rejection.html")]
struct RejectionPage {
    frame: Frame,
    id: i64,
    when: When,
    reason: String,
    why: String,
    path: String,
    peer: String,
    sha256: String,
    length: i64,
    says: String,
    findings: Vec<String>,
    headers: Vec<(String, String)>,
    body: Shown,
    may_see_bytes: bool,
    /// A signature, and the user may mark it as reviewed.
    may_act: bool,
}

pub async fn list(visit: Visit, console: Data<Console>) -> Result<HttpResponse, Trouble> {
    let filter = filter(&visit.query())?;
    let (file, asked) = (console.evidence.clone(), filter.clone());
    let found = blocking(move || rejected::list(&file, &filter, SHOWN)).await?;
    let frame = visit.frame(Section::Rejected);
    let choices = Reason::ALL.map(|known| Choice {
        value: known.as_str(),
        is_chosen: asked.reason.as_deref() == Some(known.as_str()),
    });
    page(&RejectedPage {
        reasons: choices.into(),
        path: asked.path.unwrap_or_default(),
        csv: visit
            .query()
            .narrowed("/console/rejected.csv", &["reason", "path"], None),
        rows: found.into_iter().map(|row| line(&frame, row)).collect(),
        frame,
    })
}

fn filter(query: &Query<'_>) -> Result<EvidenceFilter, Trouble> {
    let reason = query.with("reason", |text| {
        Reason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
    })?;
    Ok(EvidenceFilter {
        since: None,
        reason: reason.map(|reason| reason.as_str().to_owned()),
        path: query.with("path", |text| Some(text.to_owned()))?,
    })
}

const HEAD: &str = "id,received_at,reason,path,peer,body_length,body_sha256,why";

pub async fn csv(visit: Visit, console: Data<Console>) -> Result<HttpResponse, Trouble> {
    let (filter, file) = (filter(&visit.query())?, console.evidence.clone());
    let found = blocking(move || rejected::list(&file, &filter, export::ROWS_MAX)).await?;
    let lines = found.iter().map(|row| {
        export::line([
            row.id.to_string(),
            row.received_at.to_string(),
            row.reason.clone(),
            shown(&row.path),
            row.peer.clone(),
            row.body_length.to_string(),
            hex(&row.body_sha256),
            shown(&why(row)),
        ])
    });
    Ok(export::whole("rejected", HEAD, lines))
}

fn line(frame: &Frame, row: StoredRequest) -> Line {
    Line {
        href: format!("/console/rejected/{}", row.id),
        when: frame.when(row.received_at),
        why: shown(&why(&row)),
        path: shown(&row.path),
        reason: row.reason,
        length: row.body_length,
    }
}

pub async fn one(
    visit: Visit,
    console: Data<Console>,
    id: Path<String>,
) -> Result<HttpResponse, Trouble> {
    let id: i64 = id.parse().map_err(|_| Trouble::NotFound)?;
    let (file, rules) = (console.evidence.clone(), visit.app.rules());
    let found = blocking(move || {
        let row = rejected::one(&file, id)?;
        Ok(row.map(|row| {
            let diagnosis = subject(&row).map(|subject| diagnose(&rules.registry, &subject));
            (row, diagnosis)
        }))
    });
    let (row, diagnosis) = found.await?.ok_or(Trouble::NotFound)?;
    let may_see_bytes = visit.viewer.may(Scope::CallbacksRead);
    if may_see_bytes {
        visit
            .note_view(About::new("rejected", id.to_string()))
            .await?;
    }
    let frame = visit.frame(Section::Rejected);
    let says = diagnosis.as_ref().map_or("", |diagnosis| &diagnosis.says);
    let more = |diagnosis: &Diagnosis| {
        let findings = diagnosis.findings.iter().skip(1);
        findings
            .map(|finding| shown(&finding.would_verify_if))
            .collect()
    };
    let headers = raw::headers(Some(&row.headers)).into_iter();
    page(&RejectionPage {
        id,
        when: frame.when(row.received_at),
        why: shown(&why(&row)),
        path: shown(&row.path),
        peer: row.peer.clone(),
        sha256: hex(&row.body_sha256),
        length: row.body_length,
        says: shown(says),
        findings: diagnosis.as_ref().map(more).unwrap_or_default(),
        headers: headers.filter(|(name, _)| name != "why").collect(),
        body: raw::text(&row.body_head),
        may_act: row.reason == Reason::Unauthorized.as_str() && visit.viewer.may(Scope::Operate),
        reason: row.reason,
        may_see_bytes,
        frame,
    })
}

fn headers(row: &StoredRequest) -> HashMap<String, String> {
    serde_json::from_str(&row.headers).unwrap_or_default()
}

/// Its cause in one sentence, as it was logged.
fn why(row: &StoredRequest) -> String {
    headers(row).remove("why").unwrap_or_default()
}

/// `None` where its time is out of range.
fn subject(row: &StoredRequest) -> Option<Subject<'_>> {
    Some(Subject {
        path: &row.path,
        reason: &row.reason,
        headers: headers(row),
        body: &row.body_head,
        body_length: usize::try_from(row.body_length).ok()?,
        received_at: row.received_at.to_timestamp()?,
    })
}
