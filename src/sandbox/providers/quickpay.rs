//! `QuickPay`: `Refund`, `RefundQuery`, `Query`; the reply is the news, there are no callbacks.

use serde_json::json;

use super::{Exchange, FIRST_MENTION, Handled, Look, broken, local, smallest_units, text};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::providers::wire::json::Object;
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::keys::{QUICKPAY, QUICKPAY_HEADER};
use crate::sandbox::server::ledger::{Accepted, Refund, State};
use crate::sandbox::server::outcome::{Outcome, Way};

pub const NAME: &str = "quickpay";
const PREFIX: &str = "/quickpay/";
const STORE_MAX: usize = 32;
const CURRENCY: &str = "CNY";
/// Amounts are whole fen.
const FEN_DIGITS: u8 = 2;

pub fn look(request: &Request) -> Option<Look> {
    let call = match request.path.strip_prefix(PREFIX)? {
        "QuickPay/Refund" => "refund",
        "QuickPay/RefundQuery" | "SuNingPay/RefundQuery" => "query",
        "QuickPay/Query" => "payment",
        _ => return None,
    };
    let body = Object::parse(&request.body).unwrap_or_default();
    let number = text(&body, "refund_no").or_else(|| text(&body, "refund_order_no"));
    Some(Look {
        provider: NAME,
        call,
        form: "",
        number,
    })
}

/// Only `SUCCESS` is documented; every other code is a guess.
pub fn refusal(code: &str, message: &str) -> Reply {
    Reply::json(
        200,
        json!({"code": code, "msg": message, "data": null}).to_string(),
    )
}

fn no(code: &str, message: &str) -> Handled {
    Handled::refused(refusal(code, message), format!("{code}: {message}"))
}

/// As the framework answers what it cannot bind.
fn unbound(member: &str, message: &str) -> Handled {
    let mut state = serde_json::Map::new();
    state.insert(format!("refundInfo.{member}"), json!([message]));
    let body = json!({"Message": "The request is invalid.", "ModelState": state});
    Handled::refused(
        Reply::json(400, body.to_string()),
        format!("{member}: {message}"),
    )
}

pub fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    let request = exchange.request;
    let handled = if request.method != "POST" {
        let body = r#"{"Message":"The requested resource does not support this http method."}"#;
        Handled::new(Reply::json(405, body), "not a POST")
    } else if request.header(QUICKPAY_HEADER) != Some(exchange.keys.quickpay_token.as_str()) {
        let body = r#"{"Message":"Authorization has been denied for this request."}"#;
        let verdict = format!("the header {QUICKPAY_HEADER} is not that of the config");
        Handled::refused(Reply::json(401, body), verdict)
    } else if let Ok(body) = Object::parse(&request.body) {
        match look.call {
            "refund" => refund(exchange, &body),
            "query" => query(exchange, &body),
            _ => payment(exchange, &body),
        }
    } else {
        unbound("body", "An error has occurred.")
    };
    match &look.number {
        Some(number) => handled.about(number),
        None => handled,
    }
}

/// Fen as a JSON number, or text of digits.
fn fen(body: &Object<'_>, name: &str) -> Option<Amount> {
    let value = body.get(name);
    Amount::read_minor(value.text_or_digits()?, Spelling::JsonNumber, FEN_DIGITS).ok()
}

fn refund(exchange: &mut Exchange<'_>, body: &Object<'_>) -> Handled {
    for name in ["store_no", "operator", "order_no", "refund_no"] {
        if text(body, name).is_none_or(|text| text.len() > 64) {
            return unbound(name, &format!("The {name} field is required."));
        }
    }
    let take = |name: &str| text(body, name).unwrap_or_default();
    if take("store_no") != QUICKPAY.merchant_no || take("store_no").len() > STORE_MAX {
        return no("STORE_NOT_EXIST", "no such store");
    }
    let Some(amount) = fen(body, "refund_amount") else {
        return unbound("refund_amount", "The refund_amount field is required.");
    };
    let (order, number) = (take("order_no"), take("refund_no"));
    let total = fen(body, "amount");
    if total.is_some_and(|total| amount > total) {
        return no("REFUND_AMOUNT_ERROR", "refund_amount is more than amount");
    }
    let known = exchange.known(NAME, &number);
    if let Some(known) = &known
        && let Some(handled) = repeated(exchange, known, &order, amount)
    {
        return handled;
    }
    let times = if total.is_some() { 1 } else { FIRST_MENTION };
    let made = exchange.payment(NAME, &order, CURRENCY, total.unwrap_or(amount), times);
    let paid = match made {
        Ok(payment) => payment,
        Err(why) => return broken(&why),
    };
    let ledger = &exchange.world.ledger;
    if !ledger.covers(&paid, amount) {
        return no("REFUND_AMOUNT_ERROR", "more than the rest of the payment");
    }
    if !ledger.balance_covers(NAME, amount) {
        return no("NOT_ENOUGH", "the balance does not cover it");
    }
    let reason = text(body, "refund_desc");
    let outcome = match known {
        // The documents let the same number be sent again; this time it works.
        Some(_) => Outcome::Ok,
        None => Outcome::of(&number, reason.as_deref()),
    };
    let accepted = exchange.accept(Accepted {
        provider: NAME,
        account: QUICKPAY.account,
        form: "",
        key: number.clone(),
        number,
        payment: order.clone(),
        order_no: order,
        amount,
        currency: CURRENCY.to_owned(),
        outcome,
        way: Way::Reply,
        can_cancel: false,
        callback_url: None,
    });
    match accepted {
        Ok(refund) => shown(&refund, "taken"),
        Err(why) => broken(&why),
    }
}

/// A number that is known: only a failure is tried again (`None`); everything else is answered as it is.
fn repeated(
    exchange: &mut Exchange<'_>,
    known: &Refund,
    order: &str,
    amount: Amount,
) -> Option<Handled> {
    if !exchange.repeat(known, order, amount, CURRENCY) {
        let message = "this refund_no was used before, with other content";
        return Some(no("REFUND_NO_REPEAT", message));
    }
    (known.state != State::Failed).then(|| shown(known, "repeated, and answered as it is"))
}

fn shown(refund: &Refund, verdict: &str) -> Handled {
    let status = match refund.state {
        State::Pending => "PAYING",
        State::Succeeded => "REFUNDED",
        State::Failed | State::Canceled => "REFUNDFAILED",
        State::Odd => "WITHDRAWN",
    };
    let is_failed = status == "REFUNDFAILED";
    let units = smallest_units(refund.told_amount, FEN_DIGITS);
    let body = json!({
        "code": "SUCCESS",
        "msg": "",
        "data": {
            "transaction_status": status,
            "error": if is_failed { "the channel refused" } else { "" },
            "store_no": QUICKPAY.merchant_no,
            "paytype": "WECHATPAY_NATIVE",
            "total_amount": null,
            "refund_amount": units,
            "settlement_amount": units,
            "cash_amount": units,
            "coupon_amount": 0,
            "order_no": refund.order_no,
            "refund_order_no": refund.number,
            "operator": "OP1",
            "transaction_no": format!("TX-{}", refund.order_no),
            "refund_transaction_no": format!("RTX-{}", refund.number),
            "refund_desc": "",
            "refund_transaction_time": refund.finished_at.map(local),
            "transaction_message": "",
        },
    });
    Handled::new(
        Reply::json(200, body.to_string()),
        format!("{verdict}: {status}"),
    )
}

fn query(exchange: &Exchange<'_>, body: &Object<'_>) -> Handled {
    for name in ["store_no", "order_no", "refund_order_no"] {
        if text(body, name).is_none() {
            return unbound(name, &format!("The {name} field is required."));
        }
    }
    let number = text(body, "refund_order_no").unwrap_or_default();
    let known = exchange.known(NAME, &number);
    let known = known.filter(|refund| Some(&refund.order_no) == text(body, "order_no").as_ref());
    match known {
        Some(refund) => shown(&refund, "answered"),
        None => no("REFUND_NOT_EXIST", "no such refund").no_blame(),
    }
}

fn payment(exchange: &Exchange<'_>, body: &Object<'_>) -> Handled {
    let Some(order) = text(body, "order_no") else {
        return unbound("order_no", "The order_no field is required.");
    };
    let Some(paid) = exchange.world.ledger.payment(NAME, &order) else {
        return no("ORDER_NOT_EXIST", "no such order").no_blame();
    };
    let units = smallest_units(paid.amount, FEN_DIGITS);
    let body = json!({
        "code": "SUCCESS",
        "msg": "",
        "data": {
            "transaction_status": "SUCCESSED",
            "error": "",
            "store_no": QUICKPAY.merchant_no,
            "paytype": "WECHATPAY_NATIVE",
            "total_amount": units,
            "cash_amount": units,
            "settlement_amount": units,
            "coupon_amount": 0,
            "order_no": order,
            "transaction_no": format!("TX-{order}"),
            // No document says how it is written.
            "transaction_time": local(paid.paid_at),
        },
    });
    Handled::new(Reply::json(200, body.to_string()), "answered")
}
