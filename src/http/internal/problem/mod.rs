//! Errors on the internal listener: RFC 9457 problems with a stable `code`, listed in `docs/errors.md`.

mod from_errors;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};

use super::access::limit;
use crate::api::problem::{Code, Problem, ProblemError};
use crate::domain::ids::RefundId;
use crate::domain::money::Amount;
use crate::domain::request::intent::FieldError;
use crate::domain::time::Timestamp;
use crate::http::public::error::{PublicError, RETRY_AFTER_SECONDS};
use crate::store::{LogLimit, StoreError};

/// Media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Log lines about requests of readers that the store could not answer.
static UNANSWERED: LogLimit = LogLimit::new();

/// Why a request on the internal listener fails.
#[derive(Debug)]
pub enum ApiError {
    /// 401: what is wrong with the token.
    Unauthorized(&'static str),
    /// 401: the token expired at this time.
    TokenExpired(Timestamp),
    /// 429: seconds until the rate limit accepts the next request.
    RateLimited(u64),
    /// 429: the reader has so many requests in flight already.
    TooManyConnections(usize),
    /// 503: all slots of readers are in use.
    NoSlot,
    /// 503: the client has closed the connection, so this is hardly ever read.
    HungUp,
    /// 403: the scope that the token lacks.
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
    /// 409: a refund with this number and other content.
    RefundExists(RefundId),
    /// 409 and 422: what can still be refunded of the payment.
    AmountAvailable(Amount),
    OverRefund(Amount),
    /// 409: the provider has nothing to tell, or cannot be asked.
    NothingToAsk(String),
    /// 409: the state of the request.
    AlreadySent(&'static str),
    ResendNotAllowed(&'static str),
    /// 409: why nothing was decided.
    NotDecided(Code, String),
    /// 422: the members that are wrong.
    InvalidDecision(Vec<FieldError>),
    InvalidRefund(Vec<FieldError>),
    AccountCannotSubmit(String),
    IdempotencyKeyReused,
    /// 409: an acknowledgement behind the consumer's cursor.
    AckBackwards(String),
    /// 409: the reader has as many consumers as it may have.
    TooManyConsumers(String),
    /// 409: the reader's cursor is of a history that a restore has ended.
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
    /// 500: the data is in a damaged part of the store.
    Damaged,
    /// 503: the store cannot answer.
    Unavailable(StoreError),
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        // Each is a valid status.
        StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl ApiError {
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
            Self::RefundExists(_) => Code::RefundExists,
            Self::AmountAvailable(_) => Code::AmountAvailableMismatch,
            Self::OverRefund(_) => Code::OverRefund,
            Self::NothingToAsk(_) => Code::NothingToAsk,
            Self::AlreadySent(_) => Code::AlreadySent,
            Self::ResendNotAllowed(_) => Code::ResendNotAllowed,
            Self::NotDecided(code, _) => *code,
            Self::InvalidDecision(_) => Code::InvalidDecision,
            Self::InvalidRefund(_) => Code::InvalidRefund,
            Self::AccountCannotSubmit(_) => Code::AccountCannotSubmit,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
            Self::AckBackwards(_) => Code::AckBackwards,
            Self::TooManyConsumers(_) => Code::TooManyConsumers,
            Self::Damaged => Code::StoreDamaged,
            Self::FeedRestarted { .. } => Code::FeedRestarted,
            Self::SequenceUnknown(_) => Code::SequenceUnknown,
            Self::InvalidConfig(_) => Code::InvalidConfig,
            Self::Body(PublicError::TooLarge) => Code::PayloadTooLarge,
            Self::Body(PublicError::TooSlow) => Code::RequestTimeout,
            Self::Body(PublicError::UnsupportedMedia(_)) => Code::UnsupportedMediaType,
            Self::NoSlot
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
                format!("the token expired at {moment}; ask the operator for a new one")
            }
            Self::RateLimited(seconds) => {
                format!("the rate limit is used up; retry in {seconds} s")
            }
            Self::TooManyConnections(most) => format!(
                "the reader has {most} requests in flight, open streams included, and its max_connections \
                 allows no more; close some, or wait"
            ),
            Self::NoSlot => "requests of readers use every slot of the listener; retry".into(),
            Self::HungUp => "the client closed the connection before the response was ready".into(),
            Self::Forbidden(scope) => format!("this call needs the scope {scope}"),
            Self::NotFound(what) => format!("no {what} with this id"),
            Self::MethodNotAllowed(allowed) => format!("this path serves {allowed}"),
            Self::RefundExists(id) => {
                format!("{id} has this number, with other content; a new refund needs a new number")
            }
            Self::AmountAvailable(amount) => {
                format!("{amount} of the payment can still be refunded, not amount_available")
            }
            Self::OverRefund(amount) => format!(
                "{amount} of the payment can still be refunded; refunds that are open count as refunded"
            ),
            Self::AlreadySent(state) => format!(
                "the request is {state}: it may have reached the provider and cannot be withdrawn"
            ),
            Self::ResendNotAllowed(state) => format!(
                "the request is {state}; the same number is sent again only where it was refused, or its \
                 outcome is unknown"
            ),
            Self::InvalidDecision(errors) | Self::InvalidRefund(errors) => {
                let errors = errors
                    .iter()
                    .map(|error| format!("{} {}", error.pointer, error.detail));
                errors.collect::<Vec<_>>().join("; ")
            }
            Self::IdempotencyKeyReused => {
                "this Idempotency-Key came with another body before; use a new key for a new refund"
                    .into()
            }
            Self::NothingToAsk(detail)
            | Self::NotDecided(_, detail)
            | Self::AccountCannotSubmit(detail)
            | Self::InvalidParameter(detail)
            | Self::InvalidBody(detail)
            | Self::PaymentOfOtherOrder(detail)
            | Self::AckBackwards(detail)
            | Self::TooManyConsumers(detail)
            | Self::SequenceUnknown(detail)
            | Self::FeedRestarted { detail, .. } => detail.clone(),
            Self::InvalidConfig(errors) => errors.join("; "),
            Self::Body(error) => error.text(),
            Self::Damaged => {
                "the data is in a damaged part of the store; the operator's log has the details"
                    .into()
            }
            Self::Unavailable(_) => "the store cannot answer at the moment; retry".into(),
        }
    }

    pub fn response(&self) -> HttpResponse {
        let code = self.code();
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(MEDIA_TYPE);
        self.add_headers(&mut response);
        if let Self::Unavailable(error) = self
            && let Some(kept_back) = UNANSWERED.may_say()
        {
            tracing::error!(%error, kept_back, "the store could not answer a request of a reader");
        }
        let (epoch, last_sequence) = match self {
            Self::FeedRestarted { epoch, last, .. } => (Some(epoch.clone()), Some(*last)),
            _ => (None, None),
        };
        let is_limited = code == Code::RateLimited;
        let problem = Problem {
            kind: code.type_uri(),
            title: code.title(),
            status: code.status(),
            detail: self.detail(),
            code,
            epoch,
            last_sequence,
            violated_policies: if is_limited { &[limit::POLICY] } else { &[] },
            errors: self.errors(),
            refund_id: match self {
                Self::RefundExists(id) => Some(*id),
                _ => None,
            },
            amount_available: match self {
                Self::AmountAvailable(amount) | Self::OverRefund(amount) => Some(amount.to_text(2)),
                _ => None,
            },
        };
        // Texts and numbers can always be written.
        response.body(serde_json::to_string(&problem).unwrap_or_default())
    }

    fn errors(&self) -> Vec<ProblemError> {
        match self {
            Self::InvalidConfig(lines) => lines.iter().cloned().map(ProblemError::Line).collect(),
            Self::InvalidDecision(errors) | Self::InvalidRefund(errors) => errors
                .iter()
                .map(|error| ProblemError::Member {
                    pointer: error.pointer.clone(),
                    detail: error.detail.clone(),
                })
                .collect(),
            _ => Vec::new(),
        }
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
            Self::TooManyConnections(_) | Self::NoSlot | Self::HungUp | Self::Unavailable(_) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::Forbidden(_)
            | Self::Damaged
            | Self::NotFound(_)
            | Self::InvalidParameter(_)
            | Self::InvalidBody(_)
            | Self::PaymentOfOtherOrder(_)
            | Self::RefundExists(_)
            | Self::AmountAvailable(_)
            | Self::OverRefund(_)
            | Self::NothingToAsk(_)
            | Self::AlreadySent(_)
            | Self::ResendNotAllowed(_)
            | Self::NotDecided(..)
            | Self::InvalidDecision(_)
            | Self::InvalidRefund(_)
            | Self::AccountCannotSubmit(_)
            | Self::IdempotencyKeyReused
            | Self::AckBackwards(_)
            | Self::TooManyConsumers(_)
            | Self::FeedRestarted { .. }
            | Self::SequenceUnknown(_)
            | Self::InvalidConfig(_)
            | Self::Body(_) => {}
        }
    }
}

/// 404 on the internal listener.
pub async fn no_such_page() -> HttpResponse {
    ApiError::NotFound("page").response()
}
