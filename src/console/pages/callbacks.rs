//! Callbacks as they came, the newest first.

use actix_web::HttpResponse;
use askama::Template;

use super::raw::shown;
use crate::config::Scope;
use crate::console::frame::{Frame, Section, address};
use crate::console::text::Text;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::console::when::When;
use crate::domain::ids::CallbackId;
use crate::store::CallbackLine;

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
