//! The trail of acts: who did what, when, why, and from where.

use actix_web::HttpResponse;
use askama::Template;

use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::export::{self, STEP};
use crate::console::pages::raw::shown;
use crate::console::trouble::Trouble;
use crate::console::visit::{Query, Visit, page};
use crate::domain::trail::Act;
use crate::store::{Snapshot, StoreError, TrailFilter, TrailRow};

/// Acts of a page.
const LIMIT: u32 = 100;
/// Parameters that narrow the list.
const FILTERS: [&str; 3] = ["act", "reader", "about"];

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    acts: Vec<Choice>,
    reader: String,
    about: String,
    rows: Vec<Line>,
    older: Option<String>,
    csv: String,
    last: i64,
}

struct Choice {
    word: &'static str,
    is_chosen: bool,
}

struct Line {
    sequence: i64,
    when: When,
    reader: String,
    from: String,
    act: String,
    about: String,
    /// Where the console has a page about it.
    href: Option<String>,
    reason: String,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let filter = filter(&visit.query())?;
    let asked = filter.clone();
    let read = move |snapshot: &mut Snapshot<'_>| {
        Ok((snapshot.trail(&filter, LIMIT)?, snapshot.trail_head()?))
    };
    let (found, head) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Audit);
    let last = found.rows.last().filter(|_| found.has_more);
    let query = visit.query();
    let older = last.map(|row| {
        let cursor = row.sequence.to_string();
        query.narrowed("/console/audit", &FILTERS, Some(&cursor))
    });
    let is_chosen = |act: Act| asked.act.as_deref() == Some(act.as_str());
    page(&AuditPage {
        acts: Act::ALL
            .map(|known| Choice {
                word: known.as_str(),
                is_chosen: is_chosen(known),
            })
            .into(),
        rows: found.rows.iter().map(|row| line(&frame, row)).collect(),
        older,
        csv: query.narrowed("/console/audit.csv", &FILTERS, None),
        last: head.sequence,
        reader: asked.reader.unwrap_or_default(),
        about: asked.about.unwrap_or_default(),
        frame,
    })
}

fn filter(query: &Query<'_>) -> Result<TrailFilter, Trouble> {
    let text = |name| query.with(name, |text| Some(text.to_owned()));
    let act = query.with("act", Act::from_word)?;
    Ok(TrailFilter {
        reader: text("reader")?,
        act: act.map(|act| act.as_str().to_owned()),
        about: text("about")?,
        since: None,
        until: None,
        is_oldest_first: false,
        cursor: query.parsed("cursor")?,
    })
}

const HEAD: &str = "sequence,at,reader,token_id,from,act,about_kind,about_id,reason,before,after";

pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let filter = filter(&visit.query())?;
    let file = Export {
        visit,
        filter,
        line: csv_line,
    };
    Ok(file.streamed("audit", HEAD))
}

/// Entries of the trail as a file.
pub(in crate::console::pages) struct Export {
    pub visit: Visit,
    /// Its cursor moves on as the file is sent.
    pub filter: TrailFilter,
    pub line: fn(&TrailRow) -> String,
}

impl Export {
    pub fn streamed(self, name: &str, head: &str) -> HttpResponse {
        export::streamed(name, head, self, step)
    }
}

async fn step(
    Export {
        visit,
        mut filter,
        line,
    }: Export,
) -> Result<(Vec<String>, Option<Export>), StoreError> {
    let (store, name) = (&visit.app.store, &visit.viewer.name);
    let asked = filter.clone();
    let found = store.read_list(name, move |snapshot| snapshot.trail(&asked, STEP));
    let found = found.await?;
    let lines = found.rows.iter().map(line).collect();
    filter.cursor = found.rows.last().map(|row| row.sequence);
    let rest = Export {
        visit,
        filter,
        line,
    };
    Ok((lines, found.has_more.then_some(rest)))
}

fn csv_line(row: &TrailRow) -> String {
    let entry = &row.entry;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    export::line([
        row.sequence.to_string(),
        entry.at.to_string(),
        entry.by.reader.clone(),
        entry.by.token_id.clone(),
        entry.by.from.clone(),
        entry.act.clone(),
        entry.about.kind.clone(),
        entry.about.id.clone(),
        text(&entry.reason),
        text(&entry.before),
        text(&entry.after),
    ])
}

fn line(frame: &Frame, row: &TrailRow) -> Line {
    let entry = &row.entry;
    let id = shown(&entry.about.id);
    Line {
        sequence: row.sequence,
        when: frame.when(entry.at),
        reader: shown(&entry.by.reader),
        from: shown(&entry.by.from),
        act: entry.act.clone(),
        href: id
            .starts_with("rf_")
            .then(|| format!("/console/refunds/{id}")),
        about: format!("{} {id}", entry.about.kind),
        reason: shown(entry.reason.as_deref().unwrap_or_default()),
    }
}
