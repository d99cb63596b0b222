//! One callback: its exact bytes, what it says, and why it had its effect.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;
use askama::Template;

use crate::console::frame::{Frame, Section};
use crate::console::language::text::Text;
use crate::console::language::when::When;
use crate::console::language::words::{self, Badge};
use crate::console::pages::raw::{self, Shown};
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, page};
use crate::domain::ids::CallbackId;
use crate::domain::trail::About;
use crate::explain::Findings;
use crate::store::CallbackRow;

#[derive(Template)]
#[template(path = "callback.html")]
struct CallbackPage {
    frame: Frame,
    id: String,
    account: String,
    refund_href: Option<String>,
    refund_no: String,
    received: When,
    deliveries: i64,
    verdict: String,
    why: String,
    rule: &'static str,
    form: &'static str,
    proof: &'static str,
    key: String,
    before: Option<Badge>,
    after: Option<Badge>,
    headers: Vec<(String, String)>,
    length: usize,
    body: Shown,
    is_hex: bool,
}

pub async fn show(visit: Visit, id: Path<String>) -> Result<HttpResponse, Trouble> {
    let id = parse(&id)?;
    visit.app.intake.caught_up().await;
    let read = visit.read(move |snapshot| {
        let row = snapshot.callback(id)?;
        Ok(row.zip(Findings::read(snapshot, id)?))
    });
    let (row, findings) = read.await?.ok_or(Trouble::NotFound)?;
    let rules = visit.app.rules();
    let explained = findings.explain(&rules.registry);
    let why = explained.explanation;
    visit.note_view(about(&row)).await?;
    let frame = visit.frame(Section::Refunds);
    let is_hex = visit.query().text("as") == Some("hex");
    let badge = |status| words::status(frame.lang(), status);
    page(&CallbackPage {
        id: row.id.to_string(),
        account: row.account.to_string(),
        refund_href: row
            .refund_id
            .map(|refund| format!("/console/refunds/{refund}#{}", row.id)),
        refund_no: row.refund_no.clone(),
        received: frame.when(row.received_at),
        deliveries: row.deliveries,
        verdict: row
            .verdict
            .clone()
            .unwrap_or_else(|| frame.t(Text::Pending).to_owned()),
        why: why.why,
        rule: why.rule.unwrap_or_default(),
        form: why.form.unwrap_or_default(),
        proof: why.proof.unwrap_or_default(),
        key: row.key_id.clone(),
        before: why.status_before.map(badge),
        after: why.status_after.map(badge),
        headers: raw::headers(Some(&row.headers)),
        length: row.body.len(),
        body: if is_hex {
            raw::hex(&row.body)
        } else {
            raw::text(&row.body)
        },
        is_hex,
        frame,
    })
}

/// The exact bytes, as a file that no browser shows.
pub async fn bytes(visit: Visit, id: Path<String>) -> Result<HttpResponse, Trouble> {
    let id = parse(&id)?;
    let row = visit.read(move |snapshot| snapshot.callback(id)).await?;
    let row = row.ok_or(Trouble::NotFound)?;
    visit.note_view(about(&row)).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.bin\""),
        ))
        .body(row.body))
}

/// What a view of it is about, for the trail.
fn about(row: &CallbackRow) -> About {
    row.refund_id
        .map_or_else(|| About::new("callback", row.id), About::refund)
}

fn parse(text: &str) -> Result<CallbackId, Trouble> {
    text.parse().map_err(|_| Trouble::NotFound)
}
