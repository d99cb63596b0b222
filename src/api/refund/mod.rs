//! A refund, a page of refunds, and the answer to a relay; in files of their own its request, the decisions about it
//! and its timeline.

pub mod decision;
pub mod request;
pub mod timeline;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::domain::claim::{Failure, RefundNo, Status};
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::money::Money;
use crate::domain::order::OrderState;
use crate::domain::order::close_out::CloseOut;
use crate::domain::refund::{Attention, Refund};
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use request::RequestView;

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund, example = json!({
    "id": "rf_0199ebf0-04d4-79de-a645-9ca09745a1a7", "provider": "payermax", "account": "main",
    "refund_no": "R1642411016202", "provider_refund_no": "20220117091657TI790000055087",
    "order_no": "P1642410680681", "status": "succeeded", "provider_status": "REFUND_SUCCESS",
    "amount": "10000.00", "currency": "IDR", "failure": null, "finished_at": null,
    "received_at": "2026-01-17T09:33:55.001Z", "updated_at": "2026-01-17T09:33:55.004Z",
    "attention": [], "request": null
}))]
pub struct RefundView<'a> {
    #[schema(value_type = RefundId)]
    id: String,
    provider: &'a str,
    account: &'a str,
    #[schema(required)]
    refund_no: Option<&'a str>,
    #[schema(required)]
    provider_refund_no: Option<&'a str>,
    #[schema(required)]
    order_no: Option<&'a str>,
    status: Status,
    #[schema(required)]
    provider_status: Option<&'a str>,
    /// Decimal text in major units, with at least the decimals of the currency.
    #[schema(required, example = "10000.00")]
    amount: Option<String>,
    /// ISO 4217.
    #[schema(required, example = "IDR")]
    currency: Option<&'static str>,
    #[schema(required)]
    failure: Option<&'a Failure>,
    #[schema(required)]
    finished_at: Option<Timestamp>,
    received_at: Timestamp,
    updated_at: Timestamp,
    /// Open questions for a person.
    attention: &'a [Attention],
    /// How far our request has come; null where the refund is known from callbacks alone.
    #[schema(required)]
    request: Option<RequestView<'a>>,
    /// The order side; with provider `epay` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closeout: Option<CloseOutView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CloseOut)]
struct CloseOutView<'a> {
    #[schema(schema_with = close_out_state)]
    state: &'static str,
    /// The errcode of the response to the caller; 0 if done.
    errcode: u8,
    #[schema(required)]
    order_no: Option<&'a str>,
    #[schema(required)]
    order_state: Option<OrderState>,
}

/// The words of [`crate::domain::order::close_out::Progress`].
fn close_out_state() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["pending", "done", "parked"]))
        .build()
}

impl<'a> RefundView<'a> {
    /// Shows a refund; `close_out` is given for `EPay`, `request` where we submit or watch it.
    pub fn new(
        refund: &'a Refund,
        close_out: Option<&'a CloseOut>,
        request: Option<&'a Request>,
    ) -> Self {
        Self {
            id: refund.id.to_string(),
            provider: &refund.account.provider,
            account: &refund.account.name,
            refund_no: refund.refund_no.as_ref().map(RefundNo::as_str),
            provider_refund_no: refund.provider_refund_no.as_ref().map(ExternalId::as_str),
            order_no: refund.order_no.as_ref().map(ExternalId::as_str),
            status: refund.status,
            provider_status: refund.provider_status.as_deref(),
            amount: refund.money.map(Money::amount_text),
            currency: refund.money.map(|money| money.currency.code()),
            failure: refund.failure.as_ref(),
            finished_at: refund.finished_at,
            received_at: refund.received_at,
            updated_at: refund.updated_at,
            attention: &refund.attention,
            request: request.map(RequestView::from),
            closeout: close_out.map(|c| CloseOutView {
                state: c.progress.as_str(),
                errcode: c.progress.errcode(),
                order_no: c.order_no.as_ref().map(ExternalId::as_str),
                order_state: c.order_state,
            }),
        }
    }
}

/// A page of refunds.
#[derive(Serialize, ToSchema)]
#[schema(as = RefundPage)]
pub struct RefundPage<'a> {
    pub data: Vec<RefundView<'a>>,
    /// What to ask for next: `cursor=next_cursor`.
    #[schema(required, value_type = Option<RefundId>)]
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

/// The refund after a relay was applied.
#[derive(Serialize, ToSchema)]
pub struct RelayAnswer {
    #[schema(required)]
    pub refund_id: Option<RefundId>,
    #[schema(required)]
    pub status: Option<Status>,
}
