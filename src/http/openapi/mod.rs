//! The `OpenAPI` document, put together from the handlers' own descriptions and served at
//! `/openapi.json`. `refund-receiver openapi > docs/openapi.json` renews the copy in the repository,
//! which a test compares. Each call is described at its handler and listed here; what it asks of a caller comes
//! from the table of routes, `internal::CALLS`.

pub mod bodies;
pub mod responses;
pub mod texts;

use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{RefOr, Server};
use utoipa::{Modify, OpenApi};

use super::internal::feed::{consumers, events, stream};
use super::internal::health::metrics;
use super::internal::operate::{decisions, endpoints, reload, settlement, trail};
use super::internal::requests::{accounts, changes, create, timeline};
use super::internal::route::Verb;
use super::internal::{CALLS, callbacks, etag, health, orders, refunds};
use super::openapi;
use super::public::error::ErrorBody;
use super::public::{callback, epay, relay};
use crate::api::problem::Problem;
use bodies::EpayMessage;
use responses::NotModified;

/// The order is that of the document's tags.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "refund-receiver",
        description = "Verified refund outcomes, stored and applied exactly once. Readers use the internal \
            listener with a bearer token; providers, relays and EPay callers the public one. HEAD is \
            served where GET is, except for the stream.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "the internal listener, server.internal_listen")),
    tags(
        (name = "refunds", description = "Refunds and their status"),
        (name = "requests", description = "Outgoing refunds: submit, ask, cancel, send again; accounts that send"),
        (name = "decisions", description = "An operator's answers to open questions"),
        (name = "events", description = "Every change, in order"),
        (name = "consumers", description = "Cursors in the feed that the service keeps"),
        (name = "endpoints", description = "Endpoints that events are pushed to"),
        (name = "orders", description = "Pre-orders of the EPay close-out"),
        (name = "callbacks", description = "Callbacks as received, explained"),
        (name = "audit", description = "Who did what on this listener: appended, never changed, chained by hash"),
        (name = "service", description = "Health, metrics and this document, without a token; reload of the config"),
        (name = "public", description = "Calls of providers, relays and EPay callers")
    ),
    paths(
        refunds::list,
        refunds::one,
        refunds::callbacks,
        create::create,
        changes::ask,
        changes::cancel,
        changes::resend,
        timeline::timeline,
        decisions::list,
        decisions::decide,
        decisions::approve,
        decisions::reject,
        decisions::close_out,
        accounts::list,
        accounts::stop,
        accounts::resume,
        settlement::note,
        events::page,
        stream::stream,
        consumers::list,
        consumers::events,
        consumers::ack,
        consumers::seek,
        consumers::forget,
        endpoints::list,
        endpoints::recover,
        orders::get,
        orders::put,
        callbacks::one,
        trail::page,
        health::live,
        health::ready,
        metrics::metrics,
        reload::reload,
        openapi::document,
        callback::receive,
        relay::receive,
        epay::receive_or_not_found,
    ),
    // Named by hand where `orders` asks for unique items, where `responses` builds the answer, and where a
    // schema built by code refers to them.
    components(schemas(
        orders::PaymentBody, orders::ApplicationBody, Problem, ErrorBody, EpayMessage
    )),
    modifiers(&Finish)
)]
struct Document;

/// The document as JSON text; the bytes are always the same.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let document = Document::openapi();
        // Serialisation fails only for maps whose keys are not texts; there are none.
        document.to_pretty_json().unwrap_or_default() + "\n"
    })
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "service",
    params(("If-None-Match" = Option<String>, Header, description = "An ETag; 304 if the content has not changed")),
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object, headers(("ETag" = String, description = "Changes with the content"))),
        NotModified
    )
)]
pub async fn document(request: HttpRequest) -> HttpResponse {
    etag::tagged(&request, text().to_owned())
}

/// Adds what the macros cannot: security, the public listener, the header fields of rate limits.
struct Finish;

impl Modify for Finish {
    fn modify(&self, document: &mut Description) {
        let components = document.components.get_or_insert_default();
        for (name, schema) in bodies::callbacks() {
            components.schemas.insert(name.to_owned(), schema);
        }
        for (name, scheme) in schemes() {
            components.add_security_scheme(name, scheme);
        }
        for (path, item) in &mut document.paths.paths {
            if !is_internal(path) {
                let server = Server::builder()
                    .url("/")
                    .description(Some("the public listener, server.listen"));
                item.servers = Some(vec![server.build()]);
                continue;
            }
            for call in CALLS.iter().filter(|call| call.path == path) {
                let Some(operation) = operation(item, call.verb) else {
                    continue;
                };
                let scopes = call.access.scopes();
                if scopes.is_empty() {
                    operation.security = Some(vec![SecurityRequirement::default()]);
                    continue;
                }
                tell_limits(operation);
                let needed = scopes
                    .iter()
                    .map(|scope| SecurityRequirement::new("reader", [scope.as_str()]));
                operation.security = Some(needed.collect());
            }
        }
    }
}

/// The operation that describes a call.
fn operation(item: &mut PathItem, verb: Verb) -> Option<&mut Operation> {
    match verb {
        Verb::Read | Verb::Stream => item.get.as_mut(),
        Verb::Put => item.put.as_mut(),
        Verb::Post => item.post.as_mut(),
        Verb::Delete => item.delete.as_mut(),
    }
}

/// Whether a path is one of the internal listener.
fn is_internal(path: &str) -> bool {
    ["/callbacks/", "/relays/", "/api/"]
        .iter()
        .all(|public| !path.starts_with(public))
}

fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let bearer = |description: &str| {
        let http = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description));
        SecurityScheme::Http(http.build())
    };
    let header = |name: &str, description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            name,
            description,
        )))
    };
    [
        (
            "reader",
            bearer("The token of a [[readers]] entry; the scopes are those of the entry"),
        ),
        ("epay", bearer("A token of [epay]")),
        (
            "signature",
            header(
                "sign",
                "PayerMax: RSASSA-PKCS1-v1_5 with SHA-256 over the whole body, standard Base64. \
                 PayCools signs in a member of the body instead",
            ),
        ),
        (
            "relay",
            header(
                "webhook-signature",
                "Standard Webhooks: v1, and the HMAC-SHA256 of id, timestamp and body",
            ),
        ),
    ]
}

/// Each response to a reader with a rate limit has these.
fn tell_limits(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        for (name, description, example) in [
            (
                "RateLimit-Policy",
                "The limit of this reader, if it has one",
                "\"reader\";q=600;w=60",
            ),
            (
                "RateLimit",
                "What is left of it, and when all of it is regained",
                "\"reader\";r=599;t=1",
            ),
        ] {
            let text = ObjectBuilder::new()
                .schema_type(Type::String)
                .examples([example]);
            let header = HeaderBuilder::new()
                .schema(Some(text))
                .description(Some(description));
            response
                .headers
                .insert(name.to_owned(), RefOr::T(header.build()));
        }
    }
}
