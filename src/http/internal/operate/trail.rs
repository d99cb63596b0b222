//! `GET /v1/audit`: the trail of acts, for operators and for a copy elsewhere.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::value::RawValue;

use crate::api::trail::{TrailAbout, TrailEnd, TrailEntry, TrailOrder, TrailPage};
use crate::crypto::hex;
use crate::domain::time::Timestamp;
use crate::domain::trail::{Act, known};
use crate::http::App;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::query::{Query, digits};
use crate::http::openapi::responses::Reading;
use crate::http::server::connections::Slot;
use crate::store::{Snapshot, TrailFilter, TrailRow};

/// Default page size.
const LIMIT_DEFAULT: u32 = 50;
/// Max page size.
const LIMIT_MAX: u32 = 200;

const PARAMETERS: [&str; 8] = [
    "order", "reader", "act", "about", "since", "until", "limit", "cursor",
];

/// A page of the trail of acts. Oldest first it can be followed: no entry is ever inserted before another.
#[utoipa::path(
    get, path = "/v1/audit", operation_id = "list_audit", tag = "audit",
    params(
        ("order" = inline(Option<TrailOrder>), Query, description = "Default: newest first"),
        ("reader" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", description = "Acts of this reader"),
        ("act" = inline(Option<Act>), Query, description = "Acts of this kind"),
        ("about" = Option<String>, Query, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", description = "Acts about this id, name or number"),
        ("since" = Option<Timestamp>, Query, description = "At this time or later"),
        ("until" = Option<Timestamp>, Query, description = "Before this time"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Default 50"),
        ("cursor" = Option<String>, Query, pattern = r"^(0|[1-9][0-9]{0,17})$", description = "next_cursor of the previous page, or a sequence")
    ),
    responses((status = 200, description = "A page", body = TrailPage), Reading)
)]
pub async fn page(
    app: Data<App>,
    request: HttpRequest,
    Admission { reader, .. }: Admission,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &PARAMETERS)?;
    let limit = query.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let filter = filter(&query)?;
    let find = move |snapshot: &mut Snapshot<'_>| {
        Ok((snapshot.trail(&filter, limit)?, snapshot.trail_head()?))
    };
    let found = app.store.read_list(&reader.name, find);
    let (page, head) = Slot::unless_gone(&request, found)
        .await
        .ok_or(ApiError::HungUp)??;
    let last = page.rows.last().map(|row| row.sequence.to_string());
    Ok(HttpResponse::Ok().json(TrailPage {
        next_cursor: last.filter(|_| page.has_more),
        has_more: page.has_more,
        data: page.rows.into_iter().map(entry).collect(),
        head: TrailEnd {
            sequence: head.sequence,
            hash: hex(&head.hash),
        },
    }))
}

fn filter(query: &Query<'_>) -> Result<TrailFilter, ApiError> {
    let owned = |name| query.text(name).map(str::to_owned);
    let time = |name| {
        let read = |text: &str| Timestamp::from_rfc3339(text).ok();
        query.parsed(name, "RFC 3339, such as 2026-01-31T00:00:00Z", read)
    };
    let acts = Act::ALL.map(Act::as_str).join(", ");
    let act = query.parsed("act", &format!("one of {acts}"), Act::from_word)?;
    let order = query.parsed("order", "newest or oldest", |word| match word {
        "newest" => Some(false),
        "oldest" => Some(true),
        _ => None,
    })?;
    let cursor = query.parsed("cursor", "a next_cursor of this call", |text| {
        digits(text)?.parse().ok()
    })?;
    Ok(TrailFilter {
        reader: owned("reader"),
        act: act.map(|act| act.as_str().to_owned()),
        about: owned("about"),
        since: time("since")?,
        until: time("until")?,
        is_oldest_first: order.unwrap_or(false),
        cursor,
    })
}

/// An entry as readers get it.
pub fn entry(row: TrailRow) -> TrailEntry {
    let entry = row.entry;
    let some = |text: &str| known(text).map(str::to_owned);
    let object = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
    TrailEntry {
        sequence: row.sequence,
        at: entry.at,
        reader: some(&entry.by.reader),
        token_id: some(&entry.by.token_id),
        from: some(&entry.by.from),
        act: entry.act,
        about: TrailAbout {
            kind: entry.about.kind,
            id: entry.about.id,
        },
        reason: entry.reason,
        before: object(entry.before),
        after: object(entry.after),
        hash: hex(&row.hash),
    }
}
