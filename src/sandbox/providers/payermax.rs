//! PayerMax: `refund` and `refundQuery`, and the one URL of v2.1.

use serde_json::json;

use super::{Exchange, FIRST_MENTION, Handled, Look, broken, check_signature, number_key};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::domain::time::Timestamp;
use crate::providers::json::{Object, Value};
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::journal::Hashed;
use crate::sandbox::server::keys::{Account, PAYERMAX, PAYERMAX_OLD};
use crate::sandbox::server::ledger::{Accepted, Refund, State};
use crate::sandbox::server::outcome::{Outcome, Way};
use crate::sandbox::server::time_text;

pub const NAME: &str = "payermax";
const REFUND: &str = "/payermax/aggregate-pay/api/gateway/refund";
const QUERY: &str = "/payermax/aggregate-pay/api/gateway/refundQuery";
const OLD: &str = "/payermax/aggregate-pay-gate/api/gateway";
/// How far `requestTime` may be from the machine's clock, in milliseconds.
const FRESH: i64 = 120_000;
/// After the payment.
const DAYS: i64 = 180;
const NUMBER_MAX: usize = 64;
/// v2.1 documents no code but `0000`; these are guesses.
const OLD_SIGN: &str = "0001";
const OLD_PARAMS: &str = "0002";
const OLD_REPEAT: &str = "0003";
const OLD_AMOUNT: &str = "0004";
const OLD_UNKNOWN: &str = "0005";

pub fn look(request: &Request) -> Option<Look> {
    // A look at its clock is no call.
    if request.method != "POST" {
        return None;
    }
    let (call, form) = match request.path.as_str() {
        REFUND => ("refund", "v2"),
        QUERY => ("query", "v2"),
        OLD => ("", "v2.1"),
        _ => return None,
    };
    let body = Object::parse(&request.body).unwrap_or_default();
    let number = if form == "v2" {
        match body.get("data") {
            Value::Nested(data) => text(
                &Object::parse(data.as_bytes()).unwrap_or_default(),
                "outRefundNo",
            ),
            _ => None,
        }
    } else {
        text(&body, "refundId")
    };
    let call = match call {
        "" if text(&body, "bizType").as_deref() == Some("refundQuery") => "query",
        "" => "refund",
        known => known,
    };
    Some(Look {
        provider: NAME,
        call,
        form,
        number,
    })
}

fn text(body: &Object<'_>, name: &str) -> Option<String> {
    let value = body.get(name);
    value
        .text_or_digits()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// An error as PayerMax writes it: not signed, no `data`.
pub fn refusal(form: &str, code: &str, message: &str) -> Reply {
    let body = if form == "v2" {
        json!({"msg": message, "code": code})
    } else {
        json!({"bizCode": code, "message": message})
    };
    Reply::json(200, body.to_string())
}

pub fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    let request = exchange.request;
    let hashed = Hashed::of("the whole body", &request.body);
    let is_new = look.form == "v2";
    let sign = request.header("sign").unwrap_or_default();
    let key = exchange.keys.payermax_merchant.verifying_key();
    let handled = if let Err(why) = check_signature(key, &hashed, &request.body, sign) {
        let code = if is_new {
            "SIGN_VERIFY_FAILED"
        } else {
            OLD_SIGN
        };
        Handled::refused(refusal(look.form, code, &why), why)
    } else if is_new {
        new(exchange, look)
    } else {
        old(exchange, look)
    };
    let handled = handled.hashing(hashed);
    match &look.number {
        Some(number) => handled.about(number),
        None => handled,
    }
}

/// A refusal with the same text in the journal.
fn no(form: &str, code: &str, message: impl AsRef<str>) -> Handled {
    let message = message.as_ref();
    Handled::refused(refusal(form, code, message), format!("{code}: {message}"))
}

fn signed(exchange: &Exchange<'_>, body: String, verdict: &str) -> Handled {
    let sign = exchange
        .keys
        .payermax_provider()
        .sign_sha256_base64(body.as_bytes());
    Handled::new(Reply::json(200, body).with("sign", sign), verdict)
}

fn new(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    const FORM: &str = "v2";
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
        return new_query(exchange, &data);
    }
    new_refund(exchange, &data)
}

fn new_refund(exchange: &mut Exchange<'_>, data: &Object<'_>) -> Handled {
    const FORM: &str = "v2";
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

fn new_query(exchange: &Exchange<'_>, data: &Object<'_>) -> Handled {
    let by_theirs = text(data, "refundTradeNo");
    let by_theirs = by_theirs.and_then(|text| text.strip_prefix("TI-").map(str::to_owned));
    let Some(number) = text(data, "outRefundNo").or(by_theirs) else {
        return no(
            "v2",
            "PARAMS_INVALID",
            "outRefundNo and refundTradeNo are missing",
        );
    };
    let Some(refund) = exchange
        .known(NAME, &number)
        .filter(|refund| refund.account == PAYERMAX.account)
    else {
        return no("v2", "ORDER_NOT_EXIST", "no refund has this number").no_blame();
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

struct Asked {
    account: Account,
    number: String,
    order: String,
    amount: Amount,
    currency: String,
    reason: Option<String>,
    callback_url: Option<String>,
}

/// The provider's words for what its rules turn down.
struct Codes {
    repeat: &'static str,
    currency: &'static str,
    busy: &'static str,
    amount: &'static str,
    late: &'static str,
    balance: &'static str,
}

/// The rules of both generations.
fn accept(
    exchange: &mut Exchange<'_>,
    form: &str,
    asked: Asked,
    codes: &Codes,
    first_mention: usize,
) -> Result<Refund, Box<Handled>> {
    let stop = |code: &str, message: &str| Err(Box::new(no(form, code, message)));
    if let Some(known) = exchange.known(NAME, &asked.number) {
        let is_same = exchange.repeat(&known, &asked.order, asked.amount, &asked.currency);
        let message = if is_same {
            "this refund number was used before"
        } else {
            "this refund number was used before, with other content"
        };
        return stop(codes.repeat, message);
    }
    let payment = exchange.payment(
        NAME,
        &asked.order,
        &asked.currency,
        asked.amount,
        first_mention,
    );
    let payment = payment.map_err(|why| Box::new(broken(&why)))?;
    if payment.currency != asked.currency {
        return stop(codes.currency, "the payment has another currency");
    }
    if exchange.is_older(&payment, DAYS) {
        return stop(codes.late, "the payment is older than 180 days");
    }
    let ledger = &exchange.world.ledger;
    if ledger.is_busy(NAME, &asked.order) {
        return stop(codes.busy, "another refund of this payment is open");
    }
    if form == "v2.1" && asked.amount != payment.amount {
        return stop(
            codes.amount,
            "the amount is not that of the order; there are no partial refunds",
        );
    }
    if !ledger.covers(&payment, asked.amount) {
        return stop(codes.amount, "more than the rest of the payment");
    }
    if !ledger.balance_covers(NAME, asked.amount) {
        return stop(codes.balance, "the balance does not cover it");
    }
    let outcome = Outcome::of(&asked.number, asked.reason.as_deref());
    let accepted = exchange.accept(Accepted {
        provider: NAME,
        account: asked.account.account,
        form: asked.account.form,
        key: number_key(NAME, &asked.number),
        number: asked.number,
        payment: asked.order.clone(),
        order_no: asked.order,
        amount: asked.amount,
        currency: asked.currency,
        outcome,
        way: Way::Callback,
        can_cancel: false,
        callback_url: asked.callback_url,
    });
    accepted.map_err(|why| Box::new(broken(&why)))
}

fn is_number(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    text.len() <= NUMBER_MAX && text.bytes().all(is_plain)
}

fn old(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    const FORM: &str = "v2.1";
    let request = exchange.request;
    let Ok(body) = Object::parse(&request.body) else {
        return no(FORM, OLD_PARAMS, "the body is no JSON object");
    };
    if text(&body, "merchantId").as_deref() != Some(PAYERMAX_OLD.merchant_no) {
        return no(FORM, OLD_PARAMS, "no such merchantId");
    }
    if text(&body, "version").as_deref() != Some("2.1") {
        return no(FORM, OLD_PARAMS, "version is not 2.1");
    }
    let Some(number) = text(&body, "refundId").filter(|text| is_number(text)) else {
        return no(
            FORM,
            OLD_PARAMS,
            "refundId needs 1 to 64 letters, digits or _",
        );
    };
    match look.call {
        "query" => old_query(exchange, &number),
        _ => old_refund(exchange, &body, number),
    }
}

fn old_refund(exchange: &mut Exchange<'_>, body: &Object<'_>, number: String) -> Handled {
    const FORM: &str = "v2.1";
    let amount = text(body, "amount").unwrap_or_default();
    let Ok(amount) = Amount::read(&amount, Spelling::Text, 2) else {
        return no(
            FORM,
            OLD_PARAMS,
            "amount is not above 0 with at most 2 decimals",
        );
    };
    let (Some(order), Some(currency)) = (text(body, "orderId"), text(body, "currency")) else {
        return no(FORM, OLD_PARAMS, "orderId or currency is missing");
    };
    let comment = text(body, "comment").or_else(|| text(body, "comments"));
    if comment.is_none() {
        return no(FORM, OLD_PARAMS, "comment is missing");
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
        repeat: OLD_REPEAT,
        currency: OLD_AMOUNT,
        busy: OLD_AMOUNT,
        amount: OLD_AMOUNT,
        late: OLD_AMOUNT,
        balance: OLD_AMOUNT,
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

fn old_query(exchange: &Exchange<'_>, number: &str) -> Handled {
    let known = exchange.known(NAME, number);
    let Some(refund) = known.filter(|refund| refund.account == PAYERMAX_OLD.account) else {
        return no("v2.1", OLD_UNKNOWN, "no refund has this number");
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
