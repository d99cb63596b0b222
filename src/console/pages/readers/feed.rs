//! The feed: its newest events, and named consumers with their lag.

use actix_web::HttpResponse;
use askama::Template;

use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::export;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::store::{ConsumerRow, EventRow, Snapshot};

/// Events of a page.
const SHOWN: u32 = 50;
/// Consumers that are shown.
const CONSUMERS_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "feed.html")]
struct FeedPage {
    frame: Frame,
    last: i64,
    epoch: String,
    events: Vec<Line>,
    older: Option<String>,
    is_newest: bool,
    consumers: Vec<Consumer>,
}

struct Line {
    sequence: i64,
    kind: String,
    when: When,
    href: Option<String>,
}

struct Consumer {
    reader: String,
    name: String,
    acked: i64,
    lag: i64,
    moved: When,
}

pub async fn show(visit: Visit) -> Result<HttpResponse, Trouble> {
    let upto: Option<i64> = visit.query().with("upto", |text| {
        let number = text.parse().ok();
        number.filter(|number| (1..i64::MAX).contains(number))
    })?;
    let read = move |snapshot: &mut Snapshot<'_>| {
        let last = snapshot.last_sequence()?;
        let end = upto.unwrap_or(last).min(last);
        let begin = (end - i64::from(SHOWN)).max(0);
        let events = snapshot.events_after(begin, SHOWN)?;
        let consumers = snapshot.consumers(CONSUMERS_MAX)?;
        Ok((last, begin, events, consumers, snapshot.epoch()?))
    };
    let (last, begin, events, consumers, epoch) = visit.read_list(read).await?;
    let frame = visit.frame(Section::Feed);
    let line = |row: &EventRow| Line {
        sequence: row.sequence,
        kind: row.kind.clone(),
        when: frame.when(row.occurred_at),
        href: row.refund_id.map(|id| format!("/console/refunds/{id}")),
    };
    let consumers = consumers.into_iter().map(|row| Consumer {
        acked: row.acked_sequence,
        lag: (last - row.acked_sequence).max(0),
        moved: frame.when(row.updated_at),
        reader: row.reader,
        name: row.name,
    });
    page(&FeedPage {
        last,
        epoch,
        events: events.iter().rev().map(line).collect(),
        older: (begin > 0).then(|| address("/console/feed", &[("upto", &begin.to_string())])),
        is_newest: upto.is_none(),
        consumers: consumers.collect(),
        frame,
    })
}

const HEAD: &str = "reader,name,acked_sequence,lag,moved_at";

/// Every consumer.
pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let read = |snapshot: &mut Snapshot<'_>| {
        Ok((
            snapshot.last_sequence()?,
            snapshot.consumers(export::ROWS_MAX)?,
        ))
    };
    let (last, consumers) = visit.read_list(read).await?;
    let line = |row: &ConsumerRow| {
        export::line([
            row.reader.clone(),
            row.name.clone(),
            row.acked_sequence.to_string(),
            (last - row.acked_sequence).max(0).to_string(),
            row.updated_at.to_string(),
        ])
    };
    Ok(export::whole("consumers", HEAD, consumers.iter().map(line)))
}
