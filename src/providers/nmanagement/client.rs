//! Sends refunds to nManagement, which calls the bank's merchant client (5W1004). Each call there gets a new
//! number of the bank's, so the bank cannot recognise a repeat: nothing is sent twice without a person.
//!
//! nManagement has no query. Where the account names the bank's client program, that is asked (5W1003).

use std::time::Duration;

use serde::Serialize;

use super::bank_client::BankClient;
use super::codes::{CODES, HTTP, SUCCESS};
use super::login::Credential;
use super::wire;
use crate::domain::claim::{Outcome, Reason, Status};
use crate::domain::ids::ExternalId;
use crate::domain::request::Class;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::timetable::{NotFoundRule, Timetable, When, hours, minutes};
use crate::providers::VerifiedClaim;
use crate::providers::outgoing::reply::{TLS, Words, by_table};
use crate::providers::outgoing::yuan;
use crate::providers::outgoing::{
    Answer, Call, Client, Outgoing, Preparation, Purpose, Reply, Step,
};
use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::member::shown;

/// Widths of the bank's members.
const ORDER_MAX: usize = 30;
const REFUND_CODE_MAX: usize = 15;
/// Digits of `MONEY` before the point.
const MONEY_DIGITS_MAX: usize = 13;

/// One account.
pub(super) struct NmanagementClient {
    pub base_url: String,
    pub credential: Credential,
    /// Asked for outcomes; `None`: a person finds out.
    pub bank: Option<BankClient>,
}

/// Body of `PayRefund`. The service puts these texts into XML as they are, so they hold nothing that means
/// anything there: [`NmanagementClient::check`].
#[derive(Serialize)]
struct PayRefund<'a> {
    #[serde(rename = "ORDER")]
    order: &'a str,
    #[serde(rename = "MONEY")]
    money: &'a str,
    #[serde(rename = "REFUND_CODE")]
    refund_code: &'a str,
}

impl Client for NmanagementClient {
    fn check(
        &self,
        refund_no: Option<&str>,
        intent: &Intent,
        _: jiff::Timestamp,
    ) -> Vec<FieldError> {
        let mut errors = yuan::check(intent, "nManagement", &[]);
        let order_no = intent.order_no.as_ref().map(ExternalId::as_str);
        if order_no.is_some_and(|number| !is_order(number)) {
            let what = format!("must be 1 to {ORDER_MAX} ASCII letters, digits, - and _");
            errors.push(FieldError::new("/order_no", what));
        }
        if refund_no.is_some_and(|number| !is_refund_code(number)) {
            let what = format!("must be 1 to {REFUND_CODE_MAX} characters of 0-9 and A-Z");
            errors.push(FieldError::new("/refund_no", what));
        }
        let money = yuan::yuan(intent.money.amount);
        let digits = money.split('.').next().unwrap_or_default().len();
        if digits > MONEY_DIGITS_MAX {
            let what = format!("has more than {MONEY_DIGITS_MAX} digits before the point");
            errors.push(FieldError::new("/amount", what));
        }
        errors
    }

    fn max_per_second(&self) -> f64 {
        // nManagement as shipped takes 30 calls a minute from an address.
        1.0 / 3.0
    }

    fn time_limit(&self) -> Duration {
        // Above the 100 s that nManagement itself waits for the bank.
        Duration::from_secs(120)
    }

    fn numbers_calls(&self) -> bool {
        true
    }

    fn timetable(&self) -> Timetable {
        if self.bank.is_none() {
            return Timetable::of_seconds(&[], &[], (0, 0), NotFoundRule::NeverProves);
        }
        let steps = [minutes(1), minutes(5), minutes(30), hours(2)];
        let mut table = Timetable::of_seconds(&steps, &[], (2, 30), NotFoundRule::NeverProves);
        table.unknown.push(When::NextMorning);
        table.accepted.push(When::NextMorning);
        table
    }

    fn prepare(&self, purpose: Purpose, now: jiff::Timestamp) -> Preparation {
        match purpose {
            Purpose::Refund => self.credential.prepare(&self.base_url, now),
            // The bank's client wants no token.
            Purpose::Query => Preparation::Ready,
        }
    }

    fn prepared(&self, reply: &Reply, now: jiff::Timestamp) -> Result<(), Box<Answer>> {
        self.credential.prepared(reply, now)
    }

    fn refund(&self, outgoing: &Outgoing<'_>) -> Call {
        let intent = outgoing.intent;
        let body = PayRefund {
            order: intent.order_no.as_ref().map_or("", ExternalId::as_str),
            money: &yuan::yuan(intent.money.amount),
            refund_code: outgoing.refund_no,
        };
        let url = format!("{}/api/Pay/PayRefund", self.base_url);
        Call::post_json(url, serde_json::to_vec(&body).unwrap_or_default())
            .with_header("authorization", self.credential.header())
    }

    fn read_refund(&self, outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
        match reply.status {
            200 => answer(outgoing, reply),
            401 => self.credential.unauthorized(reply),
            _ => yuan::by_http(HTTP, reply),
        }
    }

    fn can_ask(&self) -> bool {
        self.bank.is_some()
    }

    fn query(&self, outgoing: &Outgoing<'_>) -> Option<Call> {
        self.bank.as_ref()?.first_call(outgoing)
    }

    fn read_query(&self, outgoing: &Outgoing<'_>, replies: &[Reply]) -> Step {
        match &self.bank {
            Some(bank) => bank.read(outgoing, replies),
            None => Step::Answer(Box::new(yuan::unreadable("there is no query"))),
        }
    }
}

/// What the bank's XML can hold without escaping, at the bank's width.
pub(super) fn is_order(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=ORDER_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

pub(super) fn is_refund_code(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    (1..=REFUND_CODE_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Reads a reply of HTTP 200, which says nothing by itself.
fn answer(outgoing: &Outgoing<'_>, reply: &Reply) -> Answer {
    let Ok(object) = Object::parse(&reply.body) else {
        return yuan::unreadable("the reply is no JSON object");
    };
    let response = match object.get("response") {
        Value::Nested(text) => Object::parse(text.as_bytes()).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
    };
    let response = response.unwrap_or_default();
    let words = Words {
        code: shown(&response.get("RETURN_CODE")),
        message: shown(&response.get("RETURN_MSG")).or_else(|| shown(&object.get("msg"))),
    };
    let code = words.code.as_deref();
    match (object.get("success"), code) {
        (Value::Bool(true), Some(SUCCESS)) => {}
        (Value::Bool(false), Some(said)) if said != SUCCESS => {
            return by_table(yuan::find(CODES, said), &words, reply);
        }
        _ => return words.answer(Class::Unknown),
    }
    let Ok(refund_no) = outgoing.refund_no.parse::<ExternalId>() else {
        return yuan::mismatch(code);
    };
    let claim = wire::claim(&refund_no, &object);
    if outgoing.is_contradicted_by(&claim) {
        return yuan::mismatch(code);
    }
    let class = match claim.outcome {
        Outcome::Reported(Status::Succeeded) => Class::Done,
        Outcome::Unclear(Reason::OutcomeUnknown) => return words.answer(Class::Unknown),
        Outcome::Reported(_) | Outcome::Unclear(_) => Class::Unknown,
    };
    let claim = VerifiedClaim::of_reply(claim, TLS, &reply.body);
    words.answer(class).with_claim(claim)
}
