//! The problems that calls can answer, made from the very codes that they are answered with.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

use super::super::problem::{self, Code};

/// That the reader has the content already.
pub enum NotModified {}
/// What every call of a reader can answer.
pub enum Reading {}
/// The same, and that there is nothing with this id.
pub enum ReadingOne {}
/// What a registration can answer.
pub enum Registering {}
/// What a page for a consumer can answer.
pub enum Consuming {}
/// What an acknowledgement can answer.
pub enum Acknowledging {}
/// What a seek can answer.
pub enum Seeking {}
/// What the recovery of an endpoint can answer.
pub enum Recovering {}

/// Problems of whoever the reader is.
const OF_READER: [Code; 6] = [
    Code::InvalidParameter,
    Code::Unauthorized,
    Code::TokenExpired,
    Code::Forbidden,
    Code::RateLimited,
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

impl IntoResponses for Consuming {
    fn responses() -> Responses {
        of(&[&OF_READER[..], &[Code::TooManyConsumers]].concat())
    }
}

impl IntoResponses for Acknowledging {
    fn responses() -> Responses {
        let own = [Code::NotFound, Code::AckBackwards, Code::SequenceUnknown];
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

/// One response a status, with an example for each of its codes.
fn of(codes: &[Code]) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let same = by_status.entry(code.status().as_u16()).or_default();
        same.push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), RefOr::T(response(status, &codes))))
        .collect()
}

fn response(status: u16, codes: &[Code]) -> Response {
    let titles: Vec<_> = codes.iter().map(|code| code.title()).collect();
    let examples = codes.iter().map(|code| {
        let word = json!(code);
        let name = word.as_str().unwrap_or_default().to_owned();
        let value = json!({
            "type": "about:blank", "title": code.title(), "status": status,
            "detail": "…", "code": word,
        });
        (name, ExampleBuilder::new().value(Some(value)).build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples);
    let mut response = ResponseBuilder::new()
        .description(titles.join("; "))
        .content(problem::MEDIA_TYPE, content.build());
    for (of, name) in [
        (401, "WWW-Authenticate"),
        (429, "Retry-After"),
        (503, "Retry-After"),
    ] {
        if of == status {
            let text = ObjectBuilder::new().schema_type(Type::String);
            response = response.header(name, HeaderBuilder::new().schema(Some(text)).build());
        }
    }
    response.build()
}
