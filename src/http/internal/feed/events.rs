//! `GET /v1/events`: the feed in pages.

use std::fmt::Write as _;

use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::Instant;

use crate::api::feed::event::EventPage;
use crate::feed::{FeedError, Page, Position};
use crate::http::App;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::query::{Query, digits};
use crate::http::openapi::responses::Following;
use crate::http::server::connections::Slot;

/// Default page size.
const LIMIT_DEFAULT: u32 = 100;
/// Max page size (contract §5).
const LIMIT_MAX: u32 = 1_000;

/// Events after a number, in commit order, without gaps. With `wait` the response comes as soon as there is one,
/// or the time is over.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "list_events", tag = "events",
    params(
        ("after" = Option<i64>, Query, minimum = 0, description = "next of the previous page; 0 is the beginning"),
        ("epoch" = Option<String>, Query, description = "epoch of the previous page: 409 if it is no longer the present one"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Default 100"),
        ("wait" = Option<String>, Query, pattern = r"^([0-9]|[1-5][0-9]|60)s$", example = "30s")
    ),
    responses((status = 200, description = "A page", body = EventPage), Following)
)]
pub async fn page(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["after", "epoch", "limit", "wait"])?;
    let wanted = Wanted::of(&query)?;
    let position = Position {
        after: after(&query)?.unwrap_or(0),
        epoch: epoch(&query)?,
    };
    Ok(wanted.page(&app, &request, &position).await?)
}

/// The cursor of the reader.
pub(in crate::http) fn after(query: &Query<'_>) -> Result<Option<i64>, ApiError> {
    query.number("after", "a whole number, 0 or more")
}

/// The epoch of the reader's cursor; an empty one counts as absent.
pub(in crate::http) fn epoch(query: &Query<'_>) -> Result<Option<String>, ApiError> {
    let any = |text: &str| Some(text.to_owned());
    let epoch = query.parsed("epoch", "the epoch of a page or an event", any)?;
    Ok(epoch.filter(|epoch| !epoch.is_empty()))
}

/// A sequence number, or 0 before the first event.
pub(in crate::http) fn sequence(text: &str) -> Option<i64> {
    digits(text)?.parse().ok()
}

/// Page size and deadline of a request.
pub(in crate::http) struct Wanted {
    limit: u32,
    deadline: Option<Instant>,
}

impl Wanted {
    /// From `limit` and `wait`.
    pub(in crate::http) fn of(query: &Query<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            limit: query.limit(LIMIT_DEFAULT, LIMIT_MAX)?,
            deadline: query.wait()?.map(|wait| Instant::now() + wait),
        })
    }

    /// The events after this position; the page is empty if none comes in time.
    pub(in crate::http) async fn page(
        &self,
        app: &App,
        request: &HttpRequest,
        position: &Position,
    ) -> Result<HttpResponse, FeedError> {
        app.intake.caught_up().await;
        if let Some(deadline) = self.deadline {
            app.feed.check(position).await?;
            Slot::while_there(request, app.feed.wait(position.after, deadline)).await;
        }
        let page = app.feed.page(position, self.limit).await?;
        Ok(HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(page_json(&page, position.after)))
    }
}

/// `{"data":[…],"next":N,"epoch":"…"}`; the next request has `after=N&epoch=…`.
fn page_json(page: &Page, after: i64) -> String {
    let Page { epoch, events, .. } = page;
    let bytes: usize = events.iter().map(|event| event.json.len() + 1).sum();
    let mut page = String::with_capacity(bytes + 80);
    page.push_str("{\"data\":[");
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            page.push(',');
        }
        page.push_str(&event.json);
    }
    let next = events.last().map_or(after, |event| event.sequence);
    page.push_str("],\"next\":");
    // Writing to a String cannot fail; an epoch is letters and digits.
    let _ = write!(page, "{next},\"epoch\":\"{epoch}\"}}");
    page
}
