//! Sends the rows and compares everything that can be seen from outside.
//!
//! What must leave no trace goes first and is counted as one: not a row of the store may be new. Then
//! the reports of which only the bytes are stored, and last what is authentic, row by row.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::row::{Becomes, RELAYED, Request, Row};
use crate::harness::http::{raw, raw_status};
use crate::harness::keys::sha256_hex;
use crate::harness::reader::{attention, text};
use crate::harness::store::{Evidence, Kept};
use crate::harness::{Reply, Server, now, wait_for};

/// No single bad input may keep the service busy for longer than this, in milliseconds.
const MILLISECONDS_MAX: u128 = 3_000;

/// The answer: a whole answer, or the bare status of a raw exchange.
enum Answer {
    Whole(Reply),
    Bare(u16),
}

/// Runs the whole table and fails with every row that broke.
pub fn run(server: &Server, table: &[Row]) {
    let mut names = BTreeSet::new();
    for row in table {
        assert!(names.insert(&row.name), "two rows are called {}", row.name);
    }
    let (refused, kept): (Vec<_>, Vec<_>) = table.iter().partition(|row| leaves_no_trace(row));
    let (bare, authentic): (Vec<_>, Vec<_>) = kept
        .into_iter()
        .partition(|row| matches!(row.becomes, Becomes::Errcode(1)));

    let before = server.kept();
    let mut broken = check_all(server, &refused);
    broken.extend(evidence_is_complete(server, &refused));
    assert_eq!(
        server.kept(),
        before,
        "what is refused leaves no row: {broken:#?}"
    );

    broken.extend(check_all(server, &bare));
    let callbacks = before.callbacks + i64::try_from(bare.len()).expect("a count");
    let expected = Kept {
        callbacks,
        ..before
    };
    assert_eq!(
        server.kept(),
        expected,
        "errcode 1 keeps the bytes and no more: {broken:#?}"
    );

    broken.extend(check_all(server, &authentic));
    assert!(
        broken.is_empty(),
        "{} of {} rows are answered wrongly:\n{}",
        broken.len(),
        table.len(),
        broken.join("\n")
    );
}

/// Memory in KiB and open files of the process.
pub fn used(server: &Server) -> (u64, usize) {
    let memory = server.memory_kib("VmRSS");
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the process runs");
    (memory, files.count())
}

/// No input begins a log line or moves a terminal's cursor.
pub fn assert_log_is_plain(server: &Server) {
    let strange =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
    for line in server.log().lines() {
        let is_record = serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object());
        assert!(is_record, "a line of the log is no record of ours: {line}");
        assert!(!line.contains(strange), "unescaped in the log: {line:?}");
    }
}

fn leaves_no_trace(row: &Row) -> bool {
    match row.becomes {
        Becomes::Dropped(_) | Becomes::Refused(_) | Becomes::Problem(_) => true,
        Becomes::Asked { .. }
        | Becomes::Taken { .. }
        | Becomes::Silent { .. }
        | Becomes::Errcode(_) => false,
    }
}

fn check_all(server: &Server, rows: &[&Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| {
            let why = check(server, row).err()?;
            Some(format!("{}: {why}", row.name))
        })
        .collect()
}

fn check(server: &Server, row: &Row) -> Result<(), String> {
    for request in &row.before {
        let answer = send(server, request)?;
        same("status of an earlier request", &answer.status(), &200)?;
    }
    match row.becomes {
        Becomes::Dropped(statuses) => {
            let answer = send(server, &row.request)?;
            let is_one = statuses.contains(&answer.status());
            is_one
                .then_some(())
                .ok_or_else(|| format!("got {}, wanted one of {statuses:?}", answer.status()))
        }
        Becomes::Refused(status) => refused(&send(server, &row.request)?, status),
        Becomes::Problem(status) => problem(&send(server, &row.request)?, status),
        Becomes::Asked {
            ack,
            status,
            reason,
        } => {
            let sequence = last_sequence(server);
            acknowledged(&send(server, &row.request)?, ack)?;
            let refund = newest(server, row)?;
            same("status", &refund["status"], &json!(status))?;
            if !attention(&refund).iter().any(|open| open == reason) {
                return Err(format!("no question {reason} in {refund}"));
            }
            let kind = match reason {
                "conflict" => "refund.conflict",
                _ => "refund.attention",
            };
            let new = events_behind(server, sequence);
            let is_told = new.iter().any(|known| known == kind);
            is_told
                .then_some(())
                .ok_or_else(|| format!("no {kind} among {new:?}"))
        }
        Becomes::Taken { ack, status } => {
            acknowledged(&send(server, &row.request)?, ack)?;
            let refund = newest(server, row)?;
            same("status", &refund["status"], &json!(status))?;
            same("attention", &refund["attention"], &json!([]))
        }
        Becomes::Silent { ack } => {
            let known = server.refunds("limit=1");
            let sequence = last_sequence(server);
            acknowledged(&send(server, &row.request)?, ack)?;
            newest(server, row)?;
            same("refund", &server.refunds("limit=1"), &known)?;
            same("new events", &events_behind(server, sequence), &vec![])
        }
        Becomes::Errcode(code) => epay(server, row, &send(server, &row.request)?, code),
    }
}

fn send(server: &Server, request: &Request) -> Result<Answer, String> {
    let started = now();
    let answer = match request {
        Request::Raw(bytes) => Answer::Bare(raw_status(&raw(&server.public_url, bytes))),
        Request::Http {
            method,
            internal,
            path,
            headers,
            body,
        } => {
            let base = if *internal {
                &server.internal_url
            } else {
                &server.public_url
            };
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let url = format!("{base}{path}");
            let sent = server.client().try_send(method, &url, &headers, body);
            Answer::Whole(sent.map_err(|error| format!("no answer: {error}"))?)
        }
    };
    let milliseconds = started.elapsed().as_millis();
    if milliseconds > MILLISECONDS_MAX {
        return Err(format!("took {milliseconds} ms"));
    }
    Ok(answer)
}

/// The answer says no more than it has to, in JSON.
fn refused(answer: &Answer, status: u16) -> Result<(), String> {
    let reply = answer.whole()?;
    same("status", &reply.status, &status)?;
    let body = reply.text();
    for leak in ["src/", "panicked", "SELECT ", "INSERT ", ".rs:", "/tmp/"] {
        if body.contains(leak) {
            return Err(format!("the answer tells too much: {body}"));
        }
    }
    if status == 401 && reply.header("content-type") == "application/json" {
        return same("body", &body, &r#"{"error":"unauthorized"}"#);
    }
    let is_object = reply.json().is_object();
    is_object
        .then_some(())
        .ok_or_else(|| format!("no JSON object: {body}"))
}

fn problem(answer: &Answer, status: u16) -> Result<(), String> {
    let reply = answer.whole()?;
    same("status", &reply.status, &status)?;
    let media = "application/problem+json";
    same("content type", &reply.header("content-type"), &media)?;
    same(
        "status in the problem",
        &reply.json()["status"],
        &json!(status),
    )
}

/// Every rejection has evidence with its reason and exactly the bytes that were sent, in the order of the
/// rows. Evidence of dropped requests may come between.
fn evidence_is_complete(server: &Server, rows: &[&Row]) -> Option<String> {
    let wanted: Vec<_> = rows
        .iter()
        .filter_map(|row| match row.becomes {
            Becomes::Refused(status) => Some((row, reason_of(status))),
            _ => None,
        })
        .collect();
    let fits = |found: &Evidence, (row, reason): &(&&Row, &str)| {
        let body = row.request.body();
        // What is announced as too large is not read.
        let is_body = found.body_sha256 == sha256_hex(body) && found.body_length == body.len();
        found.reason == *reason
            && (is_body || (found.body_length == 0 && found.reason == "too_large"))
            && found.body_head.len() <= 16 * 1024
            && body.starts_with(&found.body_head)
    };
    let missing = || {
        let mut found = server.evidence().into_iter();
        wanted
            .iter()
            .find(|row| !found.any(|found| fits(&found, row)))
            .map(|(row, _)| format!("{}: no evidence of it", row.name))
    };
    // It is written behind the answer, so the first look may come too early.
    let read = |row: &&(&&Row, &str)| matches!(row.1, "malformed" | "unauthorized");
    let last = sha256_hex(wanted.iter().rfind(read)?.0.request.body());
    wait_for("the evidence of the last row", || {
        let found = server.evidence();
        let is_there = found.iter().any(|found| found.body_sha256 == last);
        is_there.then_some(())
    });
    missing()
}

fn reason_of(status: u16) -> &'static str {
    match status {
        400 => "malformed",
        401 => "unauthorized",
        413 => "too_large",
        415 => "unsupported_media",
        other => panic!("there is no word for {other}"),
    }
}

fn acknowledged(answer: &Answer, ack: &str) -> Result<(), String> {
    let reply = answer.whole()?;
    if ack != RELAYED {
        return same("answer", &(reply.status, reply.text()), &(200, ack));
    }
    same("status", &reply.status, &200)?;
    let answer = reply.json();
    let names_it = answer["refund_id"]
        .as_str()
        .is_some_and(|id| id.starts_with("rf_"));
    names_it
        .then_some(())
        .ok_or_else(|| format!("answer {answer}"))
}

/// The newest refund, applied, with the bytes that were sent among its callbacks.
fn newest(server: &Server, row: &Row) -> Result<Value, String> {
    let page = server.refunds("limit=1");
    let refund = page.first().ok_or("there is no refund")?.clone();
    let body = String::from_utf8_lossy(row.request.body()).into_owned();
    let rows = server.callbacks(&text(&refund["id"]));
    if !rows.iter().any(|known| known["body"] == body.as_str()) {
        return Err(format!("the bytes are not kept with {refund}"));
    }
    for (member, expected) in &row.refund {
        same(member, &refund[*member], expected)?;
    }
    Ok(refund)
}

/// The number of the last event.
fn last_sequence(server: &Server) -> i64 {
    server.count_rows("events")
}

/// Types of the events behind `sequence`.
fn events_behind(server: &Server, sequence: i64) -> Vec<String> {
    let page = server
        .get(&format!("/v1/events?after={sequence}"))
        .expect_json(200);
    let events = page["data"].as_array().expect("`data` is a list");
    events.iter().map(|event| text(&event["type"])).collect()
}

fn epay(server: &Server, row: &Row, answer: &Answer, code: i64) -> Result<(), String> {
    let reply = answer.whole()?;
    same("status", &reply.status, &200)?;
    let said = reply.json();
    same("errcode", &said["errcode"], &json!(code))?;
    let sentence = text(&said["errmsg"]);
    if sentence.is_empty() || sentence.contains(char::is_control) {
        return Err(format!("errmsg {sentence:?}"));
    }
    if code == 1 {
        return Ok(());
    }
    let page = server.refunds("limit=1");
    for (member, expected) in &row.refund {
        same(member, &page[0][*member], expected)?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, wanted {wanted:?}"))
}

impl Answer {
    fn status(&self) -> u16 {
        match self {
            Self::Whole(reply) => reply.status,
            Self::Bare(status) => *status,
        }
    }

    fn whole(&self) -> Result<&Reply, String> {
        match self {
            Self::Whole(reply) => Ok(reply),
            Self::Bare(status) => Err(format!("status {status} without a body")),
        }
    }
}
