//! Callbacks as they came, the newest first.

use actix_web::HttpResponse;
use askama::Template;

use crate::config::Scope;
use crate::console::frame::{Frame, Section, address};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::pages::export::{self, STEP};
use crate::console::pages::raw::shown;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::ids::CallbackId;
use crate::store::{CallbackLine, StoreError};

/// Callbacks of a page.
const LIMIT: u32 = 100;

#[derive(Template)]
#[template(path = "callbacks.html")]
struct CallbacksPage {
    frame: Frame,
    rows: Vec<Line>,
    older: Option<String>,
    is_first: bool,
}

struct Line {
    when: When,
    account: String,
    number: String,
    /// To the refund, or to the callback where it made none.
    href: Option<String>,
    verdict: String,
    is_open: bool,
    key: String,
    deliveries: i64,
}

pub async fn list(visit: Visit) -> Result<HttpResponse, Trouble> {
    let before: Option<CallbackId> = visit.query().parsed("cursor")?;
    let found = visit.read_list(move |snapshot| snapshot.newest_callbacks(before, LIMIT));
    let found = found.await?;
    let frame = visit.frame(Section::Callbacks);
    let may_see_bytes = visit.viewer.may(Scope::CallbacksRead);
    let last = found.last().filter(|_| found.len() == LIMIT as usize);
    let older =
        |row: &CallbackLine| address("/console/callbacks", &[("cursor", &row.id.to_string())]);
    page(&CallbacksPage {
        older: last.map(older),
        is_first: before.is_none(),
        rows: found
            .iter()
            .map(|row| line(&frame, row, may_see_bytes))
            .collect(),
        frame,
    })
}

const HEAD: &str = "id,received_at,provider,account,refund_no,verdict,key,deliveries,refund_id";

pub async fn csv(visit: Visit) -> Result<HttpResponse, Trouble> {
    let before = visit.query().parsed("cursor")?;
    Ok(export::streamed("callbacks", HEAD, (visit, before), step))
}

/// Those before a callback, and where the next ones begin.
type Before = (Visit, Option<CallbackId>);

async fn step((visit, before): Before) -> Result<(Vec<String>, Option<Before>), StoreError> {
    let (store, name) = (&visit.app.store, &visit.viewer.name);
    let found = store.read_list(name, move |snapshot| {
        snapshot.newest_callbacks(before, STEP)
    });
    let found = found.await?;
    let lines = found.iter().map(csv_line).collect();
    let last = found.last().map(|row| row.id);
    let goes_on = found.len() == STEP as usize;
    Ok((lines, goes_on.then_some((visit, last))))
}

fn csv_line(row: &CallbackLine) -> String {
    export::line([
        row.id.to_string(),
        row.received_at.to_string(),
        row.account.provider.clone(),
        row.account.name.clone(),
        row.refund_no.clone(),
        row.verdict.clone().unwrap_or_default(),
        row.key_id.clone(),
        row.deliveries.to_string(),
        row.refund_id.map_or_else(String::new, |id| id.to_string()),
    ])
}

fn line(frame: &Frame, row: &CallbackLine, may_see_bytes: bool) -> Line {
    let of_refund = row
        .refund_id
        .map(|refund| format!("/console/refunds/{refund}#{}", row.id));
    let own = may_see_bytes.then(|| format!("/console/callbacks/{}", row.id));
    let pending = || frame.t(Text::Pending).to_owned();
    Line {
        when: frame.when(row.received_at),
        account: row.account.to_string(),
        number: if row.refund_no.is_empty() {
            row.id.to_string()
        } else {
            shown(&row.refund_no)
        },
        href: of_refund.or(own),
        is_open: row.verdict.is_none() || row.asks(),
        verdict: row.verdict.clone().unwrap_or_else(pending),
        key: row.key_id.clone(),
        deliveries: row.deliveries,
    }
}
