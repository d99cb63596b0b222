//! `/v1/consumers…`: cursors that the service keeps for readers. A consumer belongs to the reader whose token
//! created it.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::cursor;
use super::cursor::{FeedCursor, not_negative};
use super::events::{Wanted, epoch};
use crate::api::feed::consumer::{ConsumerList, ConsumerView};
use crate::api::feed::event::EventPage;
use crate::config::Reader;
use crate::domain::ids::Name;
use crate::feed::{FeedError, Position};
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::body;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::{Acknowledging, Consuming, Reading, ReadingOne, Seeking};
use crate::store::ConsumerRow;

fn view(row: &ConsumerRow, last: i64) -> ConsumerView<'_> {
    ConsumerView {
        name: &row.name,
        sequence: row.acked_sequence,
        lag: (last - row.acked_sequence).max(0),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// The body of an acknowledgement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Acknowledgement)]
struct AckBody {
    /// Events up to this number are acknowledged.
    #[schema(minimum = 0)]
    sequence: i64,
    /// The epoch of the page: 409 if it is no longer the present one.
    epoch: Option<String>,
}

/// The body of a seek.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Seek)]
struct SeekBody {
    #[schema(schema_with = cursor::schema)]
    to: FeedCursor,
}

/// All consumers of the reader.
#[utoipa::path(
    get, path = "/v1/consumers", operation_id = "list_consumers", tag = "consumers",
    responses((status = 200, description = "All of them, by name", body = ConsumerList), Reading)
)]
pub async fn list(
    app: Data<App>,
    request: HttpRequest,
    Admission { reader, .. }: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let rows = app.feed.consumers(&reader.name).await?;
    let last = app.feed.last();
    let data = rows.iter().map(|row| view(row, last)).collect();
    Ok(HttpResponse::Ok().json(ConsumerList { data }))
}

/// Events after the consumer's cursor, which an acknowledgement moves.
#[utoipa::path(
    get, path = "/v1/consumers/{name}/events", operation_id = "list_consumer_events", tag = "consumers",
    params(
        ("name" = String, Path, pattern = r"^[A-Za-z0-9_.:-]{1,64}$", example = "accounting"),
        ("epoch" = Option<String>, Query, description = "epoch of the previous page: 409 if it is no longer the present one"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Default 100"),
        ("wait" = Option<String>, Query, pattern = r"^([0-9]|[1-5][0-9]|60)s$", example = "30s")
    ),
    responses((status = 200, description = "A page; a new consumer begins before the first event", body = EventPage), Consuming)
)]
pub async fn events(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["epoch", "limit", "wait"])?;
    let wanted = Wanted::of(&query)?;
    let name = parse_name(&name)?;
    let asked_at = app.clock.now();
    let consumer = app
        .feed
        .consumer(&admission.actor(), &name, app.clock.as_ref())
        .await?;
    if consumer.created_at >= asked_at {
        note(
            &app,
            &admission.reader,
            Act::ConsumerMade,
            &name,
            "before the first event",
        );
    }
    let position = Position {
        after: consumer.acked_sequence,
        epoch: epoch(&query)?,
    };
    let page = wanted.page(&app, &request, &position).await;
    // The service kept the cursor, so it is no fault of the reader.
    page.map_err(|error| match error {
        FeedError::BeyondLast { epoch, last } => FeedError::Restarted { epoch, last }.into(),
        other => other.into(),
    })
}

/// Acknowledges events: moves the cursor forward.
#[utoipa::path(
    post, path = "/v1/consumers/{name}/ack", operation_id = "ack_events", tag = "consumers",
    params(("name" = String, Path, pattern = r"^[A-Za-z0-9_.:-]{1,64}$", example = "accounting")),
    request_body = AckBody,
    responses((status = 200, description = "The consumer with its new cursor", body = ConsumerView), Acknowledging)
)]
pub async fn ack(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let name = parse_name(&name)?;
    Query::parse(request.query_string(), &[])?;
    let body: AckBody = body::read(&request, payload).await?;
    let upto = Position {
        after: not_negative(body.sequence)?,
        epoch: body.epoch,
    };
    let moved = app
        .feed
        .ack(&admission.actor(), &name, &upto, app.clock.as_ref())
        .await?;
    Ok(HttpResponse::Ok().json(view(&moved, app.feed.last())))
}

/// Moves the cursor of the consumer anywhere in the feed.
#[utoipa::path(
    post, path = "/v1/consumers/{name}/seek", operation_id = "seek_events", tag = "consumers",
    params(("name" = String, Path, pattern = r"^[A-Za-z0-9_.:-]{1,64}$", example = "accounting")),
    request_body = SeekBody,
    responses((status = 200, description = "The consumer with its new cursor", body = ConsumerView), Seeking)
)]
pub async fn seek(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let name = parse_name(&name)?;
    Query::parse(request.query_string(), &[])?;
    let body: SeekBody = body::read(&request, payload).await?;
    let to = body.to.seek_to()?;
    // Callbacks acknowledged before this call are in the feed first.
    app.intake.caught_up().await;
    let moved = app
        .feed
        .seek(&admission.actor(), &name, to, app.clock.as_ref())
        .await?;
    let how = format!("behind event {}", moved.acked_sequence);
    note(&app, &admission.reader, Act::ConsumerMoved, &name, &how);
    Ok(HttpResponse::Ok().json(view(&moved, app.feed.last())))
}

/// Deletes the consumer.
#[utoipa::path(
    delete, path = "/v1/consumers/{name}", operation_id = "forget_consumer", tag = "consumers",
    params(("name" = String, Path, pattern = r"^[A-Za-z0-9_.:-]{1,64}$", example = "accounting")),
    responses((status = 204, description = "Deleted"), ReadingOne)
)]
pub async fn forget(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let name = parse_name(&name)?;
    let (by, clock) = (admission.actor(), app.clock.as_ref());
    app.feed.forget_consumer(&by, &name, clock).await?;
    note(
        &app,
        &admission.reader,
        Act::ConsumerDeleted,
        &name,
        "deleted with its cursor",
    );
    Ok(HttpResponse::NoContent().finish())
}

/// Logs a change. Acknowledgements are not logged: each page ends with one.
fn note(app: &App, reader: &Reader, act: Act, name: &Name, how: &str) {
    acts::note(
        app,
        &reader.name,
        act,
        &format!("consumer {}", name.as_str()),
        how,
    );
}

fn parse_name(text: &str) -> Result<Name, ApiError> {
    text.parse()
        .map_err(|error| ApiError::InvalidParameter(format!("the consumer's name {error}")))
}
