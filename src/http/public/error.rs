//! Errors of the public listener. They say little, because the receiver is not authenticated. Those of the
//! internal listener are in [`crate::http::internal::problem`].

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::server::body::{BODY_BYTES_MAX, BodyError};
use crate::providers::Rejection;
use crate::providers::relay::OF_OTHER_ACCOUNT;
use crate::rejected::Reason;
use crate::store::StoreError;

/// `Retry-After` of a 503, in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a request on the public listener is not acknowledged.
#[derive(Debug)]
pub enum PublicError {
    /// 400: not the format of this provider; found before any signature work.
    Malformed(String),
    /// 401: no valid proof that the account's provider sent it. The reason is for evidence.
    Unauthorized(String),
    /// 408: the body timed out.
    TooSlow,
    /// 413: the body is too large.
    TooLarge,
    /// 404, with what is served instead, for evidence.
    NotFound(&'static str),
    /// 405: this method; only POST is served.
    MethodNotAllowed(String),
    /// 415: a content encoding, or another media type.
    UnsupportedMedia(String),
    /// 503: temporarily unavailable; nothing was stored.
    Unavailable(StoreError),
}

impl PublicError {
    /// The reason of a rejection, for evidence; `None` for 503, which is no fault of the request.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Malformed(_) => Some(Reason::Malformed),
            Self::Unauthorized(_) => Some(Reason::Unauthorized),
            Self::TooSlow => Some(Reason::TooSlow),
            Self::TooLarge => Some(Reason::TooLarge),
            Self::NotFound(_) => Some(Reason::NotFound),
            Self::MethodNotAllowed(_) => Some(Reason::MethodNotAllowed),
            Self::UnsupportedMedia(_) => Some(Reason::UnsupportedMedia),
            Self::Unavailable(_) => None,
        }
    }

    /// The label in metrics.
    pub fn word(&self) -> &'static str {
        self.reason().map_or("unavailable", Reason::as_str)
    }

    /// What the sender may know.
    pub fn text(&self) -> String {
        match self {
            Self::Malformed(why) | Self::UnsupportedMedia(why) => why.clone(),
            Self::Unauthorized(_) => "not authorized".to_owned(),
            Self::TooSlow => "the body did not arrive in time".to_owned(),
            Self::TooLarge => format!("the body is larger than {BODY_BYTES_MAX} bytes"),
            Self::NotFound(why) => (*why).to_owned(),
            Self::MethodNotAllowed(method) => format!("{method}; only POST is served there"),
            Self::Unavailable(_) => "try again shortly".to_owned(),
        }
    }

    /// The cause, for the log and evidence.
    pub fn cause(&self) -> String {
        match self {
            Self::Unauthorized(why) => why.clone(),
            Self::Unavailable(error) => error.to_string(),
            told => told.text(),
        }
    }

    /// Status and stable code.
    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UnsupportedMedia(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }

    /// 401, 404 and 503 carry no detail: 401 must not aid an attacker, the others have none.
    pub fn response(&self) -> HttpResponse {
        let (status, error) = self.parts();
        let mut response = HttpResponse::build(status);
        let message = match self {
            Self::Unauthorized(_) | Self::NotFound(_) => None,
            Self::MethodNotAllowed(_) => {
                response.insert_header((header::ALLOW, "POST"));
                None
            }
            Self::Unavailable(_) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
                None
            }
            // The rest of the body is not read.
            Self::TooSlow | Self::TooLarge => {
                response.force_close();
                Some(self.text())
            }
            Self::Malformed(_) | Self::UnsupportedMedia(_) => Some(self.text()),
        };
        response.json(ErrorBody { error, message })
    }
}

/// The body of a rejection on the public listener.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct ErrorBody {
    /// One of a closed set of codes.
    #[schema(example = "bad_request")]
    error: &'static str,
    /// What is wrong with the request; not with 401, 404, 405 and 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
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
        if matches!(error, StoreError::OtherAccount) {
            return Self::Unauthorized(OF_OTHER_ACCOUNT.to_owned());
        }
        Self::Unavailable(error)
    }
}

/// The error of a body that could not be read, and what was read of it.
pub fn of_body(error: BodyError) -> (PublicError, Vec<u8>) {
    match error {
        BodyError::TooLarge(read) => (PublicError::TooLarge, read),
        BodyError::TooSlow(read) => (PublicError::TooSlow, read),
        BodyError::Broken(read) => (
            PublicError::Malformed("the body is incomplete".to_owned()),
            read,
        ),
        BodyError::Encoded(value, read) => {
            let why = format!(
                "Content-Encoding {value} changes the bytes; send them as they were signed"
            );
            (PublicError::UnsupportedMedia(why), read)
        }
    }
}
