//! What readers see: the JSON of a refund, an order and the feed, as the contract's §5 writes it.
//! Used for answers and for the `data` of events, so that both are the same object.

use serde::Serialize;

use super::claim::{Failure, RefundNo, Status};
use super::clock::Moment;
use super::close_out::CloseOut;
use super::ids::Number;
use super::money::Money;
use super::order::{ApplicationState, Order, OrderState};
use super::refund::{Attention, Refund};

/// A refund as readers get it.
#[derive(Debug, Serialize)]
pub struct RefundView<'a> {
    id: String,
    provider: &'a str,
    account: &'a str,
    refund_no: Option<&'a str>,
    provider_refund_no: Option<&'a str>,
    order_no: Option<&'a str>,
    status: Status,
    provider_status: Option<&'a str>,
    amount: Option<String>,
    currency: Option<&'static str>,
    failure: Option<&'a Failure>,
    finished_at: Option<Moment>,
    received_at: Moment,
    updated_at: Moment,
    attention: &'a [Attention],
    #[serde(skip_serializing_if = "Option::is_none")]
    closeout: Option<CloseOutView<'a>>,
}

#[derive(Debug, Serialize)]
struct CloseOutView<'a> {
    state: &'static str,
    errcode: u8,
    order_no: Option<&'a str>,
    order_state: Option<OrderState>,
}

impl<'a> RefundView<'a> {
    /// Shows a refund; `close_out` is given for `EPay`.
    pub fn new(refund: &'a Refund, close_out: Option<&'a CloseOut>) -> Self {
        Self {
            id: refund.id.to_string(),
            provider: &refund.account.provider,
            account: &refund.account.name,
            refund_no: refund.refund_no.as_ref().map(RefundNo::as_str),
            provider_refund_no: refund.provider_refund_no.as_ref().map(Number::as_str),
            order_no: refund.order_no.as_ref().map(Number::as_str),
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
                order_no: c.order_no.as_ref().map(Number::as_str),
                order_state: c.order_state,
            }),
        }
    }
}

/// An order as readers get it.
#[derive(Debug, Serialize)]
pub struct OrderView<'a> {
    order_no: &'a str,
    state: OrderState,
    payments: Vec<PaymentView<'a>>,
    refund_applications: Vec<ApplicationView<'a>>,
}

#[derive(Debug, Serialize)]
struct PaymentView<'a> {
    trandeno: &'a str,
    amount: String,
}

#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub struct OrderClosedView<'a> {
    /// The order.
    pub order_no: &'a str,
    /// Its state now.
    pub state: OrderState,
    /// The refund whose close-out closed it.
    pub refund_id: String,
}

/// `data` of `refund_application.handled`.
#[derive(Debug, Serialize)]
pub struct ApplicationHandledView<'a> {
    /// The order.
    pub order_no: &'a str,
    /// The application.
    pub batchno: &'a str,
    /// The payment that was refunded.
    pub trandeno: &'a str,
    /// The refund whose close-out handled it.
    pub refund_id: String,
}
