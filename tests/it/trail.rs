//! The trail of acts: each act leaves one entry, the entries prove each other, and nothing secret is in them.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::keys::sha256_hex;
use crate::harness::reader::text;
use crate::harness::{ConfigBuilder, Server};

mod acts;
mod chain;
mod ends;
mod hostile;
mod views;

/// The whole trail, oldest first.
#[track_caller]
fn trail(server: &Server) -> Vec<Value> {
    trail_as(server, READER_TOKEN, "")
}

/// The pages of a query, oldest first, put together.
#[track_caller]
fn trail_as(server: &Server, token: &str, filter: &str) -> Vec<Value> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/audit?order=oldest&limit=200{filter}{cursor}");
        let page = server.get_as(token, &path).expect_json(200);
        entries.extend(page["data"].as_array().expect("a list").iter().cloned());
        if page["has_more"] == false {
            return entries;
        }
        cursor = format!("&cursor={}", text(&page["next_cursor"]));
    }
}

/// The act and the subject of each entry.
fn acts(entries: &[Value]) -> Vec<String> {
    let shown = |entry: &Value| {
        let about = &entry["about"];
        let words = [&entry["act"], &about["kind"], &about["id"]];
        words.map(text).join(" ")
    };
    entries.iter().map(shown).collect()
}

/// The hash of an entry, taken from nothing but the page.
fn hash_of(previous: &str, entry: &Value) -> String {
    let mut bytes = Vec::new();
    for digits in previous.as_bytes().chunks(2) {
        let digits = std::str::from_utf8(digits).expect("hexadecimal digits");
        bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
    }
    let about = &entry["about"];
    for member in [
        &entry["sequence"],
        &entry["at"],
        &entry["reader"],
        &entry["token_id"],
        &entry["from"],
        &entry["act"],
        &about["kind"],
        &about["id"],
        &entry["reason"],
        &entry["before"],
        &entry["after"],
    ] {
        let shown = match member {
            Value::Null => "-,".to_owned(),
            Value::String(text) => format!("{}:{text},", text.len()),
            other => format!("{}:{other},", other.to_string().len()),
        };
        bytes.extend_from_slice(shown.as_bytes());
    }
    sha256_hex(bytes)
}

/// Proves the entries as a reader of the page would.
#[track_caller]
fn assert_chained(entries: &[Value]) {
    let mut previous = "0".repeat(64);
    for (sequence, entry) in (1..).zip(entries) {
        assert_eq!(entry["sequence"], sequence, "{entry}");
        previous = hash_of(&previous, entry);
        assert_eq!(entry["hash"], previous, "{entry}");
    }
}
