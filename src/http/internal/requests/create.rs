//! `POST /v1/refunds`: an intent, on disk before the answer. Nothing is sent from inside the call.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body::{self, RequestBody};
use crate::api::refund::RefundView;
use crate::domain::request::intent::FieldError;
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::refunds::refund_view;
use crate::http::internal::request::body::bytes;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::Requesting;
use crate::requests::Created;

/// Characters of an idempotency key.
const KEY_CHARS_MAX: usize = 255;
const KEY_HEADER: &str = "idempotency-key";

/// Requests a refund, or watches one that another system has sent. Idempotent by its number: the same number with
/// the same content is 200 and the same refund.
#[utoipa::path(
    post, path = "/v1/refunds", operation_id = "create_refund", tag = "requests",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Required where the body has no refund_no")),
    request_body = RequestBody,
    responses(
        (status = 200, description = "The same was requested before", body = RefundView),
        (status = 202, description = "On disk; it is sent by a worker", body = RefundView),
        Requesting
    )
)]
pub async fn create(
    app: Data<App>,
    request: HttpRequest,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let key = idempotency_key(&request)?;
    let bytes = bytes(&request, payload).await?;
    let mut new = body::read(&bytes, admission.actor())?;
    if new.refund_no.is_none() && key.is_none() {
        return Err(ApiError::InvalidRefund(vec![FieldError::new(
            "/refund_no",
            "is missing; then a header Idempotency-Key is required, or a call that is repeated would refund twice",
        )]));
    }
    new.key = key.map(|key| (key, bytes));
    let about = format!("refund of {}", new.account);
    let created = app.requests.create(new).await?;
    Ok(match &created {
        Created::New(row) => {
            let about = format!("{about} {}", row.refund.id);
            acts::note(
                &app,
                &admission.reader.name,
                Act::RefundRequested,
                &about,
                "",
            );
            HttpResponse::Accepted().json(refund_view(row))
        }
        // What the first call was answered.
        Created::SameKey(row) => HttpResponse::Accepted().json(refund_view(row)),
        Created::Same(row) => HttpResponse::Ok().json(refund_view(row)),
    })
}

pub fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let mut values = request.headers().get_all(KEY_HEADER);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().map(|text| text.trim_matches('"'));
    let text = text.filter(|text| (1..=KEY_CHARS_MAX).contains(&text.len()));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(ApiError::InvalidParameter(format!(
            "Idempotency-Key must be given once, as 1 to {KEY_CHARS_MAX} visible ASCII characters"
        ))),
    }
}
