//! `GET /v1/callbacks/{id}`: one callback, what it says, and why it had its effect.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::access::auth::Admission;
use super::etag;
use super::problem::ApiError;
use super::request::query::Query;
use crate::api::explain::ExplainedCallback;
use crate::domain::ids::CallbackId;
use crate::domain::trail::About;
use crate::explain::Findings;
use crate::http::App;
use crate::http::openapi::responses::{NotModified, ReadingOne};

/// One callback, what it says, and why it had its effect.
#[utoipa::path(
    get, path = "/v1/callbacks/{id}", operation_id = "get_callback", tag = "callbacks",
    params(("id" = CallbackId, Path), ("If-None-Match" = Option<String>, Header, description = "An ETag; 304 if the content has not changed")),
    responses(
        (status = 200, description = "The callback, explained", body = ExplainedCallback, headers(("ETag" = String, description = "Changes with the content"))),
        NotModified,
        ReadingOne
    )
)]
pub async fn one(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let nothing = || ApiError::NotFound("callback");
    let id: CallbackId = id.parse().map_err(|_| nothing())?;
    app.intake.caught_up().await;
    let findings = app
        .store
        .read(move |snapshot| Findings::read(snapshot, id))
        .await?
        .ok_or_else(nothing)?;
    let about = match findings.refund_id() {
        Some(id) => About::refund(id),
        None => About::new("callback", id),
    };
    admission.sees_bodies_of(&app, about).await?;
    etag::with_etag(&request, &findings.explain(&app.rules().registry))
}
