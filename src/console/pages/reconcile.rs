//! What settlement files said of refunds: the questions that are open, and each finding with its file and line.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::Value;

use super::export;
use super::service::audit::Export;
use crate::config::Scope;
use crate::console::acts::refund::RefundAct;
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
/// Compared files of a page.
const RUNS: u32 = 20;
/// Digits of the hash that name a file.
const HASH_DIGITS: usize = 12;

#[derive(Template)]
#[template(path = "reconcile.html")]
struct ReconcilePage {
    frame: Frame,
    open: Vec<Open>,
    runs: Vec<Run>,
    rows: Vec<Line>,
    older: Option<String>,
    may_ask: bool,
    may_compare: bool,
}

/// A file that was compared in the console.
struct Run {
    when: When,
    account: String,
    file: String,
    day: String,
    /// Rows of each bucket that has some.
    counts: String,
    reader: String,
}

struct Open {
    label: &'static str,
    word: &'static str,
    count: i64,
    href: String,
    /// To the plan that asks the provider about all of them.
    ask_href: String,
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
        cursor: visit.query().parsed("cursor")?,
        ..findings()
    };
    let read = move |snapshot: &mut Snapshot<'_>| {
        let runs = snapshot.trail(&of(Act::SettlementCompared), RUNS)?;
        let found = snapshot.trail(&filter, LIMIT)?;
        Ok((snapshot.count_attention()?.0, runs.rows, found))
    };
    let (counts, runs, found) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Reconcile);
    let open = QUESTIONS.map(|reason| Open {
        label: words::reason(frame.lang(), reason),
        word: reason.as_str(),
        count: counts
            .iter()
            .find(|(known, _)| *known == reason)
            .map_or(0, |(_, count)| *count),
        href: address("/console/refunds", &[("attention", reason.as_str())]),
        ask_href: address(
            "/console/requests/all/ask",
            &[("attention", reason.as_str())],
        ),
    });
    let last = found.rows.last().filter(|_| found.has_more);
    page(&ReconcilePage {
        may_compare: visit.viewer.may(Scope::Operate),
        runs: runs.iter().map(|row| run(&frame, row)).collect(),
        may_ask: RefundAct::Ask.is_allowed(&visit.viewer),
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

fn findings() -> TrailFilter {
    of(Act::SettlementNoted)
}

fn of(act: Act) -> TrailFilter {
    TrailFilter {
        act: Some(act.as_str().to_owned()),
        ..TrailFilter::default()
    }
}

fn run(frame: &Frame, row: &TrailRow) -> Run {
    let entry = &row.entry;
    let after = after(row);
    let text = |name: &str| after[name].as_str().unwrap_or_default().to_owned();
    let counts = after["counts"].as_object().into_iter().flatten();
    let counts = counts.filter(|(_, count)| count.as_u64() != Some(0));
    let counts: Vec<_> = counts
        .map(|(bucket, count)| format!("{bucket} {count}"))
        .collect();
    Run {
        when: frame.when(entry.at),
        account: entry.about.id.clone(),
        file: short(&text("file_sha256")),
        day: text("day"),
        counts: counts.join(", "),
        reader: entry.by.reader.clone(),
    }
}

/// What an entry left.
fn after(row: &TrailRow) -> Value {
    let after = row.entry.after.as_deref();
    let after = after.map(serde_json::from_str);
    after.and_then(Result::ok).unwrap_or_default()
}

/// What a file is called on pages.
fn short(file_sha256: &str) -> String {
    file_sha256.chars().take(HASH_DIGITS).collect()
}

const HEAD: &str = "at,refund_id,file_says,file_sha256,line,reader";

/// Every finding.
pub async fn csv(visit: Visit) -> HttpResponse {
    let file = Export {
        visit,
        filter: findings(),
        line: csv_line,
    };
    file.streamed("findings", HEAD)
}

fn csv_line(row: &TrailRow) -> String {
    let entry = &row.entry;
    let finding = Finding::of(row);
    export::line([
        entry.at.to_string(),
        entry.about.id.clone(),
        finding.says,
        finding.file_sha256,
        finding.place,
        entry.by.reader.clone(),
    ])
}

/// What a file says, and where.
pub(super) struct Finding {
    pub says: String,
    pub file_sha256: String,
    pub place: String,
}

impl Finding {
    /// What the file is called on pages.
    pub fn file(&self) -> String {
        short(&self.file_sha256)
    }

    pub fn of(row: &TrailRow) -> Self {
        let after = after(row);
        let text = |name: &str| after[name].as_str().unwrap_or_default().to_owned();
        let place = after["line"].as_i64();
        Self {
            says: text("parity"),
            file_sha256: text("file_sha256"),
            place: place.map_or_else(String::new, |line| line.to_string()),
        }
    }
}

fn line(frame: &Frame, row: &TrailRow) -> Line {
    let entry = &row.entry;
    let finding = Finding::of(row);
    Line {
        when: frame.when(entry.at),
        href: format!("/console/refunds/{}", entry.about.id),
        refund: entry.about.id.clone(),
        file: finding.file(),
        says: finding.says,
        place: finding.place,
        reader: entry.by.reader.clone(),
    }
}
