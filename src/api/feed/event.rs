//! An event, a page of events, and the `data` of events that are not about a refund.

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Ref, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::api::refund::RefundView;
use crate::domain::event::EventKind;
use crate::domain::ids::{EventId, RefundId};
use crate::domain::order::OrderState;
use crate::domain::time::Timestamp;

/// An event. Only described here: the feed serialises it once for all readers.
#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "it is only described")]
struct EventView {
    sequence: i64,
    /// The epoch of the number; a restore begins another one.
    epoch: String,
    id: EventId,
    #[schema(rename = "type", schema_with = event_type)]
    kind: String,
    timestamp: Timestamp,
    /// The refund, order or application as of this event.
    data: EventData,
}

/// A page as `http::internal::feed::events` writes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
pub struct EventPage {
    data: Vec<EventView>,
    /// What to ask for next: `after=next`.
    next: i64,
    /// The epoch of the numbers; send it back as `epoch` to notice a restore.
    epoch: String,
}

/// `data` of `order.closed`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderClosed)]
pub struct OrderClosedView<'a> {
    /// The order.
    pub order_no: &'a str,
    /// Its state now.
    pub state: OrderState,
    /// The refund whose close-out closed it.
    #[schema(value_type = RefundId)]
    pub refund_id: String,
}

/// `data` of `refund_application.handled`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefundApplicationHandled)]
pub struct ApplicationHandledView<'a> {
    /// The order.
    pub order_no: &'a str,
    /// The application.
    pub batchno: &'a str,
    /// The payment that was refunded.
    pub trandeno: &'a str,
    /// The refund whose close-out handled it.
    #[schema(value_type = RefundId)]
    pub refund_id: String,
}

/// The words of an event's type.
fn event_type() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(EventKind::all().map(EventKind::as_str)))
        .build()
}

/// `data`, which depends on the type: a refund, an order or an application.
struct EventData;

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
