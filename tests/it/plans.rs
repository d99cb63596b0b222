//! Every statement of the program is answered through an index on both engines: read out of the engines' own
//! plans, on PostgreSQL with the statistics of a store that has grown. What is exempt is named here, with its
//! reason.

mod explained;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postgres::types::Type;
use rusqlite::Connection;

use crate::harness::postgres::Database;
use crate::harness::{ConfigBuilder, Engine, Postgres, Server};

/// Where the statements are, each in the method that binds it.
const TABLES: &str = "src/store/tables";
const SCHEMA: &str = include_str!("../../schema.sql");

/// Tables that do not grow with the callbacks that come.
const SMALL: [&str; 8] = [
    "feed",       // one row
    "feed_epoch", // one row
    "trail_head", // one row
    "consumers",  // some for each reader
    "endpoints",  // one for each of the config
    "schema_version",
    "account_states",   // one for each account of the config that sends
    "console_sessions", // some for each operator
];
/// Statements that read everything, and why.
const READS_ALL: [&str; 1] = [
    "count_rows", // a backup and an audit say how much they hold; no request waits for it
];
/// Indexes of what waits to be done.
pub const QUEUES: [&str; 6] = [
    "callbacks_unsettled",
    "close_outs_due",
    "close_outs_open",
    "requests_due",
    "requests_open",
    "attempts_open",
];
/// Rows of each table that grows.
const ROWS: u32 = 60_000;

/// An open question as it is stored.
const QUESTION: &str = "[{\"reason\":\"conflict\",\"since\":\"2026-01-17T09:33:55.004Z\",\"callback_id\":\"cb_0199ebf0-04d4-79de-a645-9ca09745a1a7\"}]";

/// Name and text of every statement that is complete by itself.
pub fn statements() -> BTreeMap<String, String> {
    let source = source();
    let mut macros = BTreeMap::new();
    for declared in source.split("\ncolumns!(").skip(1) {
        let (list, columns) = columns(declared);
        assert_eq!(macros.insert(list, columns), None);
    }
    let mut found = BTreeMap::new();
    for part in source.split("const ").skip(1) {
        let Some((constant, text)) = part.split_once(": &str = ") else {
            continue;
        };
        let text = literals(text.split(";\n").next().expect("an end"), &macros);
        // The others are parts of lists, whose plans are read where they are put together.
        let is_part = constant.ends_with("_HEAD") || constant.ends_with("_TAIL");
        if let (false, Some(rest)) = (is_part, text.strip_prefix("-- ")) {
            let name = rest.lines().next().expect("a name").to_owned();
            assert_eq!(found.insert(name, text), None, "each name is used once");
        }
    }
    // Each statement begins with its name; one is made of the reasons that there are, and three of what is
    // asked for.
    let composed = ["count_attention", "refunds", "last_examined", "trail_page"];
    let names = source.split("\"-- ").skip(1);
    let unread = names
        .filter_map(|rest| rest.lines().next())
        .filter(|name| !found.contains_key(*name) && !composed.contains(name));
    assert_eq!(
        unread.collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "all statements are read"
    );
    assert!(found.len() > 70, "all statements are read: {}", found.len());
    found
}

/// The text of every file that holds statements, those of folders too.
fn source() -> String {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLES)];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        let files = std::fs::read_dir(folder).expect("a folder of the tables");
        let (inner, files): (Vec<_>, Vec<_>) = files
            .map(|file| file.expect("a file").path())
            .partition(|path| path.is_dir());
        folders.extend(inner);
        paths.extend(files);
    }
    paths.retain(|path| !path.ends_with("columns.rs"));
    paths.sort();
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("a readable file");
    paths.iter().map(text).collect()
}

/// The macro that this declaration makes, as it is called, and what it stands for: `list, Positions: table { field,
/// field = column });`
fn columns(declared: &str) -> (String, String) {
    let (head, rest) = declared.split_once('{').expect("columns in braces");
    let (list, table) = head.split_once(',').expect("a list and a table");
    let table = table.rsplit(':').next().expect("a table").trim();
    let fields = rest.split('}').next().expect("an end").split(',');
    let columns: Vec<_> = fields
        .map(|field| field.rsplit('=').next().unwrap_or_default().trim())
        .filter(|column| !column.is_empty())
        .map(|column| format!("{table}.{column}"))
        .collect();
    (format!("{}!()", list.trim()), columns.join(", "))
}

/// The texts of a constant, put together: literals, and macros that expand to some.
fn literals(code: &str, macros: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '!']) {
        if rest.as_bytes()[at] == b'!' {
            let name: String = rest[..at]
                .chars()
                .rev()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let name: String = name.chars().rev().collect();
            text.push_str(macros.get(&format!("{name}!()")).map_or("", String::as_str));
            rest = &rest[at + 1..];
            continue;
        }
        let mut characters = rest[at + 1..].char_indices();
        let mut end = rest.len();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1 + offset;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, '\n')) => {
                        let mut ahead = characters.clone();
                        while ahead.next().is_some_and(|(_, c)| c.is_whitespace()) {
                            characters.next();
                        }
                    }
                    Some((_, escaped)) => text.push(escaped),
                    None => {}
                },
                other => text.push(other),
            }
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    text
}

#[test]
fn every_statement_has_an_index_on_sqlite() {
    let database = Connection::open_in_memory().expect("memory");
    database.execute_batch(SCHEMA).expect("our schema");
    let mut scans = Vec::new();
    for (name, sql) in statements() {
        let mut explain = database
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let steps = explain.raw_query().mapped(|row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.map(|step| step.expect("a step")).collect();
        let is_scan = |step: &&String| {
            // A plain SEARCH or SCAN with no index reads a whole table; so does what is sorted afterwards.
            let table = step.split_whitespace().nth(1).unwrap_or_default();
            let reads = step.starts_with("SCAN ") || step.starts_with("SEARCH ");
            let reads_all = reads && !step.contains("USING") && !step.contains("SUBQUERY");
            let walks =
                step.starts_with("SCAN ") && step.contains("USING") && !sql.contains("LIMIT");
            let is_of_a_table =
                SCHEMA.contains(&format!("CREATE TABLE {table} (")) || table.len() <= 2;
            (reads_all && is_of_a_table || walks) && !SMALL.contains(&table)
        };
        if !READS_ALL.contains(&name.as_str()) {
            scans.extend(
                steps
                    .iter()
                    .find(is_scan)
                    .map(|step| format!("{name}: {step}")),
            );
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
}

/// A store of PostgreSQL with many rows in every table that grows, and its statistics; no instance serves it.
fn grown(postgres: &Arc<Postgres>) -> (Server, Arc<Database>) {
    let database = postgres.database();
    let config = ConfigBuilder::bare(Engine::Sqlite)
        .usual_accounts()
        .on(&database);
    let mut server = Server::start(&config);
    assert_eq!(server.terminate().code(), Some(0));
    let id = |name: &str| format!("decode(md5('{name}' || g), 'hex')");
    let (callback, refund) = (id("c"), id("r"));
    let key = "decode(md5('a' || g) || md5('b' || g), 'hex')";
    server.change_store(&format!(
        "INSERT INTO callbacks (id, provider, account, refund_no, delivery_key, key_id, headers, body, claim,
           received_at, last_received_at, settle_after, refund_id, verdict, settled_at)
         SELECT {callback}, 'payermax', 'main', 'R-' || g, {key}, 'k', '{{}}', '\\x7b7d', repeat('c', 200),
           g, g, g, {refund}, 'applied', g FROM generate_series(1, {ROWS}) g;
         INSERT INTO refunds (id, provider, account, refund_no, received_at, provider_refund_no, order_no, status,
           attention, updated_at)
         SELECT {refund}, CASE g % 50 WHEN 0 THEN 'paycools' ELSE 'payermax' END, 'main', 'R-' || g, g, 'P-' || g,
           'O-' || g, CASE g % 3 WHEN 0 THEN 'pending' ELSE 'succeeded' END,
           CASE g % 4 WHEN 0 THEN '{QUESTION}' ELSE '[]' END, g FROM generate_series(1, {ROWS}) g;
         INSERT INTO close_outs (refund_id, callback_id, batchno, trandeno, amount, state, errcode, attempts, next_at,
           park_at, updated_at)
         SELECT {refund}, {callback}, 'B-' || g, 'T-' || g, '1.00', CASE g % 5 WHEN 0 THEN 'pending' ELSE 'done' END,
           CASE g % 5 WHEN 0 THEN 2 ELSE 0 END, 1, CASE g % 5 WHEN 0 THEN g END, g, g FROM generate_series(1, {ROWS}) g;
         INSERT INTO requests (refund_id, provider, account, refund_no, number_key, payment, mode, amount, intent,
           requested_by, requested_at, state, progress, next_at, updated_at)
         SELECT {refund}, CASE g % 50 WHEN 0 THEN 'paycools' ELSE 'payermax' END, 'main', 'R-' || g, 'R-' || g,
           'P-' || g, 'submit', '1.00', '{{\"order_no\":null,\"provider_payment_no\":null,\"money\":{{\"amount\":\"1\",\"currency\":\"USD\"}},\"order_amount\":null,
           \"paid_at\":null,\"reason\":null,\"metadata\":{{}},\"provider_fields\":{{}}}}', 'erp', g, CASE g % 20 WHEN 0 THEN 'unknown' WHEN 1 THEN 'queued'
           ELSE 'done' END, '{{}}', CASE WHEN g % 20 < 2 THEN g END, g FROM generate_series(1, {ROWS}) g;
         INSERT INTO attempts (id, refund_id, kind, fence, started_at, method, url, headers, body, body_hash, ended_at,
           class)
         SELECT {callback}, {refund}, 'send', 1, g, 'POST', 'https://p', '{{}}', '\\x7b7d', {key},
           CASE WHEN g % 500 > 0 THEN g END, CASE WHEN g % 500 > 0 THEN 'accepted' END
         FROM generate_series(1, {ROWS}) g;
         INSERT INTO replies (callback_id, attempt_id) SELECT {callback}, {callback} FROM generate_series(1, {ROWS}) g;
         INSERT INTO parities (refund_id, file_hash, parity, noted_by, noted_at) SELECT {refund}, {key}, 'amount_differs', 'erp', g FROM generate_series(1, {ROWS}) g;
         INSERT INTO payments (provider, account, payment, order_amount) SELECT 'payermax', 'main', 'P-' || g, '1.00' FROM generate_series(1, {ROWS}) g;
         INSERT INTO idempotency_keys (reader, path, key, body_hash, refund_id, created_at)
         SELECT 'erp', '/v1/refunds', 'K-' || g, {key}, {refund}, g FROM generate_series(1, {ROWS}) g;
         INSERT INTO decisions (id, refund_id, question, decision, reason, decided_by, decided_at, status_before,
           status_after, digest)
         SELECT {callback}, {refund}, 'conflict', 'keep', 'r', 'erp', g, 'failed', 'failed', {key}
         FROM generate_series(1, {ROWS}) g;
         INSERT INTO proposals (id, refund_id, question, decision, reason, proposed_by, proposed_at)
         SELECT {callback}, {refund}, 'conflict', 'keep', 'r', 'erp', g FROM generate_series(1, {ROWS}) g;
         INSERT INTO events (sequence, id, type, occurred_at, data)
         SELECT g, {callback}, 'refund.succeeded', g, '{{}}' FROM generate_series(1, {ROWS}) g;
         UPDATE feed SET last_sequence = {ROWS};
         INSERT INTO trail (sequence, acted_at, reader, token_id, peer, act, about_kind, about, hash)
         SELECT g, g, 'reader-' || g % 20, 'k', '127.0.0.1:9', CASE g % 1000 WHEN 0 THEN 'reload' ELSE 'order_changed' END,
           'order', 'O-' || g, {key} FROM generate_series(1, {ROWS}) g;
         UPDATE trail_head SET last_sequence = {ROWS};
         INSERT INTO T_SP_YD (order_no, state, created_at, updated_at)
         SELECT 'O-' || g, 'closed', g, g FROM generate_series(1, {ROWS}) g;
         INSERT INTO T_SP_YD_DSFZF (trandeno, order_no, amount)
         SELECT 'T-' || g, 'O-' || g, '1.00' FROM generate_series(1, {ROWS}) g;
         INSERT INTO T_SP_YD_SXF (order_no, batchno, amount, state)
         SELECT 'O-' || g, 'B-' || g, '1.00', 'applied' FROM generate_series(1, {ROWS}) g;
         INSERT INTO questions (refund_id, question_key, callback_id)
         SELECT {refund}, {key}, {callback} FROM generate_series(1, {ROWS}) g;
         INSERT INTO relay_messages (provider, account, message_key, callback_id)
         SELECT 'quickpay', 's1', {key}, {callback} FROM generate_series(1, {ROWS}) g;
         INSERT INTO relay_seen (message_key, provider, account, callback_id)
         SELECT {key}, 'quickpay', 's1', {callback} FROM generate_series(1, {ROWS}) g;
         INSERT INTO endpoints (name, pushed_sequence, updated_at) VALUES ('erp', 0, 0);
         INSERT INTO parked_pushes (endpoint, sequence, refund_id, attempts)
         SELECT 'erp', g, {refund}, 0 FROM generate_series(1, {ROWS}) g;
         ANALYZE;"
    ));
    (server, database)
}

#[test]
fn every_statement_has_an_index_on_postgresql() {
    let (_server, database) = grown(Postgres::shared());
    let mut client = database.client();
    let mut scans = Vec::new();
    for (name, sql) in statements() {
        let sql = sql.replace("/* skip locked */", "FOR UPDATE SKIP LOCKED");
        let prepared = client
            .prepare(&sql)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut text = sql.clone();
        // The longer names first, so that $1 does not match the beginning of $10.
        for (number, of_type) in prepared.params().iter().enumerate().rev() {
            let limit = format!("LIMIT ${}", number + 1);
            let value = match *of_type {
                _ if text.contains(&limit) => "256",
                Type::INT8 => "30000",
                Type::BYTEA => "decode(md5('r7'), 'hex')",
                _ => "'payermax'",
            };
            text = text.replace(&format!("${}", number + 1), value);
        }
        let plan = client
            .query(&format!("EXPLAIN {text}"), &[])
            .unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let scan = plan.iter().find(|line| {
            let table = line
                .split("Seq Scan on ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next());
            table.is_some_and(|table| !SMALL.contains(&table))
        });
        if !READS_ALL.contains(&name.as_str()) && scan.is_some() {
            scans.push(format!("{name}: {plan:#?}"));
        }
        // What is empty as the statistics know it is not what a key is looked up in: it may be full next
        // time.
        let names_a_key = sql.contains("WHERE id = $") || sql.contains("WHERE refund_id = $");
        let queue = QUEUES.iter().find(|index| plan.concat().contains(*index));
        if let (true, Some(index)) = (names_a_key, queue) {
            scans.push(format!("{name} reads {index}: {plan:#?}"));
        }
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
}
