//! Authentic bytes, bad content: always stored, always acknowledged, and without any effect that they do
//! not clearly have. The members one by one are in [`super::members`]; here is the rest: what cannot
//! be read at all, times, free texts, and what contradicts an earlier message.

use serde_json::json;

use super::row::{Becomes, Request, Row};
use super::systems::{
    Members, SYSTEMS, System, flat, param, payermax, payermax_envelope, quoted, system,
};
use crate::harness::keys::sha256_hex;
use crate::harness::paycools::{FLAT_ACK, OPEN_API_ACK};
use crate::harness::payermax::{ACK, MAIN};

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for system in &SYSTEMS {
        let name = format!("{}: unknown members are ignored", system.name);
        let request = send(system, &name, |good| good.with("futureMember", "\"x\""));
        rows.push(Row::new(name, request, taken(system)));
    }
    rows.extend(unreadable());
    rows.extend(times());
    rows.extend(free_texts());
    rows.extend(histories());
    rows
}

pub const fn invalid(ack: &'static str) -> Becomes {
    asked(ack, "pending", "invalid_content")
}

/// A member that the outcome does not need cannot be used: a question, and the status takes effect.
pub const fn left_out(system: &System) -> Becomes {
    asked(system.ack, "succeeded", "invalid_content")
}

pub const fn asked(ack: &'static str, status: &'static str, reason: &'static str) -> Becomes {
    Becomes::Asked {
        ack,
        status,
        reason,
    }
}

pub const fn taken(system: &System) -> Becomes {
    Becomes::Taken {
        ack: system.ack,
        status: "succeeded",
    }
}

/// A good message of the system, spoilt; `name` makes its refund number.
pub fn send(system: &System, name: &str, spoil: impl Fn(Members) -> Members) -> Request {
    let no = number(name);
    (system.send)(&no, &spoil((system.good)(&no)))
}

/// A refund number that no row of another name has.
pub fn number(name: &str) -> String {
    format!("R-{}", &sha256_hex(name)[..20])
}

/// The text that is signed is not what a callback says: `PayCools`' `param`, a relayed reply.
fn unreadable() -> Vec<Row> {
    let inner = |name: &str| (system("paycools").good)(&number(name));
    let twice = inner("twice").and("refundStatus", "\"FAILED\"").text();
    let escaped = inner("escaped")
        .and("refund\\u0053tatus", "\"FAILED\"")
        .text();
    let deep = |levels: usize| {
        let list = format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        inner("deep").with("more", &list).text()
    };
    let params = [
        ("empty", String::new()),
        ("no JSON", "refund ok".to_owned()),
        ("null", "null".to_owned()),
        ("a list", format!("[{}]", inner("list").text())),
        (
            "cut short",
            inner("cut").text().trim_end_matches('}').to_owned(),
        ),
        ("two documents", "{}{}".to_owned()),
        ("a key twice", twice),
        ("a key twice by an escape", escaped),
        ("17 levels", deep(17)),
        ("5 000 levels", deep(5_000)),
        (
            "a lone surrogate",
            r#"{"refundStatus":"\ud800"}"#.to_owned(),
        ),
        ("a NUL behind it", format!("{}\0", inner("nul").text())),
        (
            "a byte order mark",
            format!("\u{feff}{}", inner("mark").text()),
        ),
        ("a form", "refundStatus=COMPLETE".to_owned()),
        ("XML", "<refund/>".to_owned()),
    ];
    let mut rows: Vec<Row> = params
        .iter()
        .map(|(what, text)| {
            let row = Row::new(
                format!("param is {what}"),
                param(text),
                invalid(OPEN_API_ACK),
            );
            row.with("refund_no", json!(null))
                .with("amount", json!(null))
        })
        .collect();
    for (what, data) in [
        ("a text", "\"done\""),
        ("a list", "[]"),
        ("a number", "7"),
        ("a truth value", "true"),
    ] {
        let name = format!("quickpay: data is {what}");
        let body = format!(r#"{{"code":"SUCCESS","msg":"","data":{data}}}"#);
        let request =
            super::systems::relayed(crate::harness::relay::QUICKPAY, &number(&name), body);
        rows.push(Row::new(name, request, invalid("")));
    }
    let name = "quickpay: the reply is about another refund";
    let request = send(system("quickpay"), name, |good| {
        good.with("refund_order_no", "\"R-2\"")
    });
    rows.push(Row::new(name, request, invalid("")).with("amount", json!(null)));
    rows
}

/// A time never decides anything: what cannot be read is left out.
fn times() -> Vec<Row> {
    let bad = [
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "2026-01-17T24:00:00Z",
        "2026-01-17T09:33:54+25:00",
        "1768642434000",
        "-2026-01-17T09:33:54Z",
        "99999-01-17T09:33:54Z",
        "2026-01-17T09:33:54Z\u{0}",
        "２０２６-01-17T09:33:54Z",
        "",
    ];
    // A leap second is the one before it.
    let leap = ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z");
    let mut rows = Vec::new();
    for (name, member) in [
        ("payermax", "refundFinishTime"),
        ("paycools", "refundReturnTime"),
        ("quickpay", "refund_transaction_time"),
    ] {
        let system = system(name);
        for time in bad {
            let row = format!("{name}: {member} is {time:?}");
            let request = send(system, &row, |good| good.with(member, &quoted(time)));
            rows.push(Row::new(row, request, taken(system)).with("finished_at", json!(null)));
        }
        let row = format!("{name}: {member} is a leap second");
        let request = send(system, &row, |good| good.with(member, &quoted(leap.0)));
        rows.push(Row::new(row, request, taken(system)).with("finished_at", leap.1));
        for token in ["17", "true", "null", "[]"] {
            let row = format!("{name}: {member} is {token}");
            let request = send(system, &row, |good| good.with(member, token));
            rows.push(Row::new(row, request, taken(system)).with("finished_at", json!(null)));
        }
    }
    rows
}

/// Free text stays in the bytes and is shown without characters that could deceive a reader.
fn free_texts() -> Vec<Row> {
    let texts = [
        (
            "HTML",
            "<script>alert(1)</script>".to_owned(),
            "<script>alert(1)</script>".to_owned(),
        ),
        (
            "a formula",
            "=cmd|' /C calc'!A0".to_owned(),
            "=cmd|' /C calc'!A0".to_owned(),
        ),
        ("4 KiB of emoji", "😀".repeat(1024), "😀".repeat(256)),
        (
            "a NUL",
            "no\u{0}money".to_owned(),
            "no\u{fffd}money".to_owned(),
        ),
        (
            "line breaks",
            "a\r\nb".to_owned(),
            "a\u{fffd}\u{fffd}b".to_owned(),
        ),
        (
            "an escape sequence",
            "\u{1b}[2J".to_owned(),
            "\u{fffd}[2J".to_owned(),
        ),
        (
            "a right-to-left override",
            "a\u{202e}b".to_owned(),
            "a\u{fffd}b".to_owned(),
        ),
        (
            "a zero-width joiner",
            "a\u{200d}b".to_owned(),
            "a\u{fffd}b".to_owned(),
        ),
        (
            "half of a combining pair",
            "e\u{301}".to_owned(),
            "e\u{301}".to_owned(),
        ),
    ];
    let row = |(what, sent, shown): &(&str, String, String)| {
        let name = format!("a failure that says {what}");
        let data = payermax(&number(&name))
            .with("status", "\"REFUND_FAILED\"")
            .text();
        let body = payermax_envelope(&data)
            .with("code", "\"REFUND_FAILED\"")
            .with("msg", &quoted(sent))
            .text();
        let becomes = Becomes::Taken {
            ack: ACK,
            status: "failed",
        };
        Row::new(name, Request::signed(MAIN, body), becomes).with(
            "failure",
            json!({"code": "REFUND_FAILED", "message": shown}),
        )
    };
    texts.iter().map(row).collect()
}

/// Members of a `PayerMax` message and what they say instead.
type Said = &'static [(&'static str, &'static str)];

const PENDING: (&str, &str) = ("status", r#""REFUND_PENDING""#);
const FAILED: (&str, &str) = ("status", r#""REFUND_FAILED""#);
const SILENT: Becomes = Becomes::Silent { ack: ACK };

const fn conflict(status: &'static str) -> Becomes {
    asked(ACK, status, "conflict")
}

/// What the first message said, what the second one says, and what becomes of the second.
const HISTORIES: [(&str, Said, Said, Becomes); 14] = [
    (
        "failed after succeeded",
        &[],
        &[FAILED],
        conflict("succeeded"),
    ),
    ("succeeded after failed", &[FAILED], &[], conflict("failed")),
    (
        "another amount after success",
        &[],
        &[("refundAmount", "125.51")],
        conflict("succeeded"),
    ),
    (
        "another currency after success",
        &[],
        &[("refundCurrency", r#""EUR""#)],
        conflict("succeeded"),
    ),
    (
        "another order after success",
        &[],
        &[("outTradeNo", r#""P-2""#)],
        conflict("succeeded"),
    ),
    (
        "another provider's number",
        &[],
        &[("refundTradeNo", r#""T-2""#)],
        conflict("succeeded"),
    ),
    (
        "another order while pending",
        &[PENDING],
        &[("outTradeNo", r#""P-2""#)],
        conflict("pending"),
    ),
    (
        "another amount at the end",
        &[PENDING],
        &[("refundAmount", "125.51")],
        asked(ACK, "pending", "amount_mismatch"),
    ),
    (
        "another currency at the end",
        &[PENDING],
        &[("refundCurrency", r#""EUR""#)],
        asked(ACK, "pending", "currency_mismatch"),
    ),
    (
        "an unknown status after success",
        &[],
        &[("status", r#""REFUND_REVERSED""#)],
        asked(ACK, "succeeded", "status_unknown"),
    ),
    (
        "an unreadable amount after success",
        &[],
        &[("refundAmount", "\"abc\"")],
        asked(ACK, "succeeded", "invalid_content"),
    ),
    ("the very same bytes", &[], &[], SILENT),
    (
        "the same meaning in other spellings",
        &[],
        &[("refundAmount", r#""125.5000""#)],
        SILENT,
    ),
    ("pending after success", &[], &[PENDING], SILENT),
];

/// A second message about a refund that is known.
fn histories() -> Vec<Row> {
    let message = |name: &str, said: Said| {
        send(system("payermax"), name, |good| {
            said.iter()
                .fold(good, |good, (member, token)| good.with(member, token))
        })
    };
    let mut rows: Vec<Row> = HISTORIES
        .iter()
        .map(|(name, first, then, becomes)| {
            Row::new(*name, message(name, then), *becomes).after(message(name, first))
        })
        .collect();
    rows.extend([outer_copy(), hidden_member()]);
    rows
}

/// Members next to the signed `param` are unsigned and must be ignored.
fn outer_copy() -> Row {
    let system = system("paycools");
    let name = "unsigned copies next to param";
    let Request::Http { body, .. } = send(system, name, |good| good) else {
        unreachable!("a decent request");
    };
    let text = String::from_utf8(body).expect("JSON");
    let outer = text.replacen('{', r#"{"refundStatus":"FAILED","refundAmount":1,"#, 1);
    Row::new(
        name,
        Request::post(crate::harness::paycools::PATH, outer),
        taken(system),
    )
    .with("amount", "100.00")
}

/// A digest over `a=1&b=2` verifies two bodies; the one with the smuggled member changes nothing.
fn hidden_member() -> Row {
    let name = "a member hidden in the value of another";
    let good = (system("paycools flat").good)(&number(name)).without("refundStatus");
    let hidden = good.with(
        "refundReturnTime",
        "\"2026-01-17 17:33:54&refundStatus=COMPLETE\"",
    );
    Row::new(name, flat(&hidden), invalid(FLAT_ACK)).with("amount", json!(null))
}
