//! PayerMax: what both generations of its interface share. `v2` has `refund` and `refundQuery`, `v21` the one URL
//! of v2.1.

mod v2;
mod v21;

use serde_json::json;

use super::{Exchange, Handled, Look, broken, check_signature, number_key, text};
use crate::domain::money::Amount;
use crate::providers::wire::json::{Object, Value};
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::journal::Hashed;
use crate::sandbox::server::keys::Account;
use crate::sandbox::server::ledger::{Accepted, Refund};
use crate::sandbox::server::outcome::{Outcome, Way};

pub const NAME: &str = "payermax";
const REFUND: &str = "/payermax/aggregate-pay/api/gateway/refund";
const QUERY: &str = "/payermax/aggregate-pay/api/gateway/refundQuery";
const OLD: &str = "/payermax/aggregate-pay-gate/api/gateway";
/// After the payment.
const DAYS: i64 = 180;
const NUMBER_MAX: usize = 64;

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
            v21::SIGN
        };
        Handled::refused(refusal(look.form, code, &why), why)
    } else if is_new {
        v2::handle(exchange, look)
    } else {
        v21::handle(exchange, look)
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
