//! Problems of each kind of call, made from their codes.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

use crate::api::problem::Code;
use crate::http::internal::problem;

/// The reader has the present content already.
pub enum NotModified {}
/// Problems of each call with a token.
pub enum Reading {}
/// The same, and 404.
pub enum ReadingOne {}
/// What a registration can answer.
pub enum Registering {}
/// What a page of the feed or its stream can answer.
pub enum Following {}
/// What a page for a consumer can answer.
pub enum Consuming {}
/// What an acknowledgement can answer.
pub enum Acknowledging {}
/// What a seek can answer.
pub enum Seeking {}
/// What the recovery of an endpoint can answer.
pub enum Recovering {}

/// What a request for a refund can answer.
pub enum Requesting {}
/// What an ask can answer.
pub enum Asking {}
/// What a cancel can answer.
pub enum Canceling {}
/// What a resend can answer.
pub enum Resending {}
/// What a decision can answer.
pub enum Deciding {}
/// What a second person's word can answer.
pub enum Agreeing {}
/// What the try of a close-out can answer.
pub enum Closing {}
/// What a stop or resume of an account can answer.
pub enum Stopping {}

/// What a reload can answer.
pub enum Reloading {}

/// What a callback or a relay can be rejected with.
pub enum Rejecting {}
/// What a call of `EPay` can be rejected with.
pub enum RejectingEpay {}

/// Problems that each call with a token can have.
const OF_READER: [Code; 8] = [
    Code::InvalidParameter,
    Code::Unauthorized,
    Code::TokenExpired,
    Code::Forbidden,
    Code::RateLimited,
    Code::TooManyConnections,
    Code::StoreDamaged,
    Code::Unavailable,
];

/// Problems of a call with a body.
const OF_BODY: [Code; 4] = [
    Code::InvalidBody,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
];

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        let tag = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some("That of the content"));
        let response = ResponseBuilder::new()
            .description("Not changed since If-None-Match")
            .header("ETag", tag.build());
        Responses::from([("304".to_owned(), RefOr::T(response.build()))])
    }
}

impl IntoResponses for Reading {
    fn responses() -> Responses {
        of(&OF_READER)
    }
}

impl IntoResponses for ReadingOne {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &[Code::NotFound]].concat())
    }
}

impl IntoResponses for Registering {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &OF_BODY, &[Code::PaymentOfOtherOrder]].concat())
    }
}

impl IntoResponses for Following {
    fn responses() -> Responses {
        let own = [Code::FeedRestarted, Code::SequenceUnknown];
        of(&[&OF_READER[..], &own].concat())
    }
}

impl IntoResponses for Consuming {
    fn responses() -> Responses {
        let own = [Code::TooManyConsumers, Code::FeedRestarted];
        of(&[&OF_READER[..], &own].concat())
    }
}

impl IntoResponses for Acknowledging {
    fn responses() -> Responses {
        let own = [
            Code::NotFound,
            Code::AckBackwards,
            Code::FeedRestarted,
            Code::SequenceUnknown,
        ];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Seeking {
    fn responses() -> Responses {
        let own = [Code::TooManyConsumers, Code::SequenceUnknown];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Recovering {
    fn responses() -> Responses {
        let own = [Code::NotFound, Code::SequenceUnknown];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Requesting {
    fn responses() -> Responses {
        let own = [
            Code::RefundExists,
            Code::AmountAvailableMismatch,
            Code::InvalidRefund,
            Code::OverRefund,
            Code::AccountCannotSubmit,
            Code::IdempotencyKeyReused,
        ];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Asking {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &[Code::NotFound, Code::NothingToAsk]].concat())
    }
}

impl IntoResponses for Canceling {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &[Code::NotFound, Code::AlreadySent]].concat())
    }
}

impl IntoResponses for Resending {
    fn responses() -> Responses {
        let own = [Code::NotFound, Code::ResendNotAllowed, Code::OverRefund];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Deciding {
    fn responses() -> Responses {
        let own = [
            Code::NotFound,
            Code::NoSuchQuestion,
            Code::DecisionNotAllowed,
            Code::DecisionWaits,
            Code::InvalidDecision,
            Code::IdempotencyKeyReused,
        ];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Agreeing {
    fn responses() -> Responses {
        let own = [
            Code::NotFound,
            Code::DecisionEnded,
            Code::DecisionNotAllowed,
            Code::SamePerson,
            Code::InvalidDecision,
        ];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Closing {
    fn responses() -> Responses {
        let own = [
            Code::NotFound,
            Code::NothingToCloseOut,
            Code::InvalidDecision,
        ];
        of(&[&OF_READER[..], &OF_BODY, &own].concat())
    }
}

impl IntoResponses for Stopping {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &OF_BODY, &[Code::NotFound]].concat())
    }
}

impl IntoResponses for Reloading {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &[Code::InvalidConfig]].concat())
    }
}

impl IntoResponses for Rejecting {
    fn responses() -> Responses {
        rejections(
            "Refusal",
            &["application/json"],
            &[
                (400, "Not the format of this provider"),
                (
                    401,
                    "The signature is missing or wrong, or the account is unknown",
                ),
                (404, "No such path"),
                (408, TOO_SLOW),
                (413, TOO_LARGE),
                (415, "Not application/json in UTF-8, or encoded"),
                (503, UNAVAILABLE),
            ],
        )
    }
}

impl IntoResponses for RejectingEpay {
    fn responses() -> Responses {
        let formats = [
            "application/json",
            "text/json",
            "application/xml",
            "text/xml",
            "application/bson",
        ];
        rejections(
            "EpayMessage",
            &formats,
            &[
                (400, "The body is incomplete"),
                (401, "No valid token of an EPay caller"),
                (408, TOO_SLOW),
                (413, TOO_LARGE),
                (415, "Another media type, or encoded"),
                (503, UNAVAILABLE),
            ],
        )
    }
}

const TOO_SLOW: &str = "The body timed out after 10 s";
const TOO_LARGE: &str = "More than 65 536 bytes";
const UNAVAILABLE: &str = "Temporarily unavailable; the request was not stored. Retry.";

/// Answers of the public listener with a body of this schema, in each of these media types.
fn rejections(schema: &str, formats: &[&str], of: &[(u16, &str)]) -> Responses {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    of.iter()
        .map(|(status, description)| {
            let response = ResponseBuilder::new().description(*description);
            let response = formats.iter().fold(response, |response, format| {
                response.content(*format, content.clone())
            });
            let response = match status {
                503 => with_header("Retry-After", response),
                _ => response,
            };
            (status.to_string(), RefOr::T(response.build()))
        })
        .collect()
}

/// One response a status, with an example for each of its codes.
fn of(codes: &[Code]) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let same = by_status.entry(code.status()).or_default();
        same.push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), RefOr::T(response(status, &codes))))
        .collect()
}

fn response(status: u16, codes: &[Code]) -> Response {
    let title = codes.first().map_or("", |code| code.title());
    let words: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    let examples = codes.iter().map(|code| {
        let value = json!({
            "type": code.type_uri(), "title": title, "status": status,
            "detail": "…", "code": code,
        });
        (
            code.to_string(),
            ExampleBuilder::new().value(Some(value)).build(),
        )
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples);
    let response = ResponseBuilder::new()
        .description(format!("{title}: {}", words.join(", ")))
        .content(problem::MEDIA_TYPE, content.build());
    match status {
        401 => with_header("WWW-Authenticate", response),
        429 | 503 => with_header("Retry-After", response),
        _ => response,
    }
    .build()
}

fn with_header(name: &str, response: ResponseBuilder) -> ResponseBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    response.header(name, HeaderBuilder::new().schema(Some(text)).build())
}
