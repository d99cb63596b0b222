//! The request side of each provider: which call a path is, what the provider's rules say, what it answers.
//! What no document says is a guess, and is marked so (`docs/sandbox.md`).

mod bank;
mod ccb;
mod nmanagement;
mod paycools;
mod payermax;
mod quickpay;

use std::path::Path;

use serde_json::json;

use super::server::World;
use super::server::faults::Kind;
use super::server::http::{Reply, Request};
use super::server::journal::Hashed;
use super::server::keys::Keys;
use super::server::ledger::{Accepted, Payment, Refund};
use crate::crypto::VerifyingKey;
use crate::domain::money::Amount;
use crate::domain::time::Timestamp;
use crate::providers::wire::json::Object;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use bank::Bank;

/// A payment that is mentioned first is this many times the refund.
const FIRST_MENTION: usize = 10;

/// A member that is a text or a number, as text; `None` where it is empty.
fn text(body: &Object<'_>, name: &str) -> Option<String> {
    let value = body.get(name);
    value
        .text_or_digits()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// An amount as a whole number of its smallest units.
fn smallest_units(amount: Amount, digits: u8) -> serde_json::Value {
    let text = amount.to_text(digits);
    let units: String = text.chars().filter(char::is_ascii_digit).collect();
    units
        .parse::<u64>()
        .map_or(json!(units), |units| json!(units))
}

/// `yyyy-MM-dd HH:mm:ss`, eight hours ahead of UTC.
fn local(millis: i64) -> String {
    let ahead = Timestamp::from_millis(millis.saturating_add(8 * 3_600_000)).to_string();
    ahead.get(..19).unwrap_or_default().replace('T', " ")
}

/// What a request is, before anything of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub provider: &'static str,
    /// `refund`, `query`, `payment`, `login`, `file`.
    pub call: &'static str,
    /// Which of the provider's forms; its own word.
    form: &'static str,
    pub number: Option<String>,
}

/// One request while it is handled.
pub struct Exchange<'a> {
    pub keys: &'a Keys,
    pub world: &'a mut World,
    /// The sandbox's clock.
    pub now: i64,
    /// The machine's clock, which the service has too; off where a fault says so.
    pub wall: i64,
    pub request: &'a Request,
    /// What goes wrong inside of the provider.
    pub fault: Option<&'a Kind>,
    /// Where files go, if any are kept.
    pub dir: Option<&'a Path>,
}

/// What came of it.
pub struct Handled {
    pub reply: Reply,
    pub number: Option<String>,
    pub verdict: String,
    pub hashed: Option<Hashed>,
    /// The provider's rules turned it down.
    pub is_refused: bool,
}

impl Handled {
    pub fn new(reply: Reply, verdict: impl Into<String>) -> Self {
        Self {
            reply,
            number: None,
            verdict: verdict.into(),
            hashed: None,
            is_refused: false,
        }
    }

    fn refused(reply: Reply, verdict: impl Into<String>) -> Self {
        Self {
            is_refused: true,
            ..Self::new(reply, verdict)
        }
    }

    /// A no that answers a question, and turns nothing down.
    fn no_blame(mut self) -> Self {
        self.is_refused = false;
        self
    }

    fn about(mut self, number: &str) -> Self {
        self.number = Some(number.to_owned());
        self
    }

    fn hashing(mut self, hashed: Hashed) -> Self {
        self.hashed = Some(hashed);
        self
    }
}

/// Which call of which provider a path is.
pub fn look(request: &Request) -> Option<Look> {
    payermax::look(request)
        .or_else(|| paycools::look(request))
        .or_else(|| quickpay::look(request))
        .or_else(|| nmanagement::look(request))
        .or_else(|| ccb::look(request))
}

pub fn handle(exchange: &mut Exchange<'_>, look: &Look) -> Handled {
    match look.provider {
        payermax::NAME => payermax::handle(exchange, look),
        paycools::NAME => paycools::handle(exchange, look),
        quickpay::NAME => quickpay::handle(exchange, look),
        nmanagement::NAME => nmanagement::handle(exchange, look),
        _ => ccb::handle(exchange, look),
    }
}

/// How the provider compares numbers.
pub fn number_key(provider: &str, number: &str) -> String {
    match provider {
        // It does not tell case apart.
        payermax::NAME => number.to_ascii_uppercase(),
        _ => number.to_owned(),
    }
}

/// An answer with this code of the provider, and nothing done.
pub fn code(look: &Look, code: &str) -> Reply {
    match look.provider {
        payermax::NAME => payermax::refusal(look.form, code, "armed by the sandbox"),
        paycools::NAME => paycools::refusal(code, "armed by the sandbox"),
        quickpay::NAME => quickpay::refusal(code, "armed by the sandbox"),
        nmanagement::NAME => nmanagement::refusal(code, "armed by the sandbox"),
        _ => ccb::refusal(code, "armed by the sandbox"),
    }
}

/// A credential that is no longer valid, and nothing done.
pub fn expired(look: &Look) -> Reply {
    match look.provider {
        nmanagement::NAME => nmanagement::unauthorized("Token-Expired").reply,
        _ => Reply::json(401, r#"{"message":"expired"}"#),
    }
}

pub fn too_many(look: &Look) -> Reply {
    match look.provider {
        nmanagement::NAME => Reply::json(
            429,
            json!({"status": 429, "msg": "访问过于频繁，请稍后重试", "success": false}).to_string(),
        ),
        _ => Reply::json(429, r#"{"message":"too many requests"}"#),
    }
}

/// Checks a signature of ours; the error says what was hashed.
fn check_signature(
    key: &VerifyingKey,
    hashed: &Hashed,
    bytes: &[u8],
    signature: &str,
) -> Result<(), String> {
    let why = if signature.is_empty() {
        "no signature"
    } else {
        match STANDARD.decode(signature) {
            Err(_) => "the signature is not Base64",
            Ok(signature) if key.verify_sha256(bytes, &signature).is_ok() => return Ok(()),
            Ok(_) => "the signature does not match the merchant's public key",
        }
    };
    Err(format!("{why}; {}", hashed.to_text()))
}

impl Exchange<'_> {
    /// The payment; made where it is mentioned first, `times` times the refund.
    fn payment(
        &mut self,
        provider: &str,
        payment: &str,
        currency: &str,
        amount: Amount,
        times: usize,
    ) -> Result<Payment, String> {
        if let Some(known) = self.world.ledger.payment(provider, payment) {
            return Ok(known.clone());
        }
        let mut total = amount;
        for _ in 1..times {
            total = total.checked_add(amount).ok_or("the amount is too large")?;
        }
        let made = Payment {
            provider: provider.to_owned(),
            payment: payment.to_owned(),
            amount: total,
            currency: currency.to_owned(),
            paid_at: self.now,
        };
        self.world.ledger.put_payment(made.clone())?;
        Ok(made)
    }

    fn known(&self, provider: &str, number: &str) -> Option<Refund> {
        let key = number_key(provider, number);
        self.world.ledger.refund(provider, &key).cloned()
    }

    /// Notes that a known number came again; whether it says the same.
    fn repeat(&mut self, known: &Refund, payment: &str, amount: Amount, currency: &str) -> bool {
        let key = number_key(&known.provider, &known.number);
        let key = (known.provider.clone(), key);
        self.world.ledger.repeat(&key, payment, amount, currency)
    }

    fn accept(&mut self, accepted: Accepted) -> Result<Refund, String> {
        self.world.ledger.accept(accepted, self.now)
    }

    fn is_older(&self, payment: &Payment, days: i64) -> bool {
        self.now - payment.paid_at > days * 24 * 3_600_000
    }
}

/// The sandbox itself cannot go on.
fn broken(why: &str) -> Handled {
    Handled::new(Reply::new(503, "text/plain", why), why)
}

#[cfg(test)]
#[path = "providers_test.rs"]
mod tests;
