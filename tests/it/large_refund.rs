//! A refund with very many callbacks: every call about it stays within its bounds.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::ENGINE;
use crate::harness::payermax::Notice;
use crate::harness::{Engine, Server};

/// Callbacks of the one refund.
const MANY: u32 = 100_000;
/// The first of them, with bodies of 60 kB: 18 MiB together.
const LARGE: u32 = 300;
/// Attempts of the refund, with replies of 60 kB: 18 MiB together.
const ATTEMPTS: u32 = 300;
/// More than any call about it may take, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(5);
/// The greatest answer: a page is full with 1 MiB of bodies, one step goes beyond it, and JSON escapes.
const ANSWER_MAX: usize = 8 * 1024 * 1024;
/// What six readers at once may take beyond what one did.
const GROWTH_KIB_MAX: u64 = 128 * 1024;

/// Copies the contradicting callback, as if each had been signed anew.
fn multiply(server: &Server) {
    let rest = "provider, account, refund_no";
    let tail = "key_id, headers";
    let end = "claim, received_at, deliveries, last_received_at, refund_id, verdict, settled_at, \
               settle_after, settle_attempts";
    let columns = format!("id, {rest}, delivery_key, {tail}, body, {end}");
    let sql = match ENGINE {
        Engine::Sqlite => format!(
            "INSERT INTO callbacks ({columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
             SELECT i + 1 FROM n WHERE i < {MANY}) SELECT unhex(printf('%032x', i)), {rest}, randomblob(32), {tail}, \
             CASE WHEN i <= {LARGE} THEN CAST(printf('%60000s', 'x') AS BLOB) ELSE body END, {end} \
             FROM n, (SELECT * FROM callbacks WHERE verdict = 'conflict' LIMIT 1)"
        ),
        Engine::Postgres => format!(
            "INSERT INTO callbacks ({columns}) SELECT decode(lpad(to_hex(i), 32, '0'), 'hex'), {rest}, \
             sha256(i::text::bytea), {tail}, \
             CASE WHEN i <= {LARGE} THEN convert_to(repeat('x', 60000), 'UTF8') ELSE body END, {end} \
             FROM generate_series(1, {MANY}) AS i, \
             (SELECT * FROM callbacks WHERE verdict = 'conflict' LIMIT 1) AS one"
        ),
    };
    server.change_store(&sql);
}

/// As a refund is asked about for weeks, of a provider that answers at length.
fn ask_often(server: &Server, id: &str) {
    let hex = id.trim_start_matches("rf_").replace('-', "");
    let (zeros, id, refund, reply) = match ENGINE {
        Engine::Sqlite => (
            "zeroblob(32)",
            "unhex(printf('%032x', i))",
            format!("X'{hex}'"),
            "CAST(printf('%60000s', 'x') AS BLOB)",
        ),
        Engine::Postgres => (
            "decode(repeat('00', 32), 'hex')",
            "decode(lpad(to_hex(i), 32, '0'), 'hex')",
            format!("'\\x{hex}'::bytea"),
            "convert_to(repeat('x', 60000), 'UTF8')",
        ),
    };
    server.change_store(&format!(
        "INSERT INTO attempts (id, refund_id, kind, fence, started_at, method, url, headers, body, body_hash, ended_at,
           class, status, reply_body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ATTEMPTS})
         SELECT {id}, {refund}, 'ask', i, i, 'POST', 'https://p', '{{}}', {zeros}, {zeros}, i, 'unknown', 200, {reply} FROM n"
    ));
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is the rule")]
#[track_caller]
fn in_time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    let took = begun.elapsed();
    assert!(took < LONG, "{what} took {took:?}");
    done
}

#[track_caller]
fn page(server: &Server, path: &str) -> Value {
    in_time(path, || {
        let reply = server.get(path);
        assert!(reply.text().len() <= ANSWER_MAX, "{}", reply.text().len());
        reply.expect_json(200)
    })
}

#[test]
fn a_refund_with_100_000_notifications_answers_every_call() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.notified(&Notice::new("R-1", "REFUND_FAILED"));
    let id = server.applied("R-1")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    multiply(&server);
    ask_often(&server, &id);

    let path = format!("/v1/refunds/{id}/callbacks");
    let first = page(&server, &path);
    assert_eq!(first["has_more"], true);
    let rows = first["data"].as_array().expect("a list");
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(rows.last().expect("a row")["id"], cursor);
    let second = page(&server, &format!("{path}?cursor={cursor}"));
    assert!(second["data"].as_array().expect("a list").len() > 1);
    for callback in [&rows[0], rows.last().expect("a row")] {
        let id = callback["id"].as_str().expect("an id");
        page(&server, &format!("/v1/callbacks/{id}"));
    }
    page(&server, &format!("/v1/refunds/{id}"));
    let timeline = page(&server, &format!("/v1/refunds/{id}/timeline"));
    assert_eq!(timeline["truncated"], true);

    let before = server.memory_kib("VmHWM");
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| page(&server, &path)))
            .collect();
        let further = Notice::new("R-1", "REFUND_FAILED").amount("99");
        in_time("a further contradiction", || server.notified(&further));
        in_time("another refund", || {
            server.notified(&Notice::new("R-2", "REFUND_SUCCESS"));
        });
        for reader in readers {
            reader.join().expect("a page");
        }
    });
    in_time("its effect", || server.applied("R-2"));
    // The kernel sums it up per processor, so that it may shrink a little.
    let grown = server.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "six readers took {grown} KiB");
}
