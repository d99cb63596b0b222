//! Problems of the internal listener (RFC 9457) and their stable codes, listed in `docs/errors.md`.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::RefundId;

/// The type of a 429 (draft-ietf-httpapi-ratelimit-headers-09, section on problem types).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The stable code of a problem; each has its entry in `docs/errors.md`.
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
    RefundExists,
    AmountAvailableMismatch,
    NothingToAsk,
    AlreadySent,
    ResendNotAllowed,
    NoSuchQuestion,
    DecisionNotAllowed,
    DecisionWaits,
    DecisionEnded,
    SamePerson,
    NothingToCloseOut,
    InvalidDecision,
    InvalidRefund,
    OverRefund,
    AccountCannotSubmit,
    IdempotencyKeyReused,
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
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidParameter | Self::InvalidBody => 400,
            Self::Unauthorized | Self::TokenExpired => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::PaymentOfOtherOrder
            | Self::RefundExists
            | Self::AmountAvailableMismatch
            | Self::NothingToAsk
            | Self::AlreadySent
            | Self::ResendNotAllowed
            | Self::NoSuchQuestion
            | Self::DecisionNotAllowed
            | Self::DecisionWaits
            | Self::DecisionEnded
            | Self::SamePerson
            | Self::NothingToCloseOut
            | Self::AckBackwards
            | Self::TooManyConsumers
            | Self::FeedRestarted => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::SequenceUnknown
            | Self::InvalidConfig
            | Self::InvalidRefund
            | Self::InvalidDecision
            | Self::OverRefund
            | Self::AccountCannotSubmit
            | Self::IdempotencyKeyReused => 422,
            Self::RateLimited | Self::TooManyConnections => 429,
            Self::StoreDamaged => 500,
            Self::Unavailable => 503,
        }
    }

    /// The reason phrase of the status (RFC 9110 §15); what is special about the problem is in the code.
    pub const fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            422 => "Unprocessable Content",
            // RFC 6585.
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            _ => "Service Unavailable",
        }
    }

    /// The `type` of a problem: the entry of its code in the repository's page on errors.
    pub fn type_uri(self) -> Cow<'static, str> {
        match self {
            Self::RateLimited => QUOTA_EXCEEDED.into(),
            _ => format!("/docs/errors.md#{self}").into(),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A problem as RFC 9457 writes it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    #[schema(value_type = String, format = "uri-reference", example = "/docs/errors.md#invalid_parameter")]
    pub kind: Cow<'static, str>,
    #[schema(example = "Bad Request")]
    pub title: &'static str,
    #[schema(example = 400)]
    pub status: u16,
    /// What is wrong with this very request.
    #[schema(example = "limit must be a whole number from 1 to 200")]
    pub detail: String,
    pub code: Code,
    /// The present epoch of the feed; with `feed_restarted` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// The last number of that epoch; with `feed_restarted` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<i64>,
    /// The limits that were exceeded; with 429 only.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    pub violated_policies: &'static [&'static str],
    /// What is wrong: of a config a line each, its key first; of a refund or a decision a member each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<ProblemError>,
    /// The refund that has this number; with `refund_exists` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// What can still be refunded; with `over_refund` and `amount_available_mismatch` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_available: Option<String>,
}

/// One of several things that are wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ProblemError {
    /// A line; with `invalid_config`.
    Line(String),
    /// With `invalid_refund` and `invalid_decision`.
    Member {
        /// JSON pointer (RFC 6901) into the body.
        #[schema(example = "/amount")]
        pointer: String,
        #[schema(example = "must be above zero")]
        detail: String,
    },
}
