//! The only place where an error becomes a status.
//!
//! Public errors say little, because whoever gets one is not known. Internal ones are RFC 9457
//! problems with a stable `code`, listed in `docs/errors.md`.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::json;

use super::body;
use super::body::{BODY_BYTES_MAX, BodyError};
use crate::feed::ConsumerError;
use crate::providers::Rejection;
use crate::push::RecoverError;
use crate::store::StoreError;

/// Seconds after which a provider may send again when the trouble is ours.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a request on the public listener is not acknowledged.
#[derive(Debug)]
pub enum PublicError {
    /// 400: not what this provider sends; before any signature work.
    Malformed(String),
    /// 401: whoever sent it did not prove to be the account's provider. The reason is for evidence.
    Unauthorized(String),
    /// 408: the body took too long.
    TooSlow,
    /// 413: the body is too large.
    TooLarge,
    /// 415: a content encoding or another media type.
    UnsupportedMedia(&'static str),
    /// 503: our own trouble; nothing is promised.
    Unavailable(StoreError),
}

impl PublicError {
    /// The word for evidence and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unauthorized(_) => "unauthorized",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia(_) => "unsupported_media",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// What whoever sent it may know.
    pub fn text(&self) -> String {
        match self {
            Self::Malformed(why) => why.clone(),
            Self::Unauthorized(_) => "not authorized".to_owned(),
            Self::TooSlow => "the body did not arrive in time".to_owned(),
            Self::TooLarge => format!("the body is larger than {BODY_BYTES_MAX} bytes"),
            Self::UnsupportedMedia(why) => (*why).to_owned(),
            Self::Unavailable(_) => "try again shortly".to_owned(),
        }
    }

    /// Status and stable word.
    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::UnsupportedMedia(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }

    /// The answer. 401 and 503 say no more than their word: the one must not help whoever tries, the
    /// other has nothing to say.
    pub fn response(&self) -> HttpResponse {
        let (status, error) = self.parts();
        let mut response = HttpResponse::build(status);
        match self {
            Self::Unauthorized(_) => response.json(json!({"error": error})),
            Self::Unavailable(_) => response
                .insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS))
                .json(json!({"error": error})),
            // What is left of the body is not worth waiting for.
            Self::TooSlow | Self::TooLarge => response
                .force_close()
                .json(json!({"error": error, "message": self.text()})),
            Self::Malformed(_) | Self::UnsupportedMedia(_) => {
                response.json(json!({"error": error, "message": self.text()}))
            }
        }
    }
}

impl From<Rejection> for PublicError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Malformed(why) => Self::Malformed(why),
            Rejection::Unauthorized(why) => Self::Unauthorized(why),
        }
    }
}

impl From<StoreError> for PublicError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// A body that could not be read, and what was read of it.
pub fn of_body(error: BodyError) -> (PublicError, Vec<u8>) {
    match error {
        BodyError::TooLarge(read) => (PublicError::TooLarge, read),
        BodyError::TooSlow(read) => (PublicError::TooSlow, read),
        BodyError::Broken(read) => (
            PublicError::Malformed("the body is incomplete".to_owned()),
            read,
        ),
        BodyError::Encoded => {
            let why = "a Content-Encoding is not supported; send the bytes as they were signed";
            (PublicError::UnsupportedMedia(why), Vec::new())
        }
    }
}

/// Reads the body of a reader's request, which must be said to be JSON.
pub async fn read_json(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, ApiError> {
    let body = body::read(request, payload)
        .await
        .map_err(|error| ApiError::Body(of_body(error).0))?;
    if body::is_json(request) {
        return Ok(body);
    }
    let why = "send Content-Type: application/json";
    Err(ApiError::Body(PublicError::UnsupportedMedia(why)))
}

fn bare(status: StatusCode, error: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"error": error}))
}

/// 404 on the public listener, the same for every path.
pub fn not_found() -> HttpResponse {
    bare(StatusCode::NOT_FOUND, "not_found")
}

/// 405 where only POST is served.
pub async fn only_post() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, "POST"))
        .json(json!({"error": "method_not_allowed"}))
}

/// Why a reader's request is not answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// 401: no token, or one that is not known.
    Unauthorized,
    /// 403: the token is good for other things.
    Forbidden(&'static str),
    /// 404: nothing with this id.
    NotFound(&'static str),
    /// 405: the methods that are served.
    MethodNotAllowed(&'static str),
    /// 400: a parameter of the path or query.
    InvalidParameter(String),
    /// 400: the body.
    InvalidBody(String),
    /// 409: a payment belongs to another order.
    PaymentOfOtherOrder(String),
    /// 409: an acknowledgement behind the consumer's place.
    AckBackwards(String),
    /// 409: the reader has as many consumers as it may have.
    TooManyConsumers(String),
    /// 422: no event has this number yet.
    SequenceUnknown(String),
    /// 408, 413, 415: the body was not read.
    Body(PublicError),
    /// 503: our own trouble.
    Unavailable(StoreError),
}

impl ApiError {
    /// Status, stable code and title of the problem.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "No valid bearer token",
            ),
            Self::Forbidden(_) => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "The token lacks a scope",
            ),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", "Nothing is there"),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Another method is needed",
            ),
            Self::InvalidParameter(_) => (
                StatusCode::BAD_REQUEST,
                "invalid_parameter",
                "A parameter is not valid",
            ),
            Self::PaymentOfOtherOrder(_) => (
                StatusCode::CONFLICT,
                "payment_of_other_order",
                "A payment has another order",
            ),
            Self::AckBackwards(_) => (
                StatusCode::CONFLICT,
                "ack_backwards",
                "The consumer is further on",
            ),
            Self::TooManyConsumers(_) => (
                StatusCode::CONFLICT,
                "too_many_consumers",
                "No further consumer",
            ),
            Self::SequenceUnknown(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "sequence_unknown",
                "No event has this number",
            ),
            Self::Body(PublicError::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The body is too large",
            ),
            Self::Body(PublicError::TooSlow) => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The body took too long",
            ),
            Self::Body(PublicError::UnsupportedMedia(_)) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is not plain JSON",
            ),
            Self::InvalidBody(_)
            | Self::Body(PublicError::Malformed(_) | PublicError::Unauthorized(_)) => (
                StatusCode::BAD_REQUEST,
                "invalid_body",
                "The body is not valid",
            ),
            Self::Body(PublicError::Unavailable(_)) | Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Try again shortly",
            ),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unauthorized => "send Authorization: Bearer TOKEN of a configured reader".into(),
            Self::Forbidden(scope) => format!("this call needs the scope {scope}"),
            Self::NotFound(what) => format!("no {what} with this id"),
            Self::MethodNotAllowed(allowed) => format!("this path serves {allowed}"),
            Self::InvalidParameter(detail)
            | Self::InvalidBody(detail)
            | Self::PaymentOfOtherOrder(detail)
            | Self::AckBackwards(detail)
            | Self::TooManyConsumers(detail)
            | Self::SequenceUnknown(detail) => detail.clone(),
            Self::Body(error) => error.reason().replace('_', " "),
            Self::Unavailable(_) => "the store cannot answer at the moment".into(),
        }
    }

    /// The answer, RFC 9457.
    pub fn response(&self) -> HttpResponse {
        let (status, code, title) = self.parts();
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        self.add_headers(&mut response);
        if let Self::Unavailable(error) = self {
            tracing::error!(%error, "a reader could not be answered");
        }
        response.body(
            json!({
                "type": "about:blank",
                "title": title,
                "status": status.as_u16(),
                "detail": self.detail(),
                "code": code,
            })
            .to_string(),
        )
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder) {
        match self {
            Self::Unauthorized => {
                let challenge = HeaderValue::from_static("Bearer");
                response.insert_header((header::WWW_AUTHENTICATE, challenge));
            }
            Self::MethodNotAllowed(allowed) => {
                response.insert_header((header::ALLOW, *allowed));
            }
            Self::Unavailable(_) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::InvalidParameter(_)
            | Self::InvalidBody(_)
            | Self::PaymentOfOtherOrder(_)
            | Self::AckBackwards(_)
            | Self::TooManyConsumers(_)
            | Self::SequenceUnknown(_)
            | Self::Body(_) => {}
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<ConsumerError> for ApiError {
    fn from(error: ConsumerError) -> Self {
        let detail = error.to_string();
        match error {
            ConsumerError::Unknown => Self::NotFound("consumer"),
            ConsumerError::TooMany => Self::TooManyConsumers(detail),
            ConsumerError::Backwards { .. } => Self::AckBackwards(detail),
            ConsumerError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            ConsumerError::Store(error) => Self::Unavailable(error),
        }
    }
}

impl From<RecoverError> for ApiError {
    fn from(error: RecoverError) -> Self {
        let detail = error.to_string();
        match error {
            RecoverError::Unknown => Self::NotFound("endpoint"),
            RecoverError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            RecoverError::Store(error) => Self::Unavailable(error),
        }
    }
}

/// 404 on the internal listener.
pub async fn no_such_page() -> HttpResponse {
    ApiError::NotFound("page").response()
}

/// 405 where only GET is served.
pub async fn only_get() -> HttpResponse {
    ApiError::MethodNotAllowed("GET").response()
}

/// 405 where only POST is served, on the internal listener.
pub async fn only_posted() -> HttpResponse {
    ApiError::MethodNotAllowed("POST").response()
}

/// 405 where only DELETE is served.
pub async fn only_delete() -> HttpResponse {
    ApiError::MethodNotAllowed("DELETE").response()
}

/// 405 where GET and PUT are served.
pub async fn only_get_and_put() -> HttpResponse {
    ApiError::MethodNotAllowed("GET, PUT").response()
}
