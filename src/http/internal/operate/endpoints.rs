//! `/v1/endpoints…`: the state of push endpoints, for operators.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::feed::endpoint::{DisabledReason, EndpointList, EndpointState, EndpointView};
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::feed::cursor;
use crate::http::internal::feed::cursor::FeedCursor;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::body;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::{Reading, Recovering};
use crate::push::EndpointStatus;
use crate::store;

impl<'a> From<&'a EndpointStatus> for EndpointView<'a> {
    fn from(status: &'a EndpointStatus) -> Self {
        let row = &status.row;
        let state = match (row.disabled, row.failing_since) {
            (Some(_), _) => EndpointState::Disabled,
            (None, Some(_)) => EndpointState::Failing,
            (None, None) => EndpointState::Active,
        };
        Self {
            name: &row.name,
            url: &status.url,
            state,
            disabled_at: row.disabled.map(|(at, _)| at),
            disabled_reason: row.disabled.map(|(_, reason)| match reason {
                store::DisabledReason::Gone => DisabledReason::Gone,
                store::DisabledReason::Failing => DisabledReason::Failing,
            }),
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
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recovery)]
struct RecoverBody {
    /// Push from this cursor; if absent, or after the one of the endpoint, from the one of the endpoint.
    #[serde(default)]
    #[schema(schema_with = cursor::schema)]
    since: Option<FeedCursor>,
}

/// All endpoints of the config.
#[utoipa::path(
    get, path = "/v1/endpoints", operation_id = "list_endpoints", tag = "endpoints",
    responses((status = 200, description = "All of them, in the order of the config", body = EndpointList), Reading)
)]
pub async fn list(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let status = app.push.status().await?;
    let data = status.iter().map(EndpointView::from).collect();
    Ok(HttpResponse::Ok().json(EndpointList { data }))
}

/// Enables an endpoint at once, and replays from an earlier cursor if one is given.
#[utoipa::path(
    post, path = "/v1/endpoints/{name}/recover", operation_id = "recover_endpoint", tag = "endpoints",
    params(("name" = String, Path, description = "As in the config", example = "erp")),
    request_body = RecoverBody,
    responses((status = 200, description = "Enabled again", body = EndpointView), Recovering)
)]
pub async fn recover(
    app: Data<App>,
    request: HttpRequest,
    name: Path<String>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let body: RecoverBody = body::read(&request, payload).await?;
    let since = body.since.map(FeedCursor::seek_to).transpose()?;
    app.push.recover(&name, since, admission.actor()).await?;
    let how = match since {
        None => "from where it stopped".to_owned(),
        Some(since) => format!("from {since:?}"),
    };
    let about = format!("endpoint {name}");
    acts::note(
        &app,
        &admission.reader.name,
        Act::EndpointRecovered,
        &about,
        &how,
    );
    let status = app.push.status().await?;
    let recovered = status.iter().find(|status| status.row.name == *name);
    let recovered = recovered.ok_or(ApiError::NotFound("endpoint"))?;
    Ok(HttpResponse::Ok().json(EndpointView::from(recovered)))
}
