//! `/v1/endpoints…`: what became of the endpoints that events are pushed to, for operators.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::auth::authorize;
use super::consumers::{ToBody, read};
use super::error::ApiError;
use super::query::Query;
use crate::config::Scope;
use crate::domain::clock::Moment;
use crate::push::EndpointStatus;

/// An endpoint as an operator gets it.
#[derive(Serialize)]
struct EndpointView<'a> {
    name: &'a str,
    url: String,
    /// `active`, `failing` or `disabled`.
    state: &'static str,
    disabled_at: Option<Moment>,
    disabled_reason: Option<&'static str>,
    /// Everything up to this number is delivered, parked or not wanted.
    sequence: i64,
    /// Events after it.
    lag: i64,
    /// Events that are tried again, or wait behind such a one.
    parked: i64,
    /// Events that are not tried again unless the endpoint is recovered.
    given_up: i64,
    failing_since: Option<Moment>,
    /// Failures since the last success.
    failures: i64,
    last_error: Option<&'a str>,
    last_success_at: Option<Moment>,
}

impl<'a> From<&'a EndpointStatus<'a>> for EndpointView<'a> {
    fn from(status: &'a EndpointStatus<'a>) -> Self {
        let row = &status.row;
        let state = match (row.disabled, row.failing_since) {
            (Some(_), _) => "disabled",
            (None, Some(_)) => "failing",
            (None, None) => "active",
        };
        Self {
            name: &row.name,
            url: status.endpoint.url.to_string(),
            state,
            disabled_at: row.disabled.map(|(at, _)| at),
            disabled_reason: row.disabled.map(|(_, reason)| reason.as_str()),
            sequence: row.pushed_sequence,
            lag: status.lag,
            parked: status.parked,
            given_up: status.given_up,
            failing_since: row.failing_since,
            failures: row.failures,
            last_error: row.last_error.as_deref(),
            last_success_at: row.last_success_at,
        }
    }
}

/// The body of a recovery.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoverBody {
    since: Option<ToBody>,
}

/// Every endpoint of the config.
pub async fn list(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer_list(&app, &request)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_list(app: &App, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::Operate)?;
    Query::parse(request.query_string(), &[])?;
    let status = app.push.status().await?;
    let data: Vec<_> = status.iter().map(EndpointView::from).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// Serves an endpoint again, at once, and from an earlier place if one is given.
pub async fn recover(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    payload: Payload,
) -> HttpResponse {
    answer_recover(&app, &request, &name, payload)
        .await
        .unwrap_or_else(|error| error.response())
}

async fn answer_recover(
    app: &App,
    request: &HttpRequest,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    authorize(app, request, Scope::Operate)?;
    let body: RecoverBody = read(request, payload).await?;
    let since = body.since.map(ToBody::seek_to).transpose()?;
    app.push.recover(name, since).await?;
    let status = app.push.status().await?;
    let recovered = status.iter().find(|status| status.row.name == name);
    let recovered = recovered.ok_or(ApiError::NotFound("endpoint"))?;
    Ok(HttpResponse::Ok().json(EndpointView::from(recovered)))
}
