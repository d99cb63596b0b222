//! `refund` and `refundQuery`.

use serde_json::json;

use super::super::{Exchange, FIRST_MENTION, Handled, Look};
use super::{Asked, Codes, NAME, accept, is_number, no, signed, text};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::domain::time::Timestamp;
use crate::providers::wire::json::{Object, Value};
use crate::sandbox::server::keys::PAYERMAX;
use crate::sandbox::server::ledger::State;
use crate::sandbox::server::time_text;

const FORM: &str = "v2";
/// How far `requestTime` may be from the machine's clock, in milliseconds.
const FRESH: i64 = 120_000;

pub(super) fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    let request = exchange.request;
    let Ok(body) = Object::parse(&request.body) else {
        return no(FORM, "PARAMS_INVALID", "the body is no JSON object");
    };
    for name in ["version", "keyVersion", "requestTime", "appId"] {
        if text(&body, name).is_none() {
            return no(FORM, "PARAMS_INVALID", format!("{name} is missing"));
        }
    }
    let time = text(&body, "requestTime").unwrap_or_default();
    let Ok(time) = time.parse::<Timestamp>() else {
        return no(FORM, "PARAMS_INVALID", "requestTime is no time");
    };
    let off = time.as_millis() - exchange.wall;
    if off.abs() > FRESH {
        let message =
            format!("requestTime is {off} ms from the sandbox's clock; 2 minutes are allowed");
        return no(FORM, "REQ_TIME_OVER_TIME", message);
    }
    if text(&body, "appId").as_deref() != Some(PAYERMAX.app_id) {
        return no(FORM, "MERCHANT_APP_INVALID", "no such appId");
    }
    let merchant = text(&body, "merchantNo");
    if merchant.is_some_and(|merchant| merchant != PAYERMAX.merchant_no) {
        return no(FORM, "MERCHANT_INVALID", "no such merchantNo");
    }
    let Value::Nested(data) = body.get("data") else {
        return no(FORM, "PARAMS_INVALID", "data is no object");
    };
    let Ok(data) = Object::parse(data.as_bytes()) else {
        return no(FORM, "PARAMS_INVALID", "data is no object");
    };
    if look.call == "query" {
        return query(exchange, &data);
    }
    refund(exchange, &data)
}

fn refund(exchange: &mut Exchange<'_>, data: &Object<'_>) -> Handled {
    let Some(number) = text(data, "outRefundNo").filter(|text| is_number(text)) else {
        return no(
            FORM,
            "REFUND_NO_INVALID",
            "outRefundNo needs 1 to 64 letters, digits or _",
        );
    };
    let Value::Number(digits) = data.get("refundAmount") else {
        return no(FORM, "PARAMS_INVALID", "refundAmount is no JSON number");
    };
    let Ok(amount) = Amount::read(digits, Spelling::JsonNumber, 4) else {
        return no(
            FORM,
            "AMOUNT_INVALID",
            "refundAmount is not above 0 with at most 4 decimals",
        );
    };
    let Some(currency) = text(data, "refundCurrency") else {
        return no(FORM, "PARAMS_INVALID", "refundCurrency is missing");
    };
    let order = text(data, "outTradeNo").or_else(|| text(data, "tradeToken"));
    let Some(order) = order else {
        return no(
            FORM,
            "PARAMS_INVALID",
            "outTradeNo and tradeToken are missing",
        );
    };
    let asked = Asked {
        account: PAYERMAX,
        number,
        order,
        amount,
        currency,
        reason: text(data, "comments"),
        callback_url: text(data, "refundNotifyUrl"),
    };
    let codes = Codes {
        repeat: "ORDER_REPEAT",
        currency: "CURRENCY_INVALID",
        busy: "PAYMENT_PROCESSING",
        amount: "AMOUNT_LIMIT",
        late: "ORDER_CLOSED",
        balance: "REFUND_INSUFFICIENT_BALANCE",
    };
    match accept(exchange, FORM, asked, &codes, FIRST_MENTION) {
        Err(handled) => *handled,
        Ok(refund) => {
            let body = json!({
                "code": "APPLY_SUCCESS",
                "msg": "",
                "data": {
                    "outRefundNo": refund.number,
                    "tradeOrderNo": format!("TRADE-{}", refund.order_no),
                    "refundTradeNo": format!("TI-{}", refund.number),
                    "status": "REFUND_PENDING",
                },
            });
            signed(exchange, body.to_string(), "accepted")
        }
    }
}

fn query(exchange: &Exchange<'_>, data: &Object<'_>) -> Handled {
    let by_theirs = text(data, "refundTradeNo");
    let by_theirs = by_theirs.and_then(|text| text.strip_prefix("TI-").map(str::to_owned));
    let Some(number) = text(data, "outRefundNo").or(by_theirs) else {
        return no(
            FORM,
            "PARAMS_INVALID",
            "outRefundNo and refundTradeNo are missing",
        );
    };
    let Some(refund) = exchange
        .known(NAME, &number)
        .filter(|refund| refund.account == PAYERMAX.account)
    else {
        return no(FORM, "ORDER_NOT_EXIST", "no refund has this number").no_blame();
    };
    let status = match refund.state {
        State::Pending => "REFUND_PENDING",
        State::Succeeded => "REFUND_SUCCESS",
        State::Failed | State::Canceled => "REFUND_FAILED",
        State::Odd => "REFUND_WITHDRAWN",
    };
    let quote = |text: &str| json!(text).to_string();
    let finished = refund
        .finished_at
        .map(time_text)
        .map_or(String::new(), |at| {
            format!(",\"refundFinishTime\":{}", quote(&at))
        });
    let failed = if refund.state == State::Failed {
        ",\"resultMsg\":\"the bank refused\""
    } else {
        ""
    };
    // The amount as digits: no number of a library between.
    let body = format!(
        "{{\"code\":\"APPLY_SUCCESS\",\"msg\":\"\",\"data\":{{\"outRefundNo\":{},\"refundTradeNo\":{},\
         \"refundAmount\":{},\"refundCurrency\":{},\"outTradeNo\":{},\"status\":\"{status}\"{failed}{finished}}}}}",
        quote(&refund.number),
        quote(&format!("TI-{}", refund.number)),
        refund.told_amount.to_text(0),
        quote(&refund.told_currency),
        quote(&refund.order_no),
    );
    signed(exchange, body, status)
}
