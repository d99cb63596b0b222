//! Rules of an intent: what the documents say of numbers, amounts and lengths.

use super::calls::SUB_ORDER;
use super::{Form, PaycoolsClient};
use crate::domain::request::intent::{FieldError, Intent};
use crate::providers::outgoing::intent_check::IntentCheck;

/// Longest number of a refund or a payment.
pub(in crate::providers::paycools) const NUMBER_CHARS: usize = 32;
const REASON_CHARS: usize = 200;
/// Longest number of a sub-order; no document has one.
const SUB_ORDER_CHARS: usize = 64;
/// Age of a payment that the flat form still refunds.
const WINDOW_DAYS: i64 = 60;

pub(super) fn check(
    client: &PaycoolsClient,
    refund_no: Option<&str>,
    intent: &Intent,
    now: jiff::Timestamp,
) -> Vec<FieldError> {
    let mut check = IntentCheck::of(intent);
    let is_allowed = |b: u8| b.is_ascii_alphanumeric();
    check.refund_no(refund_no, NUMBER_CHARS, is_allowed, "letters and digits");
    if let (Some(prefix), Some(number)) = (&client.refund_no_prefix, refund_no)
        && !number.starts_with(prefix.as_str())
    {
        let detail =
            "must begin with refund_no_prefix of the account, or its callbacks would be rejected";
        check.note("/refund_no", detail);
    }
    let payment = intent.provider_payment_no.as_ref();
    check.required_number("/provider_payment_no", payment, NUMBER_CHARS);
    let currency = client.locale.currency;
    if intent.money.currency != currency {
        let detail = format!("must be {}, the currency of the account", currency.code());
        check.note("/currency", detail);
    }
    check.decimals(client.locale.minor_digits);
    check.reason(0..=REASON_CHARS);
    match client.form {
        Form::OpenApi(_) => check.fields(&[]),
        Form::Flat { .. } => {
            check.fields(&[(SUB_ORDER, SUB_ORDER_CHARS)]);
            check.paid_within(WINDOW_DAYS, now);
        }
    }
    check.errors()
}
