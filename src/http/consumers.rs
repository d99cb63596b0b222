//! `/v1/consumers…`: readers that have their place in the feed kept here. A consumer belongs to the
//! reader whose token made it.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::auth::authorize;
use super::error::{self, ApiError};
use super::events::Wanted;
use super::query::Query;
use crate::config::Scope;
use crate::domain::clock::Moment;
use crate::domain::ids::Number;
use crate::feed::SeekTo;
use crate::providers::json::Object;
use crate::store::ConsumerRow;

/// A consumer as its reader gets it.
#[derive(Serialize)]
struct ConsumerView<'a> {
    name: &'a str,
    /// Everything up to this number is done with.
    sequence: i64,
    /// Events after it.
    lag: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl<'a> ConsumerView<'a> {
    fn new(row: &'a ConsumerRow, last: i64) -> Self {
        Self {
            name: &row.name,
            sequence: row.acked_sequence,
            lag: (last - row.acked_sequence).max(0),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The body of an acknowledgement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckBody {
    sequence: i64,
}

/// The body of a seek.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeekBody {
    to: ToBody,
}

/// A place in the feed.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ToBody {
    Earliest,
    Latest,
    Sequence(i64),
    Time(Moment),
}

impl ToBody {
    /// The same, checked.
    pub(super) fn seek_to(self) -> Result<SeekTo, ApiError> {
        match self {
            Self::Earliest => Ok(SeekTo::Earliest),
            Self::Latest => Ok(SeekTo::Latest),
            Self::Sequence(sequence) if sequence < 0 => {
                let detail = "sequence must be a whole number, 0 or more";
                Err(ApiError::InvalidBody(detail.to_owned()))
            }
            Self::Sequence(sequence) => Ok(SeekTo::Sequence(sequence)),
            Self::Time(time) => Ok(SeekTo::Time(time)),
        }
    }
}

/// Every consumer of the reader.
pub async fn list(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer_list(&app, &request)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_list(app: &App, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
    let reader = authorize(app, request, Scope::EventsRead)?;
    Query::parse(request.query_string(), &[])?;
    let rows = app.feed.consumers(&reader.name).await?;
    let last = app.feed.last();
    let data: Vec<_> = rows
        .iter()
        .map(|row| ConsumerView::new(row, last))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// Events after the consumer's place, which stays where it is.
pub async fn events(app: Data<App>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    answer_events(&app, &request, &name)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_events(
    app: &App,
    request: &HttpRequest,
    name: &str,
) -> Result<HttpResponse, ApiError> {
    let reader = authorize(app, request, Scope::EventsRead)?;
    let query = Query::parse(request.query_string(), &["limit", "wait"])?;
    let wanted = Wanted::of(&query)?;
    let name = parse_name(name)?;
    let consumer = app
        .feed
        .consumer(&reader.name, &name, app.clock.as_ref())
        .await?;
    wanted.page(app, consumer.acked_sequence).await
}

/// Moves the consumer forward.
pub async fn ack(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    payload: Payload,
) -> HttpResponse {
    answer_ack(&app, &request, &name, payload)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_ack(
    app: &App,
    request: &HttpRequest,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let reader = authorize(app, request, Scope::EventsRead)?;
    let name = parse_name(name)?;
    let body: AckBody = read(request, payload).await?;
    let moved = app
        .feed
        .ack(&reader.name, &name, body.sequence, app.clock.as_ref())
        .await?;
    Ok(HttpResponse::Ok().json(ConsumerView::new(&moved, app.feed.last())))
}

/// Puts the consumer somewhere else.
pub async fn seek(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    payload: Payload,
) -> HttpResponse {
    answer_seek(&app, &request, &name, payload)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_seek(
    app: &App,
    request: &HttpRequest,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let reader = authorize(app, request, Scope::EventsRead)?;
    let name = parse_name(name)?;
    let body: SeekBody = read(request, payload).await?;
    let to = body.to.seek_to()?;
    // What was acknowledged before this call counts as there.
    app.closeout.caught_up().await;
    let moved = app
        .feed
        .seek(&reader.name, &name, to, app.clock.as_ref())
        .await?;
    Ok(HttpResponse::Ok().json(ConsumerView::new(&moved, app.feed.last())))
}

/// Forgets the consumer.
pub async fn forget(app: Data<App>, request: HttpRequest, name: Path<String>) -> HttpResponse {
    answer_forget(&app, &request, &name)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_forget(
    app: &App,
    request: &HttpRequest,
    name: &str,
) -> Result<HttpResponse, ApiError> {
    let reader = authorize(app, request, Scope::EventsRead)?;
    Query::parse(request.query_string(), &[])?;
    let name = parse_name(name)?;
    app.feed.forget_consumer(&reader.name, &name).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse_name(text: &str) -> Result<Number, ApiError> {
    text.parse()
        .map_err(|error| ApiError::InvalidParameter(format!("the consumer's name {error}")))
}

/// Reads a JSON body that has exactly the members of `T`.
pub(super) async fn read<T>(request: &HttpRequest, payload: Payload) -> Result<T, ApiError>
where
    T: for<'de> Deserialize<'de>,
{
    Query::parse(request.query_string(), &[])?;
    let body = error::read_json(request, payload).await?;
    let invalid = |detail: String| ApiError::InvalidBody(detail);
    // Refuses keys given twice, which the derived reader would take for unknown members only.
    Object::parse(&body).map_err(|error| invalid(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))
}
