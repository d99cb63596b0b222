//! The open-api form: a signed text inside the body.

use super::super::{Exchange, Handled, Look, check_signature};
use super::{OPEN, no, query, refund, text};
use crate::providers::wire::json::{Object, Value};
use crate::sandbox::server::journal::Hashed;

/// No document says how old a timestamp may be; a guess, in milliseconds.
const FRESH: i64 = 300_000;

pub(super) fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    let request = exchange.request;
    let Ok(body) = Object::parse(&request.body) else {
        return no(OPEN.params, "the body is no JSON object");
    };
    if text(&body, "appId").as_deref() != Some(OPEN.account.app_id) {
        return no(OPEN.app, "no such appId");
    }
    let Value::Text(param) = body.get("param") else {
        return no(OPEN.params, "param is no text");
    };
    let hashed = Hashed::of("the text of param", param.as_bytes());
    let sign = text(&body, "sign").unwrap_or_default();
    let key = exchange.keys.paycools_merchant.verifying_key();
    if let Err(why) = check_signature(key, &hashed, param.as_bytes(), &sign) {
        return no(OPEN.sign, why).hashing(hashed);
    }
    let Ok(param) = Object::parse(param.as_bytes()) else {
        return no(OPEN.params, "param holds no JSON object").hashing(hashed);
    };
    let handled = match stale(&param, exchange.wall) {
        Some(handled) => handled,
        None if look.call == "refund" => refund(exchange, &OPEN, &param),
        None => {
            let theirs = text(&param, "refundTransactionId");
            query(
                exchange,
                &OPEN,
                text(&param, "originalTransactionId"),
                theirs,
            )
        }
    };
    handled.hashing(hashed)
}

/// A timestamp of thirteen digits counts milliseconds, one of ten seconds.
fn stale(param: &Object<'_>, wall: i64) -> Option<Handled> {
    let [wrong, expired] = OPEN.time?;
    let digits = text(param, "timestamp").unwrap_or_default();
    let millis = match (digits.len(), digits.parse::<i64>()) {
        (13, Ok(millis)) => millis,
        (10, Ok(seconds)) => seconds * 1_000,
        _ => return Some(no(wrong, "timestamp is neither seconds nor milliseconds")),
    };
    let off = millis - wall;
    (off.abs() > FRESH).then(|| {
        no(
            expired,
            format!("timestamp is {off} ms from the sandbox's clock"),
        )
    })
}
