//! What goes wrong between a system and its relay, and with the relay's secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::ENGINE;
use super::{explained, hex};
use crate::harness::Server;
use crate::harness::relay;

#[test]
fn manglings_of_a_relayed_message_are_recognised_as_well() {
    let server = Server::start(&relay::config(ENGINE));
    let path = format!("{}T01-S02-0003", relay::QUICKPAY);
    let other = format!("{}T01-S02-0003", relay::NMANAGEMENT);
    let body = include_str!("../../fixtures/quickpay/refunded.json");
    let (now, early) = (relay::timestamp(0), relay::timestamp(-3_600));
    let sign = |secret: &[u8], time: &str| relay::signature(secret, "msg-1", time, body);
    let good = sign(relay::SECRET, &now);
    let spaced = body.replace("\":", "\": ");
    let escaped = body.replace('"', "&quot;");
    let rows = [
        ("html_escaped", &path, escaped.as_str(), &now, good.clone()),
        ("late", &path, body, &early, sign(relay::SECRET, &early)),
        (
            "version_missing",
            &path,
            body,
            &now,
            good.replace("v1,", ""),
        ),
        (
            "line_break_added",
            &path,
            &format!("{body}\n"),
            &now,
            good.clone(),
        ),
        ("json_rewritten", &path, &spaced, &now, good.clone()),
        (
            "base64_padding",
            &path,
            body,
            &now,
            good.trim_end_matches('=').to_owned(),
        ),
        (
            "other_account",
            &other,
            body,
            &now,
            sign(relay::NEXT_SECRET, &now),
        ),
    ];
    for (number, (mangling, path, body, time, sign)) in rows.iter().enumerate() {
        let reply = server.relay_as(path, body, "msg-1", time, sign);
        assert_eq!(reply.status, 401, "{mangling}: {}", reply.text());
        explained(&server, number + 1, mangling);
    }
}

/// A signature as a relay makes it that took this for the key, over these bytes.
fn made_with(key: &[u8], signed: &str) -> String {
    let tag = crate::harness::keys::hmac_sha256(key, signed.as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[test]
fn mistakes_of_a_relay_with_its_secret_time_and_list_are_named() {
    let server = Server::start(&relay::config(ENGINE));
    let path = format!("{}T01-S02-0003", relay::QUICKPAY);
    let body = include_str!("../../fixtures/quickpay/refunded.json");
    let now = relay::timestamp(0);
    let millis = format!("{now}000");
    let written = relay::text(relay::SECRET);
    let encoded = written.trim_start_matches("whsec_");
    let hex_key = hex(relay::SECRET);
    let whole = format!("msg-1.{now}.{body}");
    let good = made_with(relay::SECRET, &whole);
    let tag = crate::harness::keys::hmac_sha256(relay::SECRET, whole.as_bytes());
    let next = made_with(b"a secret that was replaced long ago", &whole);
    let rows = [
        (
            "secret_used_as_text",
            &now,
            made_with(encoded.as_bytes(), &whole),
        ),
        (
            "secret_used_as_text",
            &now,
            made_with(written.as_bytes(), &whole),
        ),
        (
            "secret_used_as_hexadecimal",
            &now,
            made_with(hex_key.as_bytes(), &whole),
        ),
        ("hexadecimal_signature", &now, format!("v1,{}", hex(&tag))),
        ("timestamp_in_milliseconds", &millis, good.clone()),
        (
            "timestamp_in_milliseconds",
            &millis,
            made_with(relay::SECRET, &format!("msg-1.{millis}.{body}")),
        ),
        (
            "signatures_not_separated_by_spaces",
            &now,
            format!("{next},{good}"),
        ),
        ("other_parts_signed", &now, made_with(relay::SECRET, body)),
        (
            "other_parts_signed",
            &now,
            made_with(relay::SECRET, &format!("{now}.{body}")),
        ),
    ];
    for (number, (mistake, time, sign)) in rows.iter().enumerate() {
        let reply = server.relay_as(&path, body, "msg-1", time, sign);
        assert_eq!(reply.status, 401, "{mistake}: {}", reply.text());
        explained(&server, number + 1, mistake);
    }
}
