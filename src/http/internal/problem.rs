//! Errors on the internal listener: RFC 9457 problems with a stable `code`, listed in `docs/errors.md`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::limit;
use crate::domain::time::Timestamp;
use crate::feed::{ConsumerError, FeedError};
use crate::http::public::error::{PublicError, RETRY_AFTER_SECONDS};
use crate::push::RecoverError;
use crate::store::{LogLimit, StoreError};

/// Media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// The type of a 429 (draft-ietf-httpapi-ratelimit-headers-09, section on problem types).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// Lines about readers whom the store cannot answer.
static UNANSWERED: LogLimit = LogLimit::new();

/// Why a reader's request is not answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// 401: no token, or one that is not known; which of them.
    Unauthorized(&'static str),
    /// 401: the token was good until this moment.
    TokenExpired(Timestamp),
    /// 429: too many requests; seconds after which the next one is taken.
    RateLimited(u64),
    /// 429: the reader has so many requests under way already.
    TooManyConnections(usize),
    /// 503: all places of readers are taken.
    NoPlace,
    /// 503: the reader has hung up; most likely nobody hears this.
    HungUp,
    /// 403: the token is good for other things.
    Forbidden(&'static str),
    /// 404: nothing with this id.
    NotFound(&'static str),
    /// 405: the methods that are served.
    MethodNotAllowed(String),
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
    /// 409: the reader's place is of a history that a restore has ended.
    FeedRestarted {
        /// The present history.
        epoch: String,
        /// Its last number.
        last: i64,
        /// What the reader can do.
        detail: String,
    },
    /// 422: no event has this number yet.
    SequenceUnknown(String),
    /// 422: what is wrong with the config, a line each.
    InvalidConfig(Vec<String>),
    /// 408, 413, 415: the body was not read.
    Body(PublicError),
    /// 500: what was asked for lies in a damaged part of the store.
    Damaged,
    /// 503: our own trouble.
    Unavailable(StoreError),
}

/// The stable word of a problem; `docs/errors.md` lists them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub enum Code {
    Unauthorized,
    TokenExpired,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    InvalidParameter,
    InvalidBody,
    PaymentOfOtherOrder,
    AckBackwards,
    TooManyConsumers,
    TooManyConnections,
    FeedRestarted,
    SequenceUnknown,
    InvalidConfig,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    RateLimited,
    StoreDamaged,
    Unavailable,
}

impl Code {
    /// The status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized | Self::TokenExpired => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidParameter | Self::InvalidBody => StatusCode::BAD_REQUEST,
            Self::PaymentOfOtherOrder
            | Self::AckBackwards
            | Self::TooManyConsumers
            | Self::FeedRestarted => StatusCode::CONFLICT,
            Self::SequenceUnknown | Self::InvalidConfig => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited | Self::TooManyConnections => StatusCode::TOO_MANY_REQUESTS,
            Self::StoreDamaged => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The same for every problem of this code.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unauthorized => "No valid bearer token",
            Self::TokenExpired => "The bearer token has expired",
            Self::Forbidden => "The token lacks a scope",
            Self::NotFound => "Nothing is there",
            Self::MethodNotAllowed => "Another method is needed",
            Self::InvalidParameter => "A parameter is not valid",
            Self::InvalidBody => "The body is not valid",
            Self::PaymentOfOtherOrder => "A payment has another order",
            Self::AckBackwards => "The consumer is further on",
            Self::TooManyConsumers => "No further consumer",
            Self::TooManyConnections => "Too many requests at once",
            Self::FeedRestarted => "The feed has another history now",
            Self::SequenceUnknown => "No event has this number",
            Self::InvalidConfig => "The config is refused; the old one stays in effect",
            Self::RequestTimeout => "The body took too long",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body is not plain JSON",
            Self::RateLimited => "Too many requests",
            Self::StoreDamaged => "A part of the store cannot be read",
            Self::Unavailable => "Try again shortly",
        }
    }
}

/// A problem as RFC 9457 writes it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "about:blank")]
    kind: &'static str,
    #[schema(example = "A parameter is not valid")]
    title: &'static str,
    #[schema(example = 400)]
    status: u16,
    /// What is wrong with this very request.
    #[schema(example = "limit must be a whole number from 1 to 200")]
    detail: String,
    code: Code,
    /// The present history; with `feed_restarted` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    /// The last number of that history; with `feed_restarted` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sequence: Option<i64>,
    /// The limits that were exceeded; with 429 only.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    violated_policies: &'static [&'static str],
    /// What is wrong with the config, a line each, its key first; with `invalid_config` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<String>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl ResponseError for ApiError {
    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl ApiError {
    /// The stable word.
    fn code(&self) -> Code {
        match self {
            Self::Unauthorized(_) => Code::Unauthorized,
            Self::TokenExpired(_) => Code::TokenExpired,
            Self::RateLimited(_) => Code::RateLimited,
            Self::TooManyConnections(_) => Code::TooManyConnections,
            Self::Forbidden(_) => Code::Forbidden,
            Self::NotFound(_) => Code::NotFound,
            Self::MethodNotAllowed(_) => Code::MethodNotAllowed,
            Self::InvalidParameter(_) => Code::InvalidParameter,
            Self::PaymentOfOtherOrder(_) => Code::PaymentOfOtherOrder,
            Self::AckBackwards(_) => Code::AckBackwards,
            Self::TooManyConsumers(_) => Code::TooManyConsumers,
            Self::Damaged => Code::StoreDamaged,
            Self::FeedRestarted { .. } => Code::FeedRestarted,
            Self::SequenceUnknown(_) => Code::SequenceUnknown,
            Self::InvalidConfig(_) => Code::InvalidConfig,
            Self::Body(PublicError::TooLarge) => Code::PayloadTooLarge,
            Self::Body(PublicError::TooSlow) => Code::RequestTimeout,
            Self::Body(PublicError::UnsupportedMedia(_)) => Code::UnsupportedMediaType,
            Self::NoPlace
            | Self::HungUp
            | Self::Body(PublicError::Unavailable(_))
            | Self::Unavailable(_) => Code::Unavailable,
            Self::InvalidBody(_) | Self::Body(_) => Code::InvalidBody,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unauthorized(why) => {
                format!("{why}; send Authorization: Bearer TOKEN of a configured reader")
            }
            Self::TokenExpired(moment) => {
                format!("it expired at {moment}; ask the operator for another")
            }
            Self::RateLimited(seconds) => format!("the next request is taken in {seconds} s"),
            Self::TooManyConnections(most) => format!(
                "the reader has {most} requests under way, open streams among them, and may have no \
                 more (max_connections); end some, or wait"
            ),
            Self::NoPlace => "the requests of readers fill every place; try again".into(),
            Self::HungUp => "the connection was closed before the answer was there".into(),
            Self::Forbidden(scope) => format!("this call needs the scope {scope}"),
            Self::NotFound(what) => format!("no {what} with this id"),
            Self::MethodNotAllowed(allowed) => format!("this path serves {allowed}"),
            Self::InvalidParameter(detail)
            | Self::InvalidBody(detail)
            | Self::PaymentOfOtherOrder(detail)
            | Self::AckBackwards(detail)
            | Self::TooManyConsumers(detail)
            | Self::SequenceUnknown(detail)
            | Self::FeedRestarted { detail, .. } => detail.clone(),
            Self::InvalidConfig(errors) => errors.join("; "),
            Self::Body(error) => error.text(),
            Self::Damaged => {
                "it lies in a damaged part of the store; the operator's log has the details".into()
            }
            Self::Unavailable(_) => "the store cannot answer at the moment".into(),
        }
    }

    /// The answer, RFC 9457.
    pub fn response(&self) -> HttpResponse {
        let code = self.code();
        let mut response = HttpResponse::build(code.status());
        response.content_type(MEDIA_TYPE);
        self.add_headers(&mut response);
        if let Self::Unavailable(error) = self
            && let Some(kept_back) = UNANSWERED.may_say()
        {
            tracing::error!(%error, kept_back, "a reader could not be answered");
        }
        let (epoch, last_sequence) = match self {
            Self::FeedRestarted { epoch, last, .. } => (Some(epoch.clone()), Some(*last)),
            _ => (None, None),
        };
        let is_limited = code == Code::RateLimited;
        let problem = Problem {
            kind: if is_limited {
                QUOTA_EXCEEDED
            } else {
                "about:blank"
            },
            title: code.title(),
            status: code.status().as_u16(),
            detail: self.detail(),
            code,
            epoch,
            last_sequence,
            violated_policies: if is_limited { &[limit::POLICY] } else { &[] },
            errors: match self {
                Self::InvalidConfig(errors) => errors.clone(),
                _ => Vec::new(),
            },
        };
        // Texts and numbers can always be written.
        response.body(serde_json::to_string(&problem).unwrap_or_default())
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder) {
        match self {
            Self::Unauthorized(_) => {
                let challenge = HeaderValue::from_static("Bearer");
                response.insert_header((header::WWW_AUTHENTICATE, challenge));
            }
            Self::TokenExpired(_) => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response.insert_header((header::WWW_AUTHENTICATE, challenge));
            }
            Self::RateLimited(seconds) => {
                response.insert_header((header::RETRY_AFTER, *seconds));
            }
            Self::MethodNotAllowed(allowed) => {
                response.insert_header((header::ALLOW, allowed.as_str()));
            }
            Self::TooManyConnections(_) | Self::NoPlace | Self::HungUp | Self::Unavailable(_) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::Forbidden(_)
            | Self::Damaged
            | Self::NotFound(_)
            | Self::InvalidParameter(_)
            | Self::InvalidBody(_)
            | Self::PaymentOfOtherOrder(_)
            | Self::AckBackwards(_)
            | Self::TooManyConsumers(_)
            | Self::FeedRestarted { .. }
            | Self::SequenceUnknown(_)
            | Self::InvalidConfig(_)
            | Self::Body(_) => {}
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(_) => Self::Damaged,
            other => Self::Unavailable(other),
        }
    }
}

impl From<RecoverError> for ApiError {
    fn from(error: RecoverError) -> Self {
        let detail = error.to_string();
        match error {
            RecoverError::Unknown => Self::NotFound("endpoint"),
            RecoverError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            RecoverError::Store(error) => error.into(),
        }
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
            ConsumerError::Restarted { epoch, last } => Self::FeedRestarted {
                epoch,
                last,
                detail,
            },
            ConsumerError::Store(error) => error.into(),
        }
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        let detail = error.to_string();
        match error {
            FeedError::Restarted { epoch, last } => Self::FeedRestarted {
                epoch,
                last,
                detail,
            },
            FeedError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            FeedError::Store(error) => error.into(),
        }
    }
}

/// 404 on the internal listener.
pub async fn no_such_page() -> HttpResponse {
    ApiError::NotFound("page").response()
}
