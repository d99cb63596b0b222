//! Callbacks: written and signed as the provider does, posted to the URL of the request by its timetable
//! until the exact answer comes.

use super::faults::{CALLBACK, Fired, Kind};
use super::journal::{Entry, shown};
use super::ledger::{Callback, Key, Refund, Try};
use super::{Shared, World, time_text};
use crate::outbound::client::{Answer, Client};
use crate::sandbox::{Sample, SignedRequest};

/// Gaps between the attempts of PayerMax, in milliseconds.
const PAYERMAX: [i64; 5] = [30_000, 300_000, 600_000, 3_600_000, 43_200_000];
/// No document of `PayCools` has any: three more, a guess.
const PAYCOOLS: [i64; 3] = [30_000, 300_000, 3_600_000];

/// A callback that waits until another one of its provider was sent.
#[derive(Debug)]
pub struct Held {
    key: Key,
    index: usize,
    /// By the sandbox's clock: then it goes even so.
    until: i64,
}

fn gaps(provider: &str) -> &'static [i64] {
    match provider {
        "payermax" => &PAYERMAX,
        _ => &PAYCOOLS,
    }
}

/// A callback ready to be sent.
struct Ready {
    url: String,
    request: SignedRequest,
    acknowledgement: &'static str,
    provider: String,
    number: String,
    due: i64,
    attempts: usize,
    fired: Option<Fired>,
}

/// Sends one callback once, and those that waited for it; notes what came of them.
pub fn send(shared: &Shared, client: &Client, key: &Key, index: usize) {
    attempt(shared, client, (key, index), false);
    let released = {
        let mut world = shared.world();
        let (released, held): (Vec<_>, _) = std::mem::take(&mut world.held)
            .into_iter()
            .partition(|held| held.key.0 == key.0 && (&held.key, held.index) != (key, index));
        world.held = held;
        released
    };
    for held in released {
        attempt(shared, client, (&held.key, held.index), true);
    }
}

/// One that has waited for another meets no further fault.
fn attempt(shared: &Shared, client: &Client, (key, index): (&Key, usize), has_waited: bool) {
    let ready = match prepare(shared, key, index, has_waited) {
        Some(Ok(ready)) => ready,
        Some(Err(why)) => {
            let mut world = shared.world();
            let tried = Try {
                at: world.clock.now(),
                status: None,
                answer: why,
                fault: None,
            };
            return world.ledger.note_try(key, index, tried, false, None);
        }
        None => return,
    };
    let post = |url: &str| {
        let headers = ready.request.header_pairs();
        let sent = client.send("POST", url, &headers, &ready.request.body);
        sent.map_err(|error| format!("{error:#}"))
    };
    let fired = ready.fired.as_ref();
    let answers = match fired.map(|fired| &fired.kind) {
        Some(Kind::Drop) => vec![Err("dropped".to_owned())],
        Some(Kind::Duplicate) => vec![post(&ready.url), post(&ready.url)],
        Some(Kind::AtOnce) => {
            let to = fired.and_then(|fired| fired.to.as_deref());
            let other = moved(&ready.url, to.unwrap_or_default());
            at_once(|| post(&ready.url), || post(&other))
        }
        _ => vec![post(&ready.url)],
    };
    note(shared, key, index, &ready, &answers);
}

/// The same path of another service.
fn moved(url: &str, to: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url[after_scheme..].find('/');
    let path = path.map_or("", |at| &url[after_scheme + at..]);
    format!("{}{path}", to.trim_end_matches('/'))
}

fn at_once<T: Send>(first: impl FnOnce() -> T + Send, second: impl FnOnce() -> T + Send) -> Vec<T> {
    std::thread::scope(|scope| {
        let other = scope.spawn(second);
        let mut answers = vec![first()];
        // A panic of the other one is that of the answer that is missing.
        answers.extend(other.join().ok());
        answers
    })
}

fn note(
    shared: &Shared,
    key: &Key,
    index: usize,
    ready: &Ready,
    answers: &[Result<Answer, String>],
) {
    let is_good = |answer: &&Result<Answer, String>| {
        let said = answer.as_ref().ok();
        said.is_some_and(|said| said.status == 200 && said.body == ready.acknowledgement)
    };
    let fault = ready.fired.as_ref().map(|fired| fired.kind.to_text());
    // From when it was due, so that a clock that was moved catches up in order.
    let gap = gaps(&ready.provider).get(ready.attempts);
    let next = gap.map(|gap| ready.due + gap);
    let mut world = shared.world();
    let now = world.clock.now();
    for answer in answers {
        let (status, text) = said(answer);
        let is_acknowledged = is_good(&answer);
        let verdict = if is_acknowledged {
            "acknowledged"
        } else {
            "not acknowledged"
        };
        world.journal.push(Entry {
            at: time_text(now),
            provider: ready.provider.clone(),
            call: CALLBACK.to_owned(),
            number: Some(ready.number.clone()),
            status,
            fault: fault.clone(),
            verdict: verdict.to_owned(),
            refused: status.is_some() && !is_acknowledged,
            request: shown(&ready.request.body),
            reply: shown(text.as_bytes()),
            ..Entry::default()
        });
    }
    let acknowledged = answers.iter().find(is_good);
    let (status, answer) = acknowledged
        .or(answers.last())
        .map(said)
        .unwrap_or_default();
    let tried = Try {
        at: now,
        status,
        answer: answer.to_owned(),
        fault,
    };
    world
        .ledger
        .note_try(key, index, tried, acknowledged.is_some(), next);
    drop(world);
    shared.wake();
}

fn said(answer: &Result<Answer, String>) -> (Option<u16>, &str) {
    match answer {
        Ok(answer) => (Some(answer.status), &answer.body),
        Err(why) => (None, why),
    }
}

/// Whether it waits; one that has waited long enough does not.
fn is_held(world: &mut World, key: &Key, index: usize, now: i64) -> Option<bool> {
    let found = |held: &Held| held.key == *key && held.index == index;
    let at = world.held.iter().position(found)?;
    if world.held[at].until > now {
        return Some(true);
    }
    world.held.remove(at);
    Some(false)
}

/// `None`: there is nothing to send now.
fn prepare(
    shared: &Shared,
    key: &Key,
    index: usize,
    has_waited: bool,
) -> Option<Result<Ready, String>> {
    let mut world = shared.world();
    let now = world.clock.now();
    let refund = world.ledger.refund(&key.0, &key.1)?.clone();
    let callback = refund.callbacks.get(index)?.clone();
    let url = refund.callback_url.clone()?;
    // One that was held may have gone before its time.
    if callback.is_over || callback.due > now {
        return None;
    }
    let has_waited = match is_held(&mut world, key, index, now) {
        Some(true) => return None,
        Some(false) => true,
        None => has_waited,
    };
    let fire = |world: &mut World| {
        let number = Some(refund.number.as_str());
        world.faults.fire(&refund.provider, CALLBACK, number)
    };
    let fired = if has_waited { None } else { fire(&mut world) };
    if let Some(fired) = &fired
        && matches!(fired.kind, Kind::Delay | Kind::Reorder)
    {
        let until = now.saturating_add(i64::try_from(fired.time.as_millis()).unwrap_or(i64::MAX));
        if fired.kind == Kind::Reorder {
            world.held.push(Held {
                key: key.clone(),
                index,
                until,
            });
        }
        world.ledger.delay(key, index, until);
        return None;
    }
    drop(world);
    let (request, acknowledgement) = match written(shared, &refund, &callback, fired.as_ref()) {
        Ok(written) => written,
        Err(why) => return Some(Err(why)),
    };
    Some(Ok(Ready {
        url,
        request,
        acknowledgement,
        provider: refund.provider,
        number: refund.number,
        due: callback.due,
        attempts: callback.tries.len(),
        fired,
    }))
}

/// The callback as it goes out, and the answer that ends it.
fn written(
    shared: &Shared,
    refund: &Refund,
    callback: &Callback,
    fired: Option<&Fired>,
) -> Result<(SignedRequest, &'static str), String> {
    let kind = fired.map(|fired| &fired.kind);
    let form = &refund.form;
    let player = match kind {
        Some(Kind::NewKey | Kind::OldKey) => {
            let other = shared.keys.other();
            other.and_then(|other| other.player(form))
        }
        _ => shared.keys.player(form),
    };
    let player = player.ok_or_else(|| format!("no form {form}"))?;
    let account = super::keys::ACCOUNTS
        .iter()
        .find(|account| account.form == *form)
        .ok_or_else(|| format!("no account has the form {form}"))?;
    let amount = refund.told_amount.to_text(0);
    let sample = Sample {
        refund_no: &refund.number,
        order_no: &refund.order_no,
        amount: &amount,
        currency: &refund.told_currency,
        status: callback.state.status(),
        merchant_no: account.merchant_no,
        app_id: Some(account.app_id).filter(|text| !text.is_empty()),
        ..Sample::default()
    };
    let signed = if kind == Some(&Kind::Gbk) {
        player.sign_in_gbk(&sample)
    } else {
        player.sign(&sample)
    };
    let mut request = signed.map_err(|error| format!("cannot be written: {error:#}"))?;
    if let Some(kind) = kind {
        spoil(&mut request, kind);
    }
    Ok((request, player.form.acknowledgement))
}

/// Does to a callback what the fault says.
fn spoil(request: &mut SignedRequest, kind: &Kind) {
    let header = request.headers.iter().position(|(name, _)| *name == "sign");
    match (kind, header) {
        (Kind::BadSign, Some(at)) => flip_first(&mut request.headers[at].1),
        (Kind::NoSign, Some(at)) => drop(request.headers.remove(at)),
        (Kind::BadSign | Kind::NoSign, None) => {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let Some(start) = text.rfind("\"sign\":\"").map(|at| at + 8) else {
                return;
            };
            let end = text[start..].find('"').map_or(text.len(), |at| start + at);
            let mut sign = text[start..end].to_owned();
            if *kind == Kind::NoSign {
                sign.clear();
            } else {
                flip_first(&mut sign);
            }
            request.body = format!("{}{sign}{}", &text[..start], &text[end..]).into_bytes();
        }
        (Kind::Corrupt, _) => {
            // A digit in the middle, so that it stays JSON.
            let middle = request.body.len() / 2;
            let found = request.body[middle..].iter().position(u8::is_ascii_digit);
            if let Some(at) = found {
                let byte = &mut request.body[middle + at];
                *byte = if *byte == b'9' { b'8' } else { *byte + 1 };
            }
        }
        _ => {}
    }
}

/// Another character of both Base64 and hex, so that the text keeps its shape.
pub fn flip_first(text: &mut String) {
    if let Some(first) = text.chars().next() {
        let other = if first == 'a' { "b" } else { "a" };
        text.replace_range(..first.len_utf8(), other);
    }
}
