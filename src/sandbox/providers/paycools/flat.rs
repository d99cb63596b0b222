//! The flat form: its sorted members are signed.

use super::super::{Exchange, Handled, check_signature};
use super::{FLAT, no, text};
use crate::providers::wire::json::Object;
use crate::sandbox::server::journal::Hashed;

/// The members of a flat request as they are signed.
fn sorted_text(members: &mut [(String, String)]) -> String {
    members.sort();
    let kept = members
        .iter()
        .filter(|(name, value)| name != "sign" && !value.is_empty());
    let pairs: Vec<_> = kept
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Checks the signature of the flat form; the secret behind the text is taken as well.
fn check_flat(
    exchange: &Exchange<'_>,
    members: &mut [(String, String)],
) -> (Hashed, Result<(), String>) {
    let plain = sorted_text(members);
    let sign = members.iter().find(|(name, _)| name == "sign");
    let sign = sign.map_or("", |(_, value)| value.as_str());
    let key = exchange.keys.paycools_merchant.verifying_key();
    let hashed = Hashed::of("the sorted members", plain.as_bytes());
    let checked = check_signature(key, &hashed, plain.as_bytes(), sign);
    if checked.is_err() {
        let with_secret = format!("{plain}&secret={}", exchange.keys.paycools_secret);
        let other = Hashed::of("the sorted members and the secret", with_secret.as_bytes());
        if check_signature(key, &other, with_secret.as_bytes(), sign).is_ok() {
            return (other, Ok(()));
        }
    }
    (hashed, checked)
}

pub(super) fn refund(exchange: &mut Exchange<'_>) -> Handled {
    let request = exchange.request;
    let Ok(body) = Object::parse(&request.body) else {
        return no(FLAT.params, "the body is no JSON object");
    };
    let members = body.members().map(|(name, value)| {
        let value = value.text_or_digits().unwrap_or_default().to_owned();
        (name.to_owned(), value)
    });
    let mut members: Vec<_> = members.collect();
    let (hashed, checked) = check_flat(exchange, &mut members);
    let handled = if text(&body, "appId").as_deref() != Some(FLAT.account.app_id) {
        no(FLAT.app, "no such appId")
    } else if let Err(why) = checked {
        no(FLAT.sign, why)
    } else {
        super::refund(exchange, &FLAT, &body)
    };
    handled.hashing(hashed)
}

pub(super) fn query(exchange: &Exchange<'_>) -> Handled {
    let request = exchange.request;
    let parsed = form_urlencoded::parse(request.query.as_bytes());
    let mut members: Vec<(String, String)> = parsed.into_owned().collect();
    let (hashed, checked) = check_flat(exchange, &mut members);
    let handled = if request.parameter("appId").as_deref() != Some(FLAT.account.app_id) {
        no(FLAT.app, "no such appId")
    } else if let Err(why) = checked {
        no(FLAT.sign, why)
    } else {
        let ours = request.parameter("originalTransactionId");
        super::query(
            exchange,
            &FLAT,
            ours,
            request.parameter("refundTransactionId"),
        )
    };
    handled.hashing(hashed)
}
