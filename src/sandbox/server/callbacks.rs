//! Callbacks: written and signed as the provider does, posted to the URL of the request by its timetable
//! until the exact answer comes.

use super::faults::{Fired, Kind};
use super::journal::{Entry, shown};
use super::ledger::{Key, Try};
use super::{Shared, time_text};
use crate::outbound::client::{Answer, Client};
use crate::sandbox::{Sample, SignedRequest};

/// Gaps between the attempts of PayerMax, in milliseconds.
const PAYERMAX: [i64; 5] = [30_000, 300_000, 600_000, 3_600_000, 43_200_000];
/// No document of `PayCools` has any: three more, a guess.
const PAYCOOLS: [i64; 3] = [30_000, 300_000, 3_600_000];

/// The call of the journal and of the faults.
const CALL: &str = "callback";

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

/// Sends one callback once, and notes what came of it.
pub fn send(shared: &Shared, client: &Client, key: &Key, index: usize) {
    let ready = match prepare(shared, key, index) {
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
    let kind = ready.fired.as_ref().map(|fired| &fired.kind);
    let times = match kind {
        Some(Kind::Drop) => 0,
        Some(Kind::Duplicate) => 2,
        _ => 1,
    };
    let mut answer = Err("dropped".to_owned());
    for _ in 0..times {
        let headers = ready.request.header_pairs();
        let sent = client.send("POST", &ready.url, &headers, &ready.request.body);
        answer = sent.map_err(|error| format!("{error:#}"));
    }
    note(shared, key, index, &ready, &answer);
}

fn note(shared: &Shared, key: &Key, index: usize, ready: &Ready, answer: &Result<Answer, String>) {
    let is_acknowledged = answer
        .as_ref()
        .is_ok_and(|answer| answer.status == 200 && answer.body == ready.acknowledgement);
    let status = answer.as_ref().ok().map(|answer| answer.status);
    let text = match answer {
        Ok(answer) => answer.body.clone(),
        Err(why) => why.clone(),
    };
    let fault = ready.fired.as_ref().map(|fired| fired.kind.to_text());
    // From when it was due, so that a clock that was moved catches up in order.
    let gap = gaps(&ready.provider).get(ready.attempts);
    let next = gap.map(|gap| ready.due + gap);
    let mut world = shared.world();
    let now = world.clock.now();
    world.journal.push(Entry {
        at: time_text(now),
        provider: ready.provider.clone(),
        call: CALL.to_owned(),
        number: Some(ready.number.clone()),
        status,
        fault: fault.clone(),
        verdict: if is_acknowledged {
            "acknowledged"
        } else {
            "not acknowledged"
        }
        .to_owned(),
        request: shown(&ready.request.body),
        reply: shown(text.as_bytes()),
        ..Entry::default()
    });
    let tried = Try {
        at: now,
        status,
        answer: text,
        fault,
    };
    world
        .ledger
        .note_try(key, index, tried, is_acknowledged, next);
    drop(world);
    shared.wake();
}

/// `None`: there is nothing to send now.
fn prepare(shared: &Shared, key: &Key, index: usize) -> Option<Result<Ready, String>> {
    let mut world = shared.world();
    let refund = world.ledger.refund(&key.0, &key.1)?.clone();
    let callback = refund.callbacks.get(index)?.clone();
    let url = refund.callback_url.clone()?;
    if callback.is_over {
        return None;
    }
    let fired = world
        .faults
        .fire(&refund.provider, CALL, Some(&refund.number));
    if let Some(fired) = &fired
        && fired.kind == Kind::Delay
    {
        let seconds = i64::try_from(fired.seconds).unwrap_or(i64::MAX / 2_000);
        let due = world.clock.now() + seconds * 1_000;
        world.ledger.delay(key, index, due);
        return None;
    }
    drop(world);
    let Some(player) = shared.keys.player(&refund.form) else {
        return Some(Err(format!("no form {}", refund.form)));
    };
    let account = super::keys::ACCOUNTS
        .iter()
        .find(|account| account.form == refund.form)?;
    let amount = refund.told_amount.to_text(0);
    let signed = player.sign(&Sample {
        refund_no: &refund.number,
        order_no: &refund.order_no,
        amount: &amount,
        currency: &refund.told_currency,
        status: callback.state.status(),
        merchant_no: account.merchant_no,
        app_id: Some(account.app_id).filter(|text| !text.is_empty()),
        ..Sample::default()
    });
    let mut request = match signed {
        Ok(request) => request,
        Err(error) => return Some(Err(format!("cannot be written: {error:#}"))),
    };
    if let Some(fired) = &fired {
        spoil(&mut request, &fired.kind);
    }
    Some(Ok(Ready {
        url,
        request,
        acknowledgement: player.form.acknowledgement,
        provider: refund.provider,
        number: refund.number,
        due: callback.due,
        attempts: callback.tries.len(),
        fired,
    }))
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
