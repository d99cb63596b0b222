//! `POST /api/WebInterface/EPay/Refund/EndSingle/Success`, and the fallback for all other paths.
//!
//! The response has the result of the close-out, so this handler waits for transaction 2, unlike the callbacks of
//! providers.

use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::callback;
use super::error::PublicError;
use super::not_found;
use super::rejection;
use crate::domain::claim::{Account, Claim, CloseOutKey};
use crate::domain::order::close_out::{Progress, Refusal};
use crate::http::App;
use crate::http::internal::access::auth::{bearer, bearer_problem};
use crate::http::openapi::bodies::{EpayReport, EpayResult};
use crate::http::openapi::responses::RejectingEpay;
use crate::http::server::headers;
use crate::http::server::headers::{content_type_as_sent, joined, kept_header, single_header};
use crate::intake::{Applied, VerifiedCallback};
use crate::providers::epay;
use crate::providers::epay::caller;
use crate::providers::epay::caller::{EpayCaller, UnknownCaller};
use crate::providers::epay::{
    CommonOperationResult, DecodeError, EndSingle, ErrCode, ErrorMessage, NegotiationHeaders,
    ResponseFormat,
};
use crate::store::{LogLimit, Receipt, StoreError};
use crate::telemetry::InvalidReportLabels;

/// Headers stored with the body.
const KEPT_HEADERS: [&str; 3] = ["content-type", "accept", "user-agent"];
/// Log lines about close-outs that are retried.
static UNFINISHED: LogLimit = LogLimit::new();

/// The merchant's EPay caller reports a refund that succeeded; answered after both transactions.
/// The path may be written in any case of letters, and with slashes at its end.
#[utoipa::path(
    post, path = "/api/WebInterface/EPay/Refund/EndSingle/Success", operation_id = "report_epay_refund",
    tag = "public", security(("epay" = [])),
    request_body(content(
        (EpayReport = "application/json"), (EpayReport = "text/json"),
        (EpayReport = "application/xml"), (EpayReport = "text/xml"),
        (EpayReport = "application/x-www-form-urlencoded"), (EpayReport = "application/bson")
    )),
    responses(
        (status = 200, description = "Saved, unless errcode is 1", content(
            (EpayResult = "application/json"), (EpayResult = "text/json"),
            (EpayResult = "application/xml"), (EpayResult = "text/xml"),
            (EpayResult = "application/bson")
        )),
        RejectingEpay
    )
)]
pub async fn receive_or_not_found(
    app: Data<App>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let is_api = request
        .path()
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("/api/"));
    if app.rules().epay.is_none() || !is_api {
        return not_found::no_path(&app, &request, payload).await;
    }
    let format = format(&request);
    if !epay::is_served(request.path()) {
        let message = ErrorMessage::not_found(&request_uri(&request));
        let error = PublicError::NotFound("nothing is served at this path but EPay's own");
        let rejected = not_found::rejected(&app, &request, payload, &error).await;
        return with_body(rejected, &message, format);
    }
    if request.method() != Method::POST {
        let message = ErrorMessage::method_not_allowed(request.method().as_str());
        let rejected = not_found::other_method(app, request, payload).await;
        return with_body(rejected, &message, format);
    }
    receive(&app, &request, payload, format).await
}

async fn receive(
    app: &App,
    request: &HttpRequest,
    payload: Payload,
    format: ResponseFormat,
) -> HttpResponse {
    let peer = request.peer_addr().map(|peer| peer.ip());
    // Asked only where the endpoint is on.
    let rules = app.rules();
    let Some(callers) = rules.epay.as_ref() else {
        return not_found::no_path(app, request, payload).await;
    };
    let caller = callers.identify(bearer(request), peer);
    let body = match rejection::read_or_reject(app, request, payload).await {
        Ok(body) => body,
        Err(error) => return error_response(&error, format),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(unknown) => {
            let error = PublicError::Unauthorized(why_unknown(request, unknown));
            rejection::note(app, request, &error, body).await;
            let message = ErrorMessage::unauthorized();
            return message_response(StatusCode::UNAUTHORIZED, &message, format);
        }
    };
    let began = Instant::now();
    // As it is stored, so that an audit reads the same.
    let content_type = kept_header(request, header::CONTENT_TYPE.as_str());
    let result = match epay::decode(content_type, &body) {
        Ok(report) => close_out(app, request, &caller, report, body).await,
        Err(DecodeError::UnsupportedMedia { message }) => {
            let sent = content_type_as_sent(request);
            let error = PublicError::UnsupportedMedia(format!(
                "{sent}; EPay reads JSON, XML, forms and BSON"
            ));
            rejection::note(app, request, &error, body).await;
            let message = ErrorMessage(message);
            return message_response(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message, format);
        }
        Err(DecodeError::Invalid(problems)) => {
            let result = CommonOperationResult::invalid(&problems);
            save(app, request, &caller, &problems.to_string(), body)
                .await
                .map(|()| {
                    for reason in problems.places() {
                        let labels = InvalidReportLabels { reason };
                        app.metrics.invalid_reports.get_or_create(&labels).inc();
                    }
                    result
                })
        }
    };
    match result {
        Ok(result) => {
            app.metrics.latency.acked(caller::PROVIDER, began.elapsed());
            let (content_type, body) = result.encode(format);
            HttpResponse::Ok().content_type(content_type).body(body)
        }
        Err(error) => {
            let error = PublicError::from(error);
            rejection::note(app, request, &error, Vec::new()).await;
            error_response(&error, format)
        }
    }
}

/// Both transactions. Once the first has committed the caller gets no error: the second is retried.
async fn close_out(
    app: &App,
    request: &HttpRequest,
    caller: &EpayCaller,
    report: EndSingle,
    body: Vec<u8>,
) -> Result<CommonOperationResult, StoreError> {
    // The decoder rejects what would make an ambiguous key. If it ever lets one through, the bytes are stored and
    // the caller gets errcode 1.
    let Ok(key) = CloseOutKey::new(report.batchno, report.trandeno) else {
        save(app, request, caller, "the pair is ambiguous", body).await?;
        return Ok(ErrCode::Invalid.into());
    };
    let claim = Claim::epay_success(key, report.refundmoney);
    let accepted = app
        .intake
        .accept(notification(app, request, caller, Some(claim), body))
        .await?;
    callback::count(app, &account(), accepted.stored);
    match app.intake.apply(accepted).await {
        Ok(applied) => Ok(result_of(&applied)),
        Err(error) => {
            if let Some(kept_back) = UNFINISHED.may_say() {
                tracing::error!(
                    %error,
                    kept_back,
                    "the close-out of a stored EPay refund failed; it is retried"
                );
            }
            Ok(ErrCode::Unfinished.into())
        }
    }
}

/// Stores the bytes of a report that cannot be read, and alerts the operator: its sender is authenticated, so
/// money has moved that no refund shows.
async fn save(
    app: &App,
    request: &HttpRequest,
    caller: &EpayCaller,
    why: &str,
    body: Vec<u8>,
) -> Result<(), StoreError> {
    let seen = body.clone();
    let accepted = app
        .intake
        .accept(notification(app, request, caller, None, body))
        .await?;
    callback::count(app, &account(), accepted.stored);
    tracing::warn!(
        callback_id = %accepted.id(),
        why,
        "an EPay report cannot be read; it is stored, and answered with errcode 1"
    );
    if accepted.stored == Receipt::New {
        rejection::keep_unreadable(app, request, why, accepted.id(), &seen);
    }
    app.intake.apply_later(accepted);
    Ok(())
}

fn notification(
    app: &App,
    request: &HttpRequest,
    caller: &EpayCaller,
    claim: Option<Claim>,
    body: Vec<u8>,
) -> VerifiedCallback {
    VerifiedCallback {
        account: account(),
        verified: caller.vouch(claim, &body),
        headers: headers::kept_headers(request, &KEPT_HEADERS),
        body,
        received_at: app.clock.now(),
    }
}

/// There is one `EPay` caller's account (contract §5).
fn account() -> Account {
    Account {
        provider: caller::PROVIDER.to_owned(),
        name: "default".to_owned(),
    }
}

fn result_of(applied: &Applied) -> CommonOperationResult {
    let code = match applied.close_out {
        _ if applied.conflict => ErrCode::OtherAmount,
        None => ErrCode::Unfinished,
        Some(Progress::Done) => ErrCode::Done,
        Some(Progress::Pending(refusal) | Progress::Parked(refusal)) => match refusal {
            Refusal::PaymentUnknown => ErrCode::PaymentUnknown,
            Refusal::ApplicationUnknown => ErrCode::ApplicationUnknown,
            Refusal::OrderState => ErrCode::OrderState,
            Refusal::MoreThanPaid => ErrCode::MoreThanPaid,
        },
    };
    code.into()
}

fn format(request: &HttpRequest) -> ResponseFormat {
    let accept = joined(request, header::ACCEPT.as_str());
    let accept_charset = joined(request, header::ACCEPT_CHARSET.as_str());
    epay::negotiate(&NegotiationHeaders {
        accept: accept.as_deref(),
        accept_charset: accept_charset.as_deref(),
        content_type: single_header(request, header::CONTENT_TYPE.as_str()),
        x_requested_with: single_header(request, "x-requested-with"),
    })
}

fn request_uri(request: &HttpRequest) -> String {
    // Not from forwarding headers, which any client can send.
    let host = single_header(request, header::HOST.as_str()).unwrap_or_default();
    // An absolute form (http://host/path) has a host of its own, which would be there twice.
    let target = request.uri().path_and_query().map_or("/", |it| it.as_str());
    format!("http://{host}{target}")
}

/// What is wrong with the header that should authenticate a caller.
fn why_unknown(request: &HttpRequest, unknown: UnknownCaller) -> String {
    match bearer_problem(request) {
        Some(odd) if unknown == UnknownCaller::NoToken => format!("{unknown}: {odd}"),
        _ => unknown.to_string(),
    }
}

fn error_response(error: &PublicError, format: ResponseFormat) -> HttpResponse {
    with_body(error.response(), &ErrorMessage(error.text()), format)
}

/// The same response with this text in the caller's format.
fn with_body(
    mut response: HttpResponse,
    message: &ErrorMessage,
    format: ResponseFormat,
) -> HttpResponse {
    let (content_type, body) = message.encode(format);
    let headers = response.headers_mut();
    if let Ok(value) = header::HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    response.set_body(actix_web::body::BoxBody::new(body))
}

fn message_response(
    status: StatusCode,
    message: &ErrorMessage,
    format: ResponseFormat,
) -> HttpResponse {
    let (content_type, body) = message.encode(format);
    HttpResponse::build(status)
        .content_type(content_type)
        .body(body)
}
