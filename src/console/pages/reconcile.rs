//! What settlement files said of refunds: the questions that are open, and each finding with its file and line.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::Value;

use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::language::words;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::refund::parity::QUESTIONS;
use crate::domain::trail::Act;
use crate::store::{Snapshot, TrailFilter, TrailRow};

/// Findings of a page.
const LIMIT: u32 = 100;
/// Digits of the hash that name a file.
const HASH_DIGITS: usize = 12;

#[derive(Template)]
#[template(path = "reconcile.html")]
struct ReconcilePage {
    frame: Frame,
    open: Vec<Open>,
    rows: Vec<Line>,
    older: Option<String>,
}

struct Open {
    label: &'static str,
    word: &'static str,
    count: i64,
    href: String,
}

struct Line {
    when: When,
    href: String,
    refund: String,
    says: String,
    file: String,
    place: String,
    reader: String,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let filter = TrailFilter {
        act: Some(Act::SettlementNoted.as_str().to_owned()),
        cursor: visit.query().parsed("cursor")?,
        ..TrailFilter::default()
    };
    let read = move |snapshot: &mut Snapshot<'_>| {
        Ok((
            snapshot.count_attention()?.0,
            snapshot.trail(&filter, LIMIT)?,
        ))
    };
    let (counts, found) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Reconcile);
    let open = QUESTIONS.map(|reason| Open {
        label: words::reason(frame.lang(), reason),
        word: reason.as_str(),
        count: counts
            .iter()
            .find(|(known, _)| *known == reason)
            .map_or(0, |(_, count)| *count),
        href: address("/console/refunds", &[("attention", reason.as_str())]),
    });
    let last = found.rows.last().filter(|_| found.has_more);
    page(&ReconcilePage {
        open: open.into(),
        older: last.map(|row| {
            address(
                "/console/reconcile",
                &[("cursor", &row.sequence.to_string())],
            )
        }),
        rows: found.rows.iter().map(|row| line(&frame, row)).collect(),
        frame,
    })
}

fn line(frame: &Frame, row: &TrailRow) -> Line {
    let entry = &row.entry;
    let after = entry.after.as_deref().map(serde_json::from_str::<Value>);
    let after = after.and_then(Result::ok).unwrap_or_default();
    let text = |name: &str| after[name].as_str().unwrap_or_default();
    Line {
        when: frame.when(entry.at),
        href: format!("/console/refunds/{}", entry.about.id),
        refund: entry.about.id.clone(),
        says: text("parity").to_owned(),
        file: text("file_sha256").chars().take(HASH_DIGITS).collect(),
        place: after["line"]
            .as_i64()
            .map_or_else(String::new, |line| line.to_string()),
        reader: entry.by.reader.clone(),
    }
}
