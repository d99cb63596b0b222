//! A pre-order.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::{ApplicationState, Order, OrderState};

/// A pre-order with its payments and refund applications.
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
