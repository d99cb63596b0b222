//! The trail of acts: who did what, when, why, and from where.

use actix_web::HttpResponse;
use askama::Template;

use super::raw::shown;
use crate::console::frame::{Frame, Section, address};
use crate::console::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::console::when::When;
use crate::domain::trail::Act;
use crate::store::{Snapshot, TrailFilter, TrailRow};

/// Acts of a page.
const LIMIT: u32 = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    acts: Vec<Choice>,
    reader: String,
    about: String,
    rows: Vec<Line>,
    older: Option<String>,
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
    let query = visit.query();
    let act = query.with("act", Act::from_word)?;
    let text = |name| query.with(name, |text| Some(text.to_owned()));
    let filter = TrailFilter {
        reader: text("reader")?,
        act: act.map(|act| act.as_str().to_owned()),
        about: text("about")?,
        since: None,
        until: None,
        is_oldest_first: false,
        cursor: query.parsed("cursor")?,
    };
    let (reader, about) = (filter.reader.clone(), filter.about.clone());
    let read = move |snapshot: &mut Snapshot<'_>| {
        Ok((snapshot.trail(&filter, LIMIT)?, snapshot.trail_head()?))
    };
    let (found, head) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Audit);
    let last = found.rows.last().filter(|_| found.has_more);
    let (reader, about) = (reader.unwrap_or_default(), about.unwrap_or_default());
    let word = act.map_or("", Act::as_str);
    let older = last.map(|row| {
        let cursor = row.sequence.to_string();
        let all = [
            ("act", word),
            ("reader", &reader),
            ("about", &about),
            ("cursor", &cursor),
        ];
        let given: Vec<_> = all
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        address("/console/audit", &given)
    });
    page(&AuditPage {
        acts: Act::ALL
            .map(|known| Choice {
                word: known.as_str(),
                is_chosen: act == Some(known),
            })
            .into(),
        rows: found.rows.iter().map(|row| line(&frame, row)).collect(),
        older,
        last: head.sequence,
        reader,
        about,
        frame,
    })
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
