//! Endpoints that events are pushed to, as operators see them.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::time::Timestamp;

/// The state of an endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// The last push succeeded, or none was tried.
    Active,
    /// The last push failed.
    Failing,
    /// Nothing is pushed until it is recovered.
    Disabled,
}

/// An endpoint that events are pushed to.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub struct EndpointView<'a> {
    pub name: &'a str,
    pub url: &'a str,
    #[schema(inline)]
    pub state: EndpointState,
    #[schema(required)]
    pub disabled_at: Option<Timestamp>,
    #[schema(required, schema_with = disabled_reason)]
    pub disabled_reason: Option<DisabledReason>,
    /// Each event up to this number is delivered, parked or not subscribed to.
    pub sequence: i64,
    /// Events after it.
    pub lag: i64,
    /// Events that are retried, or wait behind one that is.
    pub parked: i64,
    /// Events that are not retried until the endpoint is recovered.
    pub given_up: i64,
    #[schema(required)]
    pub failing_since: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: i64,
    #[schema(required)]
    pub last_error: Option<&'a str>,
    #[schema(required)]
    pub last_success_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct EndpointList<'a> {
    pub data: Vec<EndpointView<'a>>,
}

/// Why nothing is pushed to an endpoint.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DisabledReason {
    Gone,
    Failing,
}

fn disabled_reason() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "`gone`: it answered 410; `failing`: nothing but failures for too long",
        ))
        .enum_values(Some([Some("gone"), Some("failing"), None]))
        .build()
}
