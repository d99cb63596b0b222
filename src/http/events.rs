//! `GET /v1/events`: the feed, page by page.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::App;
use super::auth::authorize;
use super::error::ApiError;
use super::query::Query;
use crate::config::Scope;
use crate::domain::clock::Moment;
use crate::domain::ids::EventId;
use crate::store::{EventRow, StoreError};

/// Page size where the reader does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Largest page (contract §5).
const LIMIT_MAX: u32 = 1_000;

#[derive(Serialize)]
struct EventView<'a> {
    sequence: i64,
    id: EventId,
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Moment,
    data: &'a RawValue,
}

#[derive(Serialize)]
struct PageView<'a> {
    data: Vec<EventView<'a>>,
    /// What to ask for next: `after=next`.
    next: i64,
}

/// Events after a number; with `wait` it answers as soon as there is one or the time is over.
pub async fn page(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer(&app, &request)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer(app: &App, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::EventsRead)?;
    let query = Query::parse(request.query_string(), &["after", "limit", "wait"])?;
    let limit = query.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = query.parsed("after", "a whole number, 0 or more", |text| {
        text.parse::<i64>().ok().filter(|after| *after >= 0)
    })?;
    let after = after.unwrap_or(0);
    let deadline = query.wait()?.map(|wait| Instant::now() + wait);
    let mut changes = app.store.last_sequence();
    app.closeout.caught_up().await;
    if let Some(deadline) = deadline {
        // Where none comes the page is empty, which is an answer.
        app.event_after(after, &mut changes, deadline).await;
    }
    let rows = app
        .store
        .read(move |snapshot| snapshot.events_after(after, limit))
        .await?;
    let data = rows.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    let next = data.last().map_or(after, |event| event.sequence);
    Ok(HttpResponse::Ok().json(PageView { data, next }))
}

fn view(row: &EventRow) -> Result<EventView<'_>, StoreError> {
    Ok(EventView {
        sequence: row.sequence,
        id: row.id,
        kind: &row.kind,
        timestamp: row.occurred_at,
        data: serde_json::from_str(&row.data)
            .map_err(|_| StoreError::Unreadable("an unreadable event is stored".to_owned()))?,
    })
}
