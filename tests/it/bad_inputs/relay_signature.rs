//! Relays that fail authentication: Standard Webhooks headers that are missing, malformed, of another
//! message or another time, refund numbers in the path that are none, and query strings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::authentic::{number, send};
use super::row::{Becomes, RELAYED, Request, Row};
use super::systems::{quoted, relayed, relayed_at, system};
use crate::harness::relay::{NEXT_SECRET, NMANAGEMENT, QUICKPAY, SECRET, signature, timestamp};

const REFUSED: Becomes = Becomes::Refused(401);

/// Ends of the path that are no refund number.
const TAILS: [(&str, &str); 6] = [
    ("half an escape", "R%2"),
    ("a NUL", "R%00"),
    ("a blank at the end", "R%20"),
    ("invalid UTF-8", "R%ff"),
    ("a look-alike", "%D0%A0-1"),
    (
        "129 characters",
        "RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR",
    ),
];

pub fn rows() -> Vec<Row> {
    let mut rows = headers();
    rows.extend(accounts());
    rows.extend(TAILS.iter().map(|(what, tail)| {
        let name = format!("relay: a refund number with {what}");
        Row::new(
            name,
            relayed(QUICKPAY, tail, reply("R-unsigned")),
            Becomes::Refused(400),
        )
    }));
    rows.extend(query_strings());
    rows.extend(times());
    rows
}

/// A good reply about the refund of this row.
fn reply(name: &str) -> String {
    let Request::Http { body, .. } = send(system("quickpay"), name, |good| good) else {
        unreachable!("a decent request");
    };
    String::from_utf8(body).expect("JSON")
}

/// Headers in the place of good ones; `None` is an absent header.
fn headers() -> Vec<Row> {
    let (no, text) = (number("R-unsigned"), reply("R-unsigned"));
    let (id, long) = (format!("msg_{no}"), "m".repeat(129));
    let sign = |secret: &[u8], id: &str| signature(secret, id, &timestamp(0), &text);
    let good = sign(SECRET, &id);
    let rows: [(&str, &[(&'static str, &str)]); 14] = [
        ("no webhook-id", &[("webhook-id", "")]),
        ("no webhook-timestamp", &[("webhook-timestamp", "")]),
        ("no webhook-signature", &[("webhook-signature", "")]),
        ("another webhook-id", &[("webhook-id", "msg_other")]),
        (
            "another webhook-timestamp",
            &[("webhook-timestamp", &timestamp(1))],
        ),
        (
            "a webhook-id with a full stop",
            &[
                ("webhook-id", "msg.1"),
                ("webhook-signature", &sign(SECRET, "msg.1")),
            ],
        ),
        (
            "a webhook-id of 129 characters",
            &[
                ("webhook-id", &long),
                ("webhook-signature", &sign(SECRET, &long)),
            ],
        ),
        (
            "another secret",
            &[(
                "webhook-signature",
                &sign(b"another-secret-of-32-bytes-......", &id),
            )],
        ),
        (
            "a version 2",
            &[("webhook-signature", &good.replace("v1,", "v2,"))],
        ),
        (
            "no version",
            &[("webhook-signature", &good.replace("v1,", ""))],
        ),
        (
            "a comma between two",
            &[("webhook-signature", &format!("v1,AAAA,{good}"))],
        ),
        ("no Base64", &[("webhook-signature", "v1,!!!")]),
        ("an empty signature", &[("webhook-signature", "v1,")]),
        (
            "the secret itself",
            &[(
                "webhook-signature",
                &format!("v1,{}", STANDARD.encode(SECRET)),
            )],
        ),
    ];
    let row = |(what, spoilt): &(&str, &[(&'static str, &str)])| {
        let good = relayed(QUICKPAY, &no, text.clone());
        let request = spoilt
            .iter()
            .fold(good, |it, (name, value)| it.header(name, *value));
        Row::new(format!("relay: {what}"), request, REFUSED)
    };
    rows.iter().map(row).collect()
}

/// Messages for accounts that are not the sender's.
fn accounts() -> Vec<Row> {
    let (no, text) = (number("R-unsigned"), reply("R-unsigned"));
    let (id, time) = (format!("msg_{no}"), timestamp(0));
    let next = signature(NEXT_SECRET, &id, &time, &text);
    let other = relayed_at(NMANAGEMENT, &no, text.clone(), &time).header("webhook-signature", next);
    let rows = [
        ("another account's secret", other),
        (
            "an unknown account",
            relayed("/relays/quickpay/unknown/", &no, text.clone()),
        ),
        (
            "an unknown provider",
            relayed("/relays/unknown/store-1/", &no, text.clone()),
        ),
        (
            "an account that sends callbacks",
            relayed("/relays/payermax/main/", &no, text),
        ),
    ];
    let row = |(what, request)| Row::new(format!("relay: {what}"), request, REFUSED);
    rows.into_iter().map(row).collect()
}

/// What no signature covers, behind a path that is good without it.
fn query_strings() -> Vec<Row> {
    ["x=1", "x", "refund_no=R-2", "data%5Bstatus%5D=1"]
        .iter()
        .map(|query| {
            let name = format!("relay: a query string {query}");
            let good = send(system("quickpay"), &name, |good| good);
            let path = format!("{QUICKPAY}{}", number(&name));
            let request = good.at(&format!("{path}?{query}"));
            Row::new(name, request, Becomes::Refused(400))
        })
        .collect()
}

/// The time is signed, and must be near.
fn times() -> Vec<Row> {
    let far = i64::from(u32::MAX) * 100;
    let times = [
        ("ten minutes ago", timestamp(-600), false),
        ("in ten minutes", timestamp(600), false),
        ("two minutes ago", timestamp(-120), true),
        ("in two minutes", timestamp(120), true),
        ("in milliseconds", format!("{}000", timestamp(0)), false),
        ("in the year 15 600", far.to_string(), false),
        ("negative", format!("-{}", timestamp(0)), false),
        ("with a sign", format!("+{}", timestamp(0)), false),
        ("with a fraction", format!("{}.0", timestamp(0)), false),
        ("with an exponent", "1e9".to_owned(), false),
        ("with a zero before", format!("0{}", timestamp(0)), true),
        ("a date", "2026-01-17T09:33:54Z".to_owned(), false),
        ("hexadecimal", "0x697b1234".to_owned(), false),
        ("of 40 digits", "9".repeat(40), false),
    ];
    times
        .into_iter()
        .map(|(what, time, is_good)| {
            let name = format!("relay: the time is {what}");
            let no = number(&name);
            let body = send(system("quickpay"), &name, |good| {
                good.with("refund_order_no", &quoted(&no))
            })
            .body()
            .to_vec();
            let becomes = if is_good {
                Becomes::Taken {
                    ack: RELAYED,
                    status: "succeeded",
                }
            } else {
                REFUSED
            };
            Row::new(name, relayed_at(QUICKPAY, &no, body, &time), becomes)
        })
        .collect()
}
