//! `PayCools`: what both forms share. `open` has the open-api form (a signed text inside the body), `flat` the flat
//! one (sorted members).

mod flat;
mod open;

use serde_json::json;

use super::{Exchange, FIRST_MENTION, Handled, Look, broken, local, smallest_units, text};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::providers::wire::json::{Object, Value};
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::keys::{Account, PAYCOOLS, PAYCOOLS_FLAT};
use crate::sandbox::server::ledger::{Accepted, Refund, State};
use crate::sandbox::server::outcome::{Outcome, Way};

pub const NAME: &str = "paycools";
const OPEN_REFUND: &str = "/paycools/open-api/payment/refund";
const OPEN_QUERY: &str = "/paycools/open-api/refund/payments";
const FLAT_REFUND: &str = "/paycools/api/payment/refund";
const FLAT_QUERY: &str = "/paycools/api/refund/payments";
/// The flat form takes refunds so many days after the payment.
const DAYS: i64 = 60;
/// Decimals of the currencies of both accounts.
const DIGITS: u8 = 2;
const ID_MAX: usize = 32;
/// Before the provider's own number.
const THEIRS: &str = "RT-";

pub fn look(request: &Request) -> Option<Look> {
    let (call, form) = match request.path.as_str() {
        OPEN_REFUND => ("refund", "open-api"),
        OPEN_QUERY => ("query", "open-api"),
        FLAT_REFUND => ("refund", "flat"),
        FLAT_QUERY => ("query", "flat"),
        _ => return None,
    };
    let body = Object::parse(&request.body).unwrap_or_default();
    let number = match body.get("param") {
        Value::Text(param) => Object::parse(param.as_bytes())
            .ok()
            .and_then(|param| text(&param, "mchRefundOrderId")),
        _ => text(&body, "mchRefundOrderId"),
    };
    Some(Look {
        provider: NAME,
        call,
        form,
        number,
    })
}

pub fn refusal(code: &str, message: &str) -> Reply {
    // Codes are numbers; one that is armed may be anything.
    let code = code
        .parse::<i64>()
        .map_or_else(|_| json!(code), |code| json!(code));
    Reply::json(200, json!({"code": code, "message": message}).to_string())
}

/// The codes of one form.
struct Form {
    account: Account,
    done: i64,
    sign: &'static str,
    params: &'static str,
    app: &'static str,
    unknown: &'static str,
    repeat: &'static str,
    exceeds: &'static str,
    balance: &'static str,
    /// `None`: it takes several refunds of a payment at once.
    busy: Option<&'static str>,
    late: Option<&'static str>,
    time: Option<[&'static str; 2]>,
}

const OPEN: Form = Form {
    account: PAYCOOLS,
    done: 10_000,
    sign: "21001",
    params: "21002",
    app: "21003",
    unknown: "21006",
    repeat: "21007",
    exceeds: "21010",
    balance: "21014",
    busy: None,
    late: None,
    time: Some(["21008", "21009"]),
};
const FLAT: Form = Form {
    account: PAYCOOLS_FLAT,
    done: 1_000,
    sign: "1003",
    params: "1009",
    app: "1001",
    unknown: "1501",
    repeat: "1515",
    exceeds: "1506",
    balance: "1006",
    busy: Some("1502"),
    late: Some("1509"),
    time: None,
};

fn no(code: &str, message: impl AsRef<str>) -> Handled {
    let message = message.as_ref();
    Handled::refused(refusal(code, message), format!("{code}: {message}"))
}

pub fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    let handled = match (look.form, look.call) {
        ("open-api", _) => open::handle(exchange, look),
        (_, "refund") => flat::refund(exchange),
        _ => flat::query(exchange),
    };
    match &look.number {
        Some(number) => handled.about(number),
        None => handled,
    }
}

struct Asked {
    number: String,
    payment: String,
    amount: Amount,
    currency: &'static str,
    reason: Option<String>,
    url: String,
}

/// The error is what is wrong with the members.
fn asked(form: &Form, members: &Object<'_>) -> Result<Asked, &'static str> {
    let id = |name: &str| text(members, name).filter(|text| text.len() <= ID_MAX);
    let is_plain = |text: &String| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let number = id("mchRefundOrderId").filter(is_plain);
    let url = text(members, "refundCallbackUrl");
    let Value::Number(digits) = members.get("refundAmount") else {
        return Err("refundAmount is no JSON number");
    };
    let amount = Amount::read_minor(digits, Spelling::JsonNumber, DIGITS);
    let is_open = form.account.account == PAYCOOLS.account;
    Ok(Asked {
        number: number.ok_or("mchRefundOrderId needs 1 to 32 letters or digits")?,
        payment: id("originalTransactionId")
            .ok_or("originalTransactionId needs 1 to 32 characters")?,
        amount: amount.map_err(|_| "refundAmount is no whole number above 0")?,
        currency: if is_open { "MYR" } else { "PHP" },
        reason: text(members, "refundReason"),
        url: url.ok_or("refundCallbackUrl is missing")?,
    })
}

fn refund(exchange: &mut Exchange<'_>, form: &Form, members: &Object<'_>) -> Handled {
    let asked = match asked(form, members) {
        Ok(asked) => asked,
        Err(why) => return no(form.params, why),
    };
    let (amount, currency) = (asked.amount, asked.currency);
    if let Some(known) = exchange.known(NAME, &asked.number) {
        let is_same = exchange.repeat(&known, &asked.payment, amount, currency);
        let more = if is_same { "" } else { ", with other content" };
        return no(form.repeat, format!("this refund id was used before{more}"));
    }
    let payment = match exchange.payment(NAME, &asked.payment, currency, amount, FIRST_MENTION) {
        Ok(payment) => payment,
        Err(why) => return broken(&why),
    };
    let ledger = &exchange.world.ledger;
    if let Some(code) = form.late.filter(|_| exchange.is_older(&payment, DAYS)) {
        return no(code, "the payment is older than 60 days");
    }
    if let Some(code) = form.busy.filter(|_| ledger.is_busy(NAME, &asked.payment)) {
        return no(code, "another refund of this payment is open");
    }
    if !ledger.covers(&payment, amount) {
        return no(form.exceeds, "more than the rest of the payment");
    }
    if !ledger.balance_covers(NAME, amount) {
        return no(form.balance, "the balance does not cover it");
    }
    let accepted = exchange.accept(Accepted {
        provider: NAME,
        account: form.account.account,
        form: form.account.form,
        key: asked.number.clone(),
        outcome: Outcome::of(&asked.number, asked.reason.as_deref()),
        number: asked.number,
        payment: asked.payment.clone(),
        order_no: asked.payment,
        amount,
        currency: currency.to_owned(),
        way: Way::Callback,
        can_cancel: true,
        callback_url: Some(asked.url),
    });
    match accepted {
        Err(why) => broken(&why),
        Ok(refund) => {
            let mut data = row(&refund);
            data["refundStatus"] = json!("PENDING");
            let body = json!({"code": form.done, "message": "Success", "data": data});
            Handled::new(Reply::json(200, body.to_string()), "accepted")
        }
    }
}

/// By the payment, or by the provider's own number; a list.
fn query(
    exchange: &Exchange<'_>,
    form: &Form,
    payment: Option<String>,
    theirs: Option<String>,
) -> Handled {
    let found: Vec<Refund> = match (payment, theirs) {
        (_, Some(theirs)) => {
            let number = theirs.strip_prefix(THEIRS).unwrap_or_default().to_owned();
            exchange.known(NAME, &number).into_iter().collect()
        }
        (Some(payment), None) => {
            let found = exchange.world.ledger.of_payment(NAME, &payment);
            found.into_iter().cloned().collect()
        }
        (None, None) => {
            return no(
                form.params,
                "originalTransactionId and refundTransactionId are missing",
            );
        }
    };
    let of_account = found
        .iter()
        .filter(|refund| refund.account == form.account.account);
    let list: Vec<_> = of_account.map(row).collect();
    if list.is_empty() && form.account.account == PAYCOOLS_FLAT.account {
        return no(form.unknown, "no such refund");
    }
    let body = json!({"code": form.done, "message": "Success", "data": list});
    Handled::new(
        Reply::json(200, body.to_string()),
        format!("{} found", list.len()),
    )
}

fn row(refund: &Refund) -> serde_json::Value {
    let status = match refund.state {
        State::Pending => "PENDING",
        State::Succeeded => "COMPLETE",
        State::Failed => "FAILED",
        State::Canceled => "CANCELED",
        State::Odd => "WITHDRAWN",
    };
    let mut row = json!({
        "mchRefundOrderId": refund.number,
        "refundTransactionId": format!("{THEIRS}{}", refund.number),
        "originalTransactionId": refund.payment,
        "refundAmount": smallest_units(refund.told_amount, DIGITS),
        "feeRefunded": 0,
        "refundStatus": status,
        "refundCreateTime": local(refund.accepted_at),
    });
    if let Some(at) = refund.finished_at {
        row["refundReturnTime"] = json!(local(at));
    }
    if refund.state == State::Failed {
        row["failedCode"] = json!(-10_009);
        row["failedMessage"] = json!("Channel Refund Failed");
    }
    row
}
