//! `/sandbox/…`: faults, payments, clock, ledger, journal, files. For the machine that it runs on, so without a token.

use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::{self, Armed, Kind};
use super::http::{Reply, Request};
use super::journal::Entry;
use super::journal::export;
use super::keys::ACCOUNTS;
use super::ledger::log::Record;
use super::ledger::settlement;
use super::ledger::{Payment, Refund};
use super::{Shared, World, time_text};
use crate::domain::money::{Amount, Currency};
use crate::domain::time::span::Span;
use crate::outbound::client::http_url;

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
    to: Option<String>,
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

/// Why a call is turned down.
struct No(u16, String);

impl From<String> for No {
    fn from(why: String) -> Self {
        Self(422, why)
    }
}

impl From<&str> for No {
    fn from(why: &str) -> Self {
        Self(422, why.to_owned())
    }
}

/// The paths, each with its methods.
const CALLS: [(&str, &str); 10] = [
    ("/sandbox/ledger", "GET"),
    ("/sandbox/journal", "GET"),
    ("/sandbox/settlement", "GET"),
    ("/sandbox/faults", "GET, POST, DELETE"),
    ("/sandbox/payments", "GET, POST"),
    ("/sandbox/balances", "POST"),
    ("/sandbox/clock", "GET, POST"),
    ("/sandbox/config", "GET"),
    ("/sandbox/keys", "GET"),
    ("/sandbox/health", "GET"),
];

/// Answers a request to the sandbox itself.
pub fn answer(shared: &Shared, request: &Request) -> Reply {
    let (method, path) = (request.method.as_str(), request.path.as_str());
    let Some((_, methods)) = CALLS.iter().find(|(known, _)| *known == path) else {
        let known = CALLS.map(|(path, _)| path).join(", ");
        return said(
            404,
            &format!("the sandbox has no such call; there are {known}"),
        );
    };
    if !methods.split(", ").any(|known| known == method) {
        return said(405, &format!("{path} takes {methods}")).with("Allow", *methods);
    }
    match called(shared, request, method, path) {
        Ok(reply) => reply,
        Err(No(status, why)) => said(status, &why),
    }
}

fn said(status: u16, why: &str) -> Reply {
    Reply::json(status, json!({ "error": why }).to_string())
}

fn called(shared: &Shared, request: &Request, method: &str, path: &str) -> Result<Reply, No> {
    let value = match (method, path) {
        (_, "/sandbox/ledger") => ledger(&shared.world()),
        (_, "/sandbox/journal") => return journal(&shared.world(), request),
        (_, "/sandbox/settlement") => return file_of_day(&shared.world(), request),
        ("GET", "/sandbox/faults") => {
            json!({ "data": shared.world().faults.armed(), "known": faults::words() })
        }
        ("DELETE", "/sandbox/faults") => {
            shared.world().disarm();
            json!({ "data": [] })
        }
        (_, "/sandbox/faults") => arm(shared, read(request)?)?,
        ("GET", "/sandbox/payments") => {
            let world = shared.world();
            let payments: Vec<_> = world.ledger.payments().collect();
            json!({ "data": payments })
        }
        (_, "/sandbox/payments") => pay(shared, read(request)?)?,
        (_, "/sandbox/balances") => balance(shared, &read(request)?)?,
        ("GET", "/sandbox/clock") => clock(&shared.world()),
        (_, "/sandbox/clock") => advance(shared, &read(request)?)?,
        (_, "/sandbox/config") => {
            return Ok(Reply::new(200, "application/toml", shared.config()));
        }
        (_, "/sandbox/keys") => shared.keys.public(),
        _ => json!({ "status": "up" }),
    };
    Ok(Reply::json(200, value.to_string()))
}

fn read<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, No> {
    let body = std::str::from_utf8(&request.body);
    let body = body.map_err(|_| No(400, "the body is not UTF-8; send a JSON object".to_owned()))?;
    serde_json::from_str(body).map_err(|error| {
        let status = if error.is_data() { 422 } else { 400 };
        No(status, format!("{error}; docs/sandbox.md has the members"))
    })
}

fn check_provider(provider: &str) -> Result<(), String> {
    let mut known: Vec<_> = ACCOUNTS.iter().map(|account| account.provider).collect();
    known.dedup();
    if known.contains(&provider) {
        return Ok(());
    }
    Err(format!(
        "{provider:?} is no provider; there are {}",
        known.join(", ")
    ))
}

fn arm(shared: &Shared, body: FaultBody) -> Result<Value, String> {
    let fault: Kind = body.fault.parse()?;
    if let Some(provider) = &body.provider
        && provider != "ccb"
    {
        check_provider(provider).map_err(|why| why + ", and ccb for the bank's client")?;
    }
    let calls = ["refund", "query", "payment", "login", "file", "callback"];
    if let Some(call) = body.call.as_deref()
        && !calls.contains(&call)
    {
        return Err(format!(
            "{call:?} is no call; there are {}",
            calls.join(", ")
        ));
    }
    if let Some(to) = &body.to {
        http_url(to).map_err(|why| format!("to: {why}"))?;
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
        to: body.to,
    })?;
    Ok(json!({ "data": world.faults.armed() }))
}

fn balance(shared: &Shared, body: &BalanceBody) -> Result<Value, String> {
    check_provider(&body.provider)?;
    let amount = Amount::parse(&body.amount).map_err(|why| format!("amount {why}"))?;
    shared.world().ledger.put_balance(&body.provider, amount)?;
    Ok(json!({ "provider": body.provider, "amount": amount }))
}

fn pay(shared: &Shared, body: PaymentBody) -> Result<Value, String> {
    check_provider(&body.provider)?;
    let is_plain = |b: u8| b.is_ascii_graphic();
    if !(1..=64).contains(&body.payment.len()) || !body.payment.bytes().all(is_plain) {
        return Err("payment needs 1 to 64 characters of ASCII without spaces".to_owned());
    }
    let currency: Result<Currency, _> = body.currency.parse();
    currency.map_err(|_| format!("currency {:?} is no code such as CNY", body.currency))?;
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

fn journal(world: &World, request: &Request) -> Result<Reply, No> {
    let number = |name: &str| match request.parameter(name) {
        None => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{name} {text:?} is no number")),
        },
    };
    let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(JOURNAL_LIMIT).min(JOURNAL_LIMIT);
    let refund = request.parameter("number");
    let entries = match number("newest")? {
        Some(count) => world
            .journal
            .newest(usize::try_from(count).unwrap_or(limit)),
        None => world.journal.after(number("after")?.unwrap_or(0), limit),
    };
    let wanted = entries
        .into_iter()
        .filter(|entry| refund.is_none() || entry.number == refund);
    match request.parameter("format").as_deref() {
        None | Some("json") => {
            let shown = json!({ "data": wanted.collect::<Vec<_>>() });
            Ok(Reply::json(200, shown.to_string()))
        }
        Some("brief") => {
            let lines: Vec<_> = wanted.map(Entry::brief).collect();
            Ok(Reply::json(200, json!({ "data": lines }).to_string()))
        }
        Some("ndjson") => {
            let lines = export::journal_ndjson(wanted);
            Ok(Reply::new(200, "application/x-ndjson", lines))
        }
        Some("junit") => Ok(Reply::new(
            200,
            "application/xml",
            export::journal_junit(wanted),
        )),
        Some(other) => {
            Err(format!("format {other:?} is none of json, brief, ndjson, junit").into())
        }
    }
}

fn file_of_day(world: &World, request: &Request) -> Result<Reply, No> {
    let needed = |name: &str| {
        let value = request.parameter(name);
        value.ok_or_else(|| format!("{name} is missing; say provider, account and day"))
    };
    let day = needed("day")?;
    let day = day
        .parse::<jiff::civil::Date>()
        .map_err(|_| format!("day {day:?} is no day such as 2026-01-31"))?;
    let file = settlement::file(world, &needed("provider")?, &needed("account")?, day)?;
    let attached = format!("attachment; filename=\"{}\"", file.name);
    Ok(Reply::new(200, file.content_type, file.bytes).with("Content-Disposition", attached))
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
