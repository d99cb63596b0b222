//! The one URL of v2.1.

use serde_json::json;

use super::super::{Exchange, Handled, Look};
use super::{Asked, Codes, NAME, accept, is_number, no, signed, text};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::providers::wire::json::Object;
use crate::sandbox::server::keys::PAYERMAX_OLD;
use crate::sandbox::server::ledger::State;

const FORM: &str = "v2.1";
/// It documents no code but `0000`; these are guesses.
pub(super) const SIGN: &str = "0001";
const PARAMS: &str = "0002";
const REPEAT: &str = "0003";
const AMOUNT: &str = "0004";
const UNKNOWN: &str = "0005";

pub(super) fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    let request = exchange.request;
    let Ok(body) = Object::parse(&request.body) else {
        return no(FORM, PARAMS, "the body is no JSON object");
    };
    if text(&body, "merchantId").as_deref() != Some(PAYERMAX_OLD.merchant_no) {
        return no(FORM, PARAMS, "no such merchantId");
    }
    if text(&body, "version").as_deref() != Some("2.1") {
        return no(FORM, PARAMS, "version is not 2.1");
    }
    let Some(number) = text(&body, "refundId").filter(|text| is_number(text)) else {
        return no(FORM, PARAMS, "refundId needs 1 to 64 letters, digits or _");
    };
    match look.call {
        "query" => query(exchange, &number),
        _ => refund(exchange, &body, number),
    }
}

fn refund(exchange: &mut Exchange<'_>, body: &Object<'_>, number: String) -> Handled {
    let amount = text(body, "amount").unwrap_or_default();
    let Ok(amount) = Amount::read(&amount, Spelling::Text, 2) else {
        return no(
            FORM,
            PARAMS,
            "amount is not above 0 with at most 2 decimals",
        );
    };
    let (Some(order), Some(currency)) = (text(body, "orderId"), text(body, "currency")) else {
        return no(FORM, PARAMS, "orderId or currency is missing");
    };
    let comment = text(body, "comment").or_else(|| text(body, "comments"));
    if comment.is_none() {
        return no(FORM, PARAMS, "comment is missing");
    }
    let asked = Asked {
        account: PAYERMAX_OLD,
        number,
        order,
        amount,
        currency,
        reason: comment,
        callback_url: text(body, "callbackUrl"),
    };
    let codes = Codes {
        repeat: REPEAT,
        currency: AMOUNT,
        busy: AMOUNT,
        amount: AMOUNT,
        late: AMOUNT,
        balance: AMOUNT,
    };
    match accept(exchange, FORM, asked, &codes, 1) {
        Err(handled) => *handled,
        Ok(refund) => {
            let body = json!({
                "bizCode": "0000",
                "message": "success",
                "data": {
                    "tradeNo": format!("TRADE-{}", refund.order_no),
                    "refundId": refund.number,
                    "orderId": refund.order_no,
                    "status": 0,
                },
            });
            signed(exchange, body.to_string(), "accepted")
        }
    }
}

fn query(exchange: &Exchange<'_>, number: &str) -> Handled {
    let known = exchange.known(NAME, number);
    let Some(refund) = known.filter(|refund| refund.account == PAYERMAX_OLD.account) else {
        return no(FORM, UNKNOWN, "no refund has this number");
    };
    let is_failed = matches!(refund.state, State::Failed | State::Canceled);
    let status = match refund.state {
        State::Pending => 0,
        State::Succeeded => 1,
        State::Failed | State::Canceled => 2,
        State::Odd => 9,
    };
    let body = json!({
        "bizCode": "0000",
        "message": "success",
        "data": {
            "refundId": refund.number,
            "tradeNo": format!("TRADE-{}", refund.order_no),
            "orderId": refund.order_no,
            "refundAmount": refund.told_amount.to_text(0),
            "currency": refund.told_currency,
            "status": status,
            "errorCode": if is_failed { "REFUND_FAILED" } else { "" },
            "errorMsg": if is_failed { "the bank refused" } else { "" },
        },
    });
    signed(exchange, body.to_string(), "answered")
}
