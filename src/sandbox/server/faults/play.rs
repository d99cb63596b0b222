//! One request with what its fault does before and after.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Fired, Kind};
use crate::sandbox::providers::{self, Exchange, Handled, Look};
use crate::sandbox::server::clock::wall_millis;
use crate::sandbox::server::http::{Reply, Request, Wire};
use crate::sandbox::server::{Shared, callbacks, http};

/// The header of a reply's signature.
const SIGN: &str = "sign";

/// The answer of a fault that keeps the provider from doing anything.
fn untouched(shared: &Shared, look: &Look, fired: &Fired) -> Option<(Reply, Wire)> {
    let plain = |status, text: &str| Reply::new(status, "text/plain", text);
    let reply = match &fired.kind {
        Kind::Reset => return Some((plain(500, ""), Wire::Reset)),
        Kind::BeforeAccept(status) => plain(*status, "sandbox: nothing was done"),
        Kind::Redirect => {
            let to = format!("http://{}/elsewhere", shared.address);
            plain(302, "").with("Location", to)
        }
        Kind::TooMany => {
            let pause = fired.time.as_secs().to_string();
            providers::too_many(look).with("Retry-After", pause)
        }
        Kind::Expired => providers::expired(look),
        Kind::Code(code) => providers::code(look, code),
        _ => return None,
    };
    Some((reply, Wire::Whole))
}

/// Handles the request: what is answered, how it goes out, and after which pause.
pub fn play(
    shared: &Shared,
    request: &Request,
    look: &Look,
    fired: Option<&Fired>,
) -> (Handled, Wire, Duration) {
    let Some(fired) = fired else {
        let handled = handle(shared, request, look, None, wall_millis());
        return (handled, Wire::Whole, Duration::ZERO);
    };
    if let Some((reply, wire)) = untouched(shared, look, fired) {
        let handled = Handled::new(reply, "not looked at");
        return (handled, wire, Duration::ZERO);
    }
    let kind = &fired.kind;
    if *kind == Kind::Late {
        std::thread::sleep(fired.time);
    }
    let is_off = *kind == Kind::Skew;
    let skew = if is_off { fired.time } else { Duration::ZERO };
    let wall = wall_millis().saturating_add(i64::try_from(skew.as_millis()).unwrap_or(0));
    let mut handled = handle(shared, request, look, Some(kind), wall);
    if is_off {
        handled.reply = handled.reply.with("Date", http::date(wall));
    }
    if *kind == Kind::Early
        && let Some(number) = &handled.number
    {
        call_back_first(shared, look.provider, number);
    }
    spoil(shared, &mut handled.reply, kind);
    let (wire, pause) = match kind {
        Kind::AfterAcceptCut => (Wire::Cut, Duration::ZERO),
        Kind::AfterAcceptHang => (Wire::Hang, Duration::ZERO),
        Kind::AfterAcceptReset => (Wire::Reset, Duration::ZERO),
        Kind::HalfBody => (Wire::Half, Duration::ZERO),
        Kind::Slow | Kind::SlowLogNormal => (Wire::Whole, fired.time),
        _ => (Wire::Whole, Duration::ZERO),
    };
    (handled, wire, pause)
}

fn handle(
    shared: &Shared,
    request: &Request,
    look: &Look,
    fault: Option<&Kind>,
    wall: i64,
) -> Handled {
    let mut world = shared.world();
    let now = world.clock.now();
    // What is due is due before this request.
    let calls = world.ledger.advance(now);
    for (key, index) in calls {
        world.ledger.delay(&key, index, now);
    }
    let mut exchange = Exchange {
        keys: &shared.keys,
        world: &mut world,
        now,
        wall,
        request,
        fault,
        dir: shared.dir.as_deref(),
    };
    providers::handle(&mut exchange, look)
}

/// Lets the outcome be there, and told, before the reply.
fn call_back_first(shared: &Shared, provider: &str, number: &str) {
    let key = (provider.to_owned(), providers::number_key(provider, number));
    let calls = {
        let mut world = shared.world();
        let now = world.clock.now();
        world.ledger.hurry(&key, now);
        world.ledger.advance(now)
    };
    for (due, index) in calls {
        if due == key {
            callbacks::send(shared, &shared.client, &due, index);
        } else {
            let mut world = shared.world();
            let now = world.clock.now();
            world.ledger.delay(&due, index, now);
        }
    }
}

/// Does to a reply what the fault says.
fn spoil(shared: &Shared, reply: &mut Reply, kind: &Kind) {
    let is_signed = reply.headers.iter().any(|(name, _)| *name == SIGN);
    match kind {
        Kind::AfterAccept(status) => {
            *reply = Reply::new(*status, "text/plain", "sandbox: it was done");
        }
        Kind::Garbage => reply.body = b"{\"code\":\"APPLY_SUCC\xff<html>".to_vec(),
        Kind::WrongContentType => *reply = reply.clone().with("Content-Type", "text/html"),
        Kind::Bom => drop(reply.body.splice(0..0, *b"\xef\xbb\xbf")),
        Kind::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let written = encoder.write_all(&reply.body);
            if let (Ok(()), Ok(body)) = (written, encoder.finish()) {
                reply.body = body;
                *reply = reply.clone().with("Content-Encoding", "gzip");
            }
        }
        Kind::SaysGzip => *reply = reply.clone().with("Content-Encoding", "gzip"),
        Kind::NoSign => reply.headers.retain(|(name, _)| *name != SIGN),
        Kind::BadSign => {
            for (name, value) in &mut reply.headers {
                if *name == SIGN {
                    callbacks::flip_first(value);
                }
            }
        }
        Kind::NewKey | Kind::OldKey if is_signed => {
            if let Some(other) = shared.keys.other() {
                let sign = other.signer.sign_sha256_base64(&reply.body);
                *reply = reply.clone().with(SIGN, sign);
            }
        }
        Kind::Corrupt => {
            if let Some(byte) = reply.body.iter_mut().find(|byte| byte.is_ascii_digit()) {
                *byte = if *byte == b'9' { b'8' } else { *byte + 1 };
            }
        }
        _ => {}
    }
}
