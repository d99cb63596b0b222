//! nManagement: the login and `PayRefund`, which the bank's 5W1004 is behind.

use serde_json::{Value as Json, json};

use super::bank::{self, NUMBER_MAX, ORDER_MAX, Taken};
use super::{Exchange, Handled, Look, broken};
use crate::crypto::{hex, sha256};
use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;
use crate::providers::wire::json::Object;
use crate::sandbox::server::http::{Reply, Request};
use crate::sandbox::server::keys::{LOGIN_NAME, NMANAGEMENT};
use crate::sandbox::server::ledger::Refund;

pub const NAME: &str = bank::PROVIDER;
const PREFIX: &str = "/nmanagement/api/";
/// Life of a token in seconds, and the skew that is forgiven.
const LIFE: i64 = 3_600;
const SKEW: i64 = 30;
const DONE: &str = "000000";

pub fn look(request: &Request) -> Option<Look> {
    let (call, form) = match request.path.strip_prefix(PREFIX)? {
        "Login/JWTToken3.0" | "Login/GetJwtTokenSecret" => ("login", "login"),
        "Login/RefreshToken" => ("login", "refresh"),
        "Pay/PayRefund" => ("refund", ""),
        _ => return None,
    };
    let body = Object::parse(&request.body).unwrap_or_default();
    Some(Look {
        provider: NAME,
        call,
        form,
        number: text(&body, "REFUND_CODE"),
    })
}

fn text(body: &Object<'_>, name: &str) -> Option<String> {
    let value = body.get(name);
    value
        .text()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

pub fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    match look.form {
        "login" => login(exchange),
        "refresh" => refresh(exchange),
        _ => {
            let handled = pay_refund(exchange);
            match &look.number {
                Some(number) => handled.about(number),
                None => handled,
            }
        }
    }
}

fn message(status: u16, is_success: bool, text: &str, response: &Json) -> String {
    json!({"status": status, "success": is_success, "msg": text, "msgDev": null, "response": response}).to_string()
}

fn login(exchange: &Exchange<'_>) -> Handled {
    let request = exchange.request;
    let is_known = request.parameter("name").as_deref() == Some(LOGIN_NAME)
        && request.parameter("pass") == Some(exchange.keys.login_password.clone());
    if !is_known {
        let body = message(500, false, "认证失败", &Json::Null);
        return Handled::refused(Reply::json(200, body), "wrong name or password");
    }
    granted(exchange)
}

fn granted(exchange: &Exchange<'_>) -> Handled {
    let token = token(exchange, exchange.now + LIFE * 1_000);
    let response =
        json!({"success": true, "token": token, "expires_in": Json::Null, "token_type": "Bearer"});
    // .NET writes its double with a decimal.
    let body = message(200, true, "获取成功", &response)
        .replace("\"expires_in\":null", "\"expires_in\":3600.0");
    Handled::new(Reply::json(200, body), "logged in")
}

fn refresh(exchange: &Exchange<'_>) -> Handled {
    let token = exchange.request.parameter("token").unwrap_or_default();
    if check(exchange, &token).is_err() {
        let body = message(500, false, "认证失败！", &Json::Null);
        return Handled::new(Reply::json(200, body), "no token of this sandbox");
    }
    granted(exchange)
}

/// Carries its own end, so that it outlives a restart.
fn token(exchange: &Exchange<'_>, expires: i64) -> String {
    let secret = &exchange.keys.login_secret;
    format!(
        "sandbox.{expires}.{}",
        hex(&sha256(format!("{secret}{expires}").as_bytes()))
    )
}

/// The error is the header that tells why.
fn check(exchange: &Exchange<'_>, given: &str) -> Result<(), &'static str> {
    let expires = given
        .split('.')
        .nth(1)
        .and_then(|text| text.parse::<i64>().ok());
    let expires = expires.filter(|expires| token(exchange, *expires) == given);
    match expires {
        None => Err("Token-Error"),
        Some(expires) if expires + SKEW * 1_000 < exchange.now => Err("Token-Expired"),
        Some(_) => Ok(()),
    }
}

/// A reply with the bank's header and no more.
pub fn refusal(code: &str, text: &str) -> Reply {
    let response = response(None, Some(code), text, "0");
    Reply::json(200, message(200, false, "退款失败", &response))
}

fn response(
    refund: Option<(&Refund, Amount)>,
    code: Option<&str>,
    text: &str,
    serial: &str,
) -> Json {
    let header = |value: &str| code.map(|_| value.to_owned());
    json!({
        "ORDER_NUM": refund.map(|(refund, _)| refund.order_no.clone()),
        "PAY_AMOUNT": refund.map(|(_, paid)| paid.to_text(2)),
        "AMOUNT": refund.map(|(refund, _)| refund.told_amount.to_text(2)),
        "REQUEST_SN": header(serial),
        "CUST_ID": header(NMANAGEMENT.merchant_no),
        "TX_CODE": header("5W1004"),
        "RETURN_CODE": code,
        "RETURN_MSG": text,
        "LANGUAGE": header("CN"),
    })
}

/// What a call to the bank that got no answer looks like.
fn service_error(verdict: &str) -> Handled {
    let response = response(None, None, "The operation has timed out.", "");
    Handled::new(
        Reply::json(200, message(200, false, "服务错误", &response)),
        verdict,
    )
}

pub fn unauthorized(why: &'static str) -> Handled {
    let body = message(
        401,
        false,
        "很抱歉，您无权访问该接口，请确保已经登录!",
        &Json::Null,
    );
    Handled::new(
        Reply::json(401, body).with(why, "true"),
        format!("401: {why}"),
    )
}

fn pay_refund(exchange: &mut Exchange<'_>) -> Handled {
    let request = exchange.request;
    let bearer = request
        .header("authorization")
        .and_then(|text| text.strip_prefix("Bearer "));
    if let Err(why) = check(exchange, bearer.unwrap_or_default()) {
        return unauthorized(why);
    }
    if request.method != "POST" {
        return Handled::new(Reply::json(405, ""), "not a POST");
    }
    let Ok(body) = Object::parse(&request.body) else {
        return Handled::new(
            Reply::json(
                400,
                r#"{"title":"One or more validation errors occurred."}"#,
            ),
            "no JSON object",
        );
    };
    let (Some(order), Some(money)) = (text(&body, "ORDER"), text(&body, "MONEY")) else {
        return service_error("ORDER or MONEY is missing");
    };
    let Ok(amount) = Amount::read(&money, Spelling::Text, 2) else {
        return no("0130Z1101002", "MONEY is not in yuan with two decimals");
    };
    let number = text(&body, "REFUND_CODE").unwrap_or_default();
    if number.len() > NUMBER_MAX || order.len() > ORDER_MAX {
        return no(
            "0130Z1101002",
            "REFUND_CODE has up to 15 characters, ORDER up to 30",
        );
    }
    refund(exchange, &order, &number, amount)
}

fn no(code: &str, text: &str) -> Handled {
    Handled::refused(refusal(code, text), format!("{code}: {text}"))
}

fn refund(exchange: &mut Exchange<'_>, order: &str, number: &str, amount: Amount) -> Handled {
    match bank::take(exchange, order, number, amount) {
        Taken::Broken(why) => broken(&why),
        Taken::Refused(code, why) => no(code, why),
        Taken::Failed(code, why) => no(code, why).no_blame(),
        Taken::Silent(what) => service_error(&format!("{what}; answered as a service error")),
        Taken::Done {
            refund,
            paid,
            verdict,
        } => {
            let serial = format!("{:016}", refund.serial);
            let response = response(Some((&refund, paid)), Some(DONE), "", &serial);
            Handled::new(
                Reply::json(200, message(200, true, "退款成功", &response)),
                verdict,
            )
        }
    }
}
