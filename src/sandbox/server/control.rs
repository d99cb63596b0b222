//! `/sandbox/…`: faults, payments, clock, ledger, journal. For the machine that it runs on, so without a token.

use serde::Deserialize;
use serde_json::{Value, json};

use super::clock::Span;
use super::faults::{Armed, Kind};
use super::http::{Reply, Request};
use super::keys::ACCOUNTS;
use super::ledger::{Payment, Refund};
use super::log::Record;
use super::{Shared, World, time_text};
use crate::domain::money::Amount;

/// Pause of a fault that names none, in seconds.
const SECONDS: u64 = 5;
/// How far a clock is off, likewise: more than any provider allows.
const SKEW_SECONDS: u64 = 600;
/// Entries of one page of the journal.
const JOURNAL_LIMIT: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultBody {
    provider: Option<String>,
    call: Option<String>,
    number: Option<String>,
    fault: String,
    times: Option<u32>,
    seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    provider: String,
    payment: String,
    amount: String,
    currency: String,
    /// RFC 3339; now if absent.
    paid_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceBody {
    provider: String,
    amount: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    advance: String,
}

/// Answers a request to the sandbox itself.
pub fn answer(shared: &Shared, request: &Request) -> Reply {
    let answered = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/sandbox/ledger") => Ok(ledger(&shared.world())),
        ("GET", "/sandbox/journal") => Ok(journal(&shared.world(), request)),
        ("GET", "/sandbox/faults") => Ok(json!({ "data": shared.world().faults.armed() })),
        ("POST", "/sandbox/faults") => read(request).and_then(|body| arm(shared, body)),
        ("DELETE", "/sandbox/faults") => {
            shared.world().faults.clear();
            Ok(json!({ "data": [] }))
        }
        ("GET", "/sandbox/payments") => {
            let world = shared.world();
            let payments: Vec<_> = world.ledger.payments().collect();
            Ok(json!({ "data": payments }))
        }
        ("POST", "/sandbox/payments") => read(request).and_then(|body| pay(shared, body)),
        ("POST", "/sandbox/balances") => read(request).and_then(|body: BalanceBody| {
            let amount = Amount::parse(&body.amount).map_err(|why| format!("amount {why}"))?;
            shared.world().ledger.put_balance(&body.provider, amount)?;
            Ok(json!({ "provider": body.provider, "amount": amount }))
        }),
        ("GET", "/sandbox/clock") => Ok(clock(&shared.world())),
        ("POST", "/sandbox/clock") => read(request).and_then(|body| advance(shared, &body)),
        ("GET", "/sandbox/config") => {
            return Reply::new(200, "application/toml", shared.config());
        }
        ("GET", "/sandbox/health") => Ok(json!({ "status": "up" })),
        _ => return Reply::json(404, r#"{"error":"the sandbox has no such call"}"#),
    };
    match answered {
        Ok(value) => Reply::json(200, value.to_string()),
        Err(why) => Reply::json(422, json!({ "error": why }).to_string()),
    }
}

fn read<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

fn arm(shared: &Shared, body: FaultBody) -> Result<Value, String> {
    let fault: Kind = body.fault.parse()?;
    if let Some(provider) = &body.provider
        && !ACCOUNTS.iter().any(|account| account.provider == provider)
        && provider != "ccb"
    {
        return Err(format!("{provider:?} is no provider"));
    }
    let calls = ["refund", "query", "payment", "login", "callback"];
    if body
        .call
        .as_deref()
        .is_some_and(|call| !calls.contains(&call))
    {
        return Err(format!("call is one of {}", calls.join(", ")));
    }
    let seconds = if fault == Kind::Skew {
        SKEW_SECONDS
    } else {
        SECONDS
    };
    let mut world = shared.world();
    world.faults.arm(Armed {
        provider: body.provider,
        call: body.call,
        number: body.number,
        fault,
        times: body.times.unwrap_or(1),
        seconds: body.seconds.unwrap_or(seconds),
    })?;
    Ok(json!({ "data": world.faults.armed() }))
}

fn pay(shared: &Shared, body: PaymentBody) -> Result<Value, String> {
    let amount = Amount::parse(&body.amount).map_err(|why| format!("amount {why}"))?;
    let mut world = shared.world();
    let paid_at = match &body.paid_at {
        Some(text) => crate::domain::time::Timestamp::from_rfc3339(text)
            .map_err(|why| format!("paid_at is {why}"))?
            .as_millis(),
        None => world.clock.now(),
    };
    let payment = Payment {
        provider: body.provider,
        payment: body.payment,
        amount,
        currency: body.currency,
        paid_at,
    };
    let shown = json!(payment);
    world.ledger.put_payment(payment)?;
    Ok(shown)
}

fn clock(world: &World) -> Value {
    let now = world.clock.now();
    json!({
        "now": time_text(now),
        "clock": world.clock.pace().as_str(),
        "next_due": world.ledger.next_due().map(time_text),
    })
}

fn advance(shared: &Shared, body: &ClockBody) -> Result<Value, String> {
    let span: Span = body.advance.parse()?;
    let mut world = shared.world();
    world.clock.advance(span.0)?;
    let now = world.clock.now();
    world.ledger.log().write(&Record::Clock { now })?;
    let shown = clock(&world);
    drop(world);
    shared.wake();
    Ok(shown)
}

fn journal(world: &World, request: &Request) -> Value {
    let number = |name: &str| {
        request
            .parameter(name)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let limit = number("limit").and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(JOURNAL_LIMIT).min(JOURNAL_LIMIT);
    let refund = request.parameter("number");
    let newer = world.journal.after(number("after").unwrap_or(0), limit);
    let wanted = newer
        .into_iter()
        .filter(|entry| refund.is_none() || entry.number == refund);
    json!({ "data": wanted.collect::<Vec<_>>() })
}

/// What every provider believes.
fn ledger(world: &World) -> Value {
    let data: Vec<_> = world.ledger.refunds().map(shown).collect();
    let accounts: Vec<_> = ACCOUNTS
        .iter()
        .map(|account| json!({ "provider": account.provider, "account": account.account }))
        .collect();
    json!({ "data": data, "accounts": accounts, "now": time_text(world.clock.now()) })
}

fn shown(refund: &Refund) -> Value {
    let tries: usize = refund
        .callbacks
        .iter()
        .map(|callback| callback.tries.len())
        .sum();
    let acknowledged = refund
        .callbacks
        .iter()
        .filter(|callback| callback.is_acknowledged)
        .count();
    json!({
        "provider": refund.provider,
        "account": refund.account,
        "number": refund.number,
        "payment": refund.payment,
        "order_no": refund.order_no,
        "amount": refund.amount,
        "currency": refund.currency,
        "told_amount": refund.told_amount,
        "told_currency": refund.told_currency,
        "outcome": refund.outcome,
        "state": refund.state,
        "moved": refund.moved,
        "requests": refund.requests,
        "other_content": refund.other_content,
        "open": refund.plan.len(),
        "accepted_at": time_text(refund.accepted_at),
        "finished_at": refund.finished_at.map(time_text),
        "callback_url": refund.callback_url,
        "callbacks": refund.callbacks,
        "callbacks_sent": tries,
        "callbacks_acknowledged": acknowledged,
    })
}
