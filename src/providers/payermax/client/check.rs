//! Rules of an intent: what the documents say of numbers, amounts, lengths and times.

use super::Generation;
use super::v2::TRADE_TOKEN;
use super::v21::{EMAIL, amount};
use crate::domain::money::Currency;
use crate::domain::request::intent::{FieldError, Intent};
use crate::providers::outgoing::intent_check::IntentCheck;

/// Longest number of a refund or an order.
const NUMBER_CHARS: usize = 64;
/// Longest amount of v2.1.
const AMOUNT_CHARS: usize = 12;
/// Age of a payment that is still refunded.
const WINDOW_DAYS: i64 = 180;

pub(super) fn check(
    generation: &Generation,
    refund_no: Option<&str>,
    intent: &Intent,
    now: jiff::Timestamp,
) -> Vec<FieldError> {
    let mut check = IntentCheck::of(intent);
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    check.refund_no(refund_no, NUMBER_CHARS, is_allowed, "letters, digits and _");
    check.required_number("/order_no", intent.order_no.as_ref(), NUMBER_CHARS);
    let instead = "order_no names the payment";
    check.no_number(
        "/provider_payment_no",
        intent.provider_payment_no.as_ref(),
        instead,
    );
    check.decimals(decimals_of(intent.money.currency));
    check.paid_within(WINDOW_DAYS, now);
    match generation {
        Generation::New(_) => {
            check.reason(0..=512);
            check.fields(&[(TRADE_TOKEN, 64)]);
        }
        Generation::Old(_) => {
            check.reason(1..=256);
            check.fields(&[(EMAIL, 32)]);
            match intent.order_amount {
                None => check.note(
                    "/order_amount",
                    "is missing; v2.1 refunds whole payments alone",
                ),
                Some(paid) if paid != intent.money.amount => {
                    let detail = "is not order_amount; v2.1 refunds whole payments alone";
                    check.note("/amount", detail);
                }
                Some(_) => {}
            }
            if amount(intent.money).len() > AMOUNT_CHARS {
                let detail = format!("has more than {AMOUNT_CHARS} characters, with its decimals");
                check.note("/amount", detail);
            }
        }
    }
    check.errors()
}

/// Decimals that `PayerMax` takes: fewer than ISO 4217 has for some currencies.
pub(super) fn decimals_of(currency: Currency) -> u8 {
    match currency.code() {
        "IDR" | "TWD" | "PKR" | "COP" => 0,
        "BHD" | "KWD" | "IQD" | "JOD" | "TND" | "LYD" | "OMR" => 2,
        _ => currency.minor_digits(),
    }
}
