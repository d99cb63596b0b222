//! Words and values that no derived schema can tell.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Ref, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::api::{ApplicationHandledView, OrderClosedView, RefundView};
use crate::domain::claim::Reason;
use crate::domain::event::EventKind;
use crate::store::DisabledReason;

/// What `attention` may be: `true`, `false`, or a reason.
pub struct AttentionFilter;

impl PartialSchema for AttentionFilter {
    fn schema() -> RefOr<Schema> {
        let words = ["true", "false"].into_iter();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.chain(Reason::ALL.map(Reason::as_str))))
            .into()
    }
}

impl ToSchema for AttentionFilter {}

/// The words of an event's type.
pub fn event_type() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(EventKind::all().map(EventKind::as_str)))
        .build()
}

/// Why an endpoint is disabled; `null` where it is not.
pub fn disabled_reason() -> Object {
    let words = DisabledReason::ALL.map(|reason| Some(reason.as_str()));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "`gone`: it answered 410; `failing`: nothing but failures for too long",
        ))
        .enum_values(Some(words.into_iter().chain([None])))
        .build()
}

/// `data`, which depends on the type: a refund, an order or an application.
pub struct EventData;

impl PartialSchema for EventData {
    fn schema() -> RefOr<Schema> {
        let names = [
            RefundView::name(),
            OrderClosedView::name(),
            ApplicationHandledView::name(),
        ];
        let mut any = AnyOfBuilder::new();
        for name in names {
            any = any.item(Ref::from_schema_name(name));
        }
        any.into()
    }
}

impl ToSchema for EventData {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (OrderClosedView::name(), OrderClosedView::schema()),
            (
                ApplicationHandledView::name(),
                ApplicationHandledView::schema(),
            ),
        ] {
            schemas.push((name.into_owned(), schema));
        }
    }
}
