//! What readers see: the JSON of a refund, an order and the feed, as the contract's §5 writes it.
//! Used for answers and for the `data` of events, so that both are the same object.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::domain::claim::{Failure, RefundNo, Status};
use crate::domain::close_out::CloseOut;
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::money::Money;
use crate::domain::order::{ApplicationState, Order, OrderState};
use crate::domain::refund::{Attention, Refund};
use crate::domain::time::Timestamp;

/// A refund as readers get it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund, example = json!({
    "id": "rf_0199ebf0-04d4-79de-a645-9ca09745a1a7", "provider": "payermax", "account": "main",
    "refund_no": "R1642411016202", "provider_refund_no": "20220117091657TI790000055087",
    "order_no": "P1642410680681", "status": "succeeded", "provider_status": "REFUND_SUCCESS",
    "amount": "10000.00", "currency": "IDR", "failure": null, "finished_at": null,
    "received_at": "2026-01-17T09:33:55.001Z", "updated_at": "2026-01-17T09:33:55.004Z",
    "attention": []
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
    /// What the caller is told: 0 where it is done.
    errcode: u8,
    #[schema(required)]
    order_no: Option<&'a str>,
    #[schema(required)]
    order_state: Option<OrderState>,
}

/// The words of [`crate::domain::close_out::Progress`].
fn close_out_state() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["pending", "done", "parked"]))
        .build()
}

impl<'a> RefundView<'a> {
    /// Shows a refund; `close_out` is given for `EPay`.
    pub fn new(refund: &'a Refund, close_out: Option<&'a CloseOut>) -> Self {
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
            closeout: close_out.map(|c| CloseOutView {
                state: c.progress.as_str(),
                errcode: c.progress.errcode(),
                order_no: c.order_no.as_ref().map(ExternalId::as_str),
                order_state: c.order_state,
            }),
        }
    }
}

/// An order as readers get it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order, example = json!({
    "order_no": "YD-1", "state": "refund_applied",
    "payments": [{"trandeno": "T-1", "amount": "100.00"}],
    "refund_applications": [{"batchno": "B-1", "amount": "30.00", "state": "applied"}]
}))]
pub struct OrderView<'a> {
    order_no: &'a str,
    state: OrderState,
    payments: Vec<PaymentView<'a>>,
    refund_applications: Vec<ApplicationView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
struct PaymentView<'a> {
    trandeno: &'a str,
    amount: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefundApplication)]
struct ApplicationView<'a> {
    batchno: &'a str,
    amount: String,
    state: ApplicationState,
}

/// Decimals of the yuan.
const YUAN_DIGITS: u8 = 2;

impl<'a> From<&'a Order> for OrderView<'a> {
    fn from(order: &'a Order) -> Self {
        Self {
            order_no: order.order_no.as_str(),
            state: order.state,
            payments: order
                .payments
                .iter()
                .map(|payment| PaymentView {
                    trandeno: &payment.trandeno,
                    amount: payment.amount.to_text(YUAN_DIGITS),
                })
                .collect(),
            refund_applications: order
                .applications
                .iter()
                .map(|application| ApplicationView {
                    batchno: &application.batchno,
                    amount: application.amount.to_text(YUAN_DIGITS),
                    state: application.state,
                })
                .collect(),
        }
    }
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
