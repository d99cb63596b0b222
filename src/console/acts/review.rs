//! Rejected signatures that an operator has looked at: they leave the start page, and nothing is deleted. The mark is
//! the entry of the trail itself. The file of rejected requests is each instance's own, so a mark counts only where
//! the file has the very request that it names.

use std::path::Path as FilePath;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::{ActPage, done, reason};
use crate::console::Console;
use crate::console::form::Fields;
use crate::console::frame::Section;
use crate::console::language::text::Text;
use crate::console::pages::raw;
use crate::console::trouble::Trouble;
use crate::console::visit::{Visit, blocking, page};
use crate::crypto::hex;
use crate::domain::time::Timestamp;
use crate::domain::trail::{About, Act};
use crate::http::internal::access::acts::note;
use crate::rejected::{self, StoredRequest};
use crate::store::{Snapshot, StoreError, TrailFilter, TrailRow};

/// Marks that are looked at to find one of this instance.
const MARKS_MAX: u32 = 20;

/// The newest reviews, of any instance.
pub fn marks(snapshot: &mut Snapshot<'_>) -> Result<Vec<TrailRow>, StoreError> {
    let filter = TrailFilter {
        act: Some(Act::RejectionsReviewed.as_str().to_owned()),
        ..TrailFilter::default()
    };
    Ok(snapshot.trail(&filter, MARKS_MAX)?.rows)
}

/// From when on requests of this file are not reviewed; `None`: none is.
pub fn since(file: &FilePath, marks: &[TrailRow]) -> Result<Option<Timestamp>, StoreError> {
    for mark in marks {
        let Ok(id) = mark.entry.about.id.parse() else {
            continue;
        };
        let row = rejected::one(file, id)?;
        if let Some(row) = row.filter(|row| Some(seen(row)) == after(mark)) {
            return Ok(Some(row.received_at.plus(Duration::from_millis(1))));
        }
    }
    Ok(None)
}

fn after(mark: &TrailRow) -> Option<Value> {
    serde_json::from_str(mark.entry.after.as_deref()?).ok()
}

/// What tells the request from those of other files.
fn seen(row: &StoredRequest) -> Value {
    json!({ "received_at": row.received_at, "body_sha256": hex(&row.body_sha256) })
}

async fn request(console: &Console, id: &str) -> Result<StoredRequest, Trouble> {
    let id: i64 = id.parse().map_err(|_| Trouble::NotFound)?;
    let file = console.evidence.clone();
    let found = blocking(move || rejected::one(&file, id)).await?;
    found.ok_or(Trouble::NotFound)
}

pub async fn ask(
    visit: Visit,
    console: Data<Console>,
    id: Path<String>,
) -> Result<HttpResponse, Trouble> {
    let row = request(&console, &id).await?;
    page(&ActPage {
        frame: visit.frame(Section::Rejected),
        title: Text::MarkReviewed,
        what: Text::ReviewedWhat,
        detail: String::new(),
        about: raw::shown(&row.path),
        action: format!("/console/rejected/{}/review", row.id),
        back: format!("/console/rejected/{}", row.id),
        is_risky: false,
    })
}

pub async fn act(
    visit: Visit,
    console: Data<Console>,
    id: Path<String>,
    fields: Fields,
) -> Result<HttpResponse, Trouble> {
    let reason = reason(&fields)?;
    let row = request(&console, &id).await?;
    let entry = visit.actor().did(
        Act::RejectionsReviewed,
        About::new("rejected", row.id.to_string()),
        visit.app.clock.now(),
    );
    let entry = entry.because(&reason).changed(&Value::Null, &seen(&row));
    visit
        .app
        .store
        .write_act("review rejections", entry)
        .await?;
    let about = format!("rejected request {}", row.id);
    note(
        &visit.app,
        &visit.viewer.name,
        Act::RejectionsReviewed,
        &about,
        &reason,
    );
    Ok(done("/console/", Text::Reviewed))
}
