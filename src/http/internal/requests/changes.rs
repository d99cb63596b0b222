//! `POST /v1/refunds/{id}/ask`, `/cancel` and `/resend`.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::refund::RefundView;
use crate::domain::ids::RefundId;
use crate::domain::trail::flaw_of_reason;
use crate::http::App;
use crate::http::internal::access::acts;
use crate::http::internal::access::acts::Act;
use crate::http::internal::access::auth::Admission;
use crate::http::internal::problem::ApiError;
use crate::http::internal::refunds::{find, parse_id, refund_view};
use crate::http::internal::request::body;
use crate::http::internal::request::query::Query;
use crate::http::openapi::responses::{Asking, Canceling, Resending};
use crate::http::openapi::texts;
use crate::requests::{ActError, Acted};

/// In place of the state of a refund that is known from callbacks alone.
const NOT_OURS: &str = "one of another system";
/// Why a person does it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reasoned)]
pub struct ReasonBody {
    #[schema(schema_with = texts::reason, example = "PayerMax support confirms it by mail, case 4711")]
    reason: String,
}

impl ReasonBody {
    pub fn checked(self) -> Result<String, ApiError> {
        match flaw_of_reason(&self.reason) {
            Some(flaw) => Err(ApiError::InvalidBody(format!("reason {flaw}"))),
            None => Ok(self.reason),
        }
    }
}

/// Asks the provider now.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/ask", operation_id = "ask_refund", tag = "requests",
    params(("id" = RefundId, Path)),
    responses((status = 202, description = "It is asked", body = RefundView), Asking)
)]
pub async fn ask(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(&id)?;
    let acted = app.requests.ask(id, Some(admission.actor())).await;
    acted.map_err(|error| match error {
        ActError::NotAllowed(state) => ApiError::NothingToAsk(format!(
            "the request is {}: there is nothing to ask about",
            state.as_str()
        )),
        ActError::CannotAsk => {
            ApiError::NothingToAsk("the account cannot ask its provider about a refund".into())
        }
        ActError::NoRequest => {
            let what = "the refund is known from callbacks alone; request it with mode watch to ask about it";
            ApiError::NothingToAsk(what.into())
        }
        error => other(error),
    })?;
    acts::note(
        &app,
        &admission.reader.name,
        Act::RefundAsked,
        &id.to_string(),
        "",
    );
    let row = find(&app, id).await?;
    Ok(HttpResponse::Accepted().json(refund_view(&row)))
}

/// Withdraws a refund of which nothing was sent.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/cancel", operation_id = "cancel_refund", tag = "requests",
    params(("id" = RefundId, Path)),
    responses((status = 200, description = "Canceled", body = RefundView), Canceling)
)]
pub async fn cancel(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(&id)?;
    let canceled = app.requests.cancel(id, admission.actor()).await;
    canceled.map_err(|error| match error {
        ActError::NotAllowed(state) => ApiError::AlreadySent(state.as_str()),
        ActError::NoRequest => ApiError::AlreadySent(NOT_OURS),
        error => other(error),
    })?;
    acts::note(
        &app,
        &admission.reader.name,
        Act::RefundCanceled,
        &id.to_string(),
        "",
    );
    let row = find(&app, id).await?;
    Ok(HttpResponse::Ok().json(refund_view(&row)))
}

/// Sends the same number again, by a person who knows that it was not taken.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/resend", operation_id = "resend_refund", tag = "requests",
    params(("id" = RefundId, Path)),
    request_body = ReasonBody,
    responses((status = 202, description = "It is sent again", body = RefundView), Resending)
)]
pub async fn resend(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    admission: Admission,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::parse(request.query_string(), &[])?;
    let id = parse_id(&id)?;
    let body: ReasonBody = body::read(&request, payload).await?;
    let reason = body.checked()?;
    let resent = app.requests.resend(id, &reason, admission.actor()).await;
    let acted = resent.map_err(|error| match error {
        ActError::NotAllowed(state) => ApiError::ResendNotAllowed(state.as_str()),
        ActError::CannotAsk => ApiError::ResendNotAllowed("of an account that cannot send"),
        ActError::NoRequest => ApiError::ResendNotAllowed(NOT_OURS),
        error => other(error),
    })?;
    let Acted { before, after } = acted;
    let how = format!("{} -> {}: {reason}", before.as_str(), after.as_str());
    acts::note(
        &app,
        &admission.reader.name,
        Act::RefundResent,
        &id.to_string(),
        &how,
    );
    let row = find(&app, id).await?;
    Ok(HttpResponse::Accepted().json(refund_view(&row)))
}

/// Problems that have no word of their own in a call.
pub fn other(error: ActError) -> ApiError {
    match error {
        ActError::NotFound => ApiError::NotFound("refund"),
        ActError::NoAccount => ApiError::NotFound("account that sends"),
        ActError::NoRequest => ApiError::AlreadySent(NOT_OURS),
        ActError::Store(error) => error.into(),
        ActError::OverRefund(amount) => ApiError::OverRefund(amount),
        ActError::NotAllowed(state) => ApiError::AlreadySent(state.as_str()),
        ActError::CannotAsk => {
            ApiError::NothingToAsk("the account cannot ask its provider about a refund".into())
        }
    }
}
