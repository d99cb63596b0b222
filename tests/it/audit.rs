//! `audit` finds violations, each rule by a store that was damaged on purpose; it finds nothing in a good
//! store, and changes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::audit::{AckedFile, audit_in, broken, run};
use crate::harness::folder::Folder;
use crate::harness::payermax::{ACK, MAIN, Notice, OLD, OLD_ACK, OLD_SAMPLE, SAMPLE};
use crate::harness::relay::{QUICKPAY, SECRET, text as relay_secret};
use crate::harness::{ConfigBuilder, Engine, Server};

/// Every rule that there is.
const RULES: [&str; 12] = [
    "I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "F1", "T1",
];

fn config() -> ConfigBuilder {
    ConfigBuilder::new(ENGINE)
        .file("relay.secret", &relay_secret(SECRET))
        .toml(
            "[[accounts]]\nprovider = \"quickpay\"\naccount = \"store-1\"\n\
             relay_secrets = [\"file:relay.secret\"]\n",
        )
}

fn relayed(state: &str) -> String {
    format!(
        r#"{{"code":"SUCCESS","msg":"","data":{{"transaction_status":"{state}","error":null,"store_no":"store-1","refund_amount":1234,"order_no":"P-Q","refund_order_no":"Q-1","transaction_no":"T-1","refund_transaction_no":"RT-1","refund_transaction_time":"2026-01-17 17:33:54"}}}}"#
    )
}

/// A server with something of everything in its store, and the list of what it acknowledged.
fn busy() -> (Server, AckedFile) {
    let server = Server::start(&config());
    let acked = AckedFile::new(server.folder());
    for (refund_no, status) in [
        ("R-1", "REFUND_PENDING"),
        ("R-1", "REFUND_SUCCESS"),
        ("R-2", "REFUND_SUCCESS"),
        ("R-2", "REFUND_FAILED"),
        ("R-3", "REFUND_WITHDRAWN"),
        ("R-1", "REFUND_SUCCESS"),
    ] {
        let body = Notice::new(refund_no, status).text();
        server.notify(MAIN, &body).expect(200, ACK);
        acked.add("payermax", "main", refund_no, &body);
    }
    server.notify(OLD, OLD_SAMPLE).expect(200, OLD_ACK);
    for (number, state) in ["REFUNDFAILED", "REFUNDED"].into_iter().enumerate() {
        let body = relayed(state);
        let reply = server.relay(&format!("{QUICKPAY}Q-1"), &format!("msg_{number}"), &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        acked.add("quickpay", "store-1", "Q-1", &body);
    }
    decided(&server);
    server.put_simple_order("1", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30"), 0);
    assert_eq!(server.epay_errcode("B-2", "T-2", "30"), 2, "no such order");
    assert_eq!(server.epay_errcode("B-1", "T-1", "31"), 5, "another amount");
    assert_eq!(
        server.epay_errcode("", "T-1", "31"),
        1,
        "kept as bytes only"
    );
    server.applied("R-3");
    (server, acked)
}

/// A success with another amount that a person accepts.
fn decided(server: &Server) {
    for (status, amount) in [("REFUND_PENDING", "125.50"), ("REFUND_SUCCESS", "99.00")] {
        let told = Notice::new("R-4", status).amount(amount).text();
        server.notify(MAIN, &told).expect(200, ACK);
    }
    let refund = server.applied("R-4");
    let open = &refund["attention"][0];
    let id = refund["id"].as_str().expect("an id");
    let body = json!({
        "question": open["reason"], "callback_id": open["callback_id"], "decision": "accept", "reason": "a fee",
    });
    let reply = server.post_as_reader(&format!("/v1/refunds/{id}/decisions"), &body);
    assert_eq!(reply.expect_json(200)["status"], "succeeded");
}

/// The files of a folder with their bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_store_in_use_a_killed_one_and_one_at_rest_are_audited_and_left_alone() {
    let (mut server, acked) = busy();
    let report = server.assert_audit_is_clean(Some(&acked));
    for (rule, name) in report["rules"].as_array().expect("rules").iter().zip(RULES) {
        assert_eq!(rule["rule"], name);
        assert_ne!(rule["checked"], 0, "{rule}");
        // A server checks its own pages and its own WAL.
        let of_file = ["I9", "I10"].contains(&name) && ENGINE == Engine::Postgres;
        assert_eq!(rule["skipped"], u64::from(of_file), "{rule}");
    }
    let compared = &report["acked"];
    assert_eq!(
        [
            &compared["acked"],
            &compared["stored"],
            &compared["lost"],
            &compared["doubled"]
        ],
        [7, 7, 0, 0],
        "{compared}"
    );
    // The service does not detect it.
    server.notify(MAIN, SAMPLE).expect(200, ACK);

    server.kill9();
    server.assert_audit_is_clean(Some(&acked));
    server.restart();
    assert_eq!(server.terminate().code(), Some(0));
    let before = files(server.folder().path());
    server.assert_audit_is_clean(Some(&acked));
    assert!(
        before == files(server.folder().path()),
        "nothing is written"
    );
}

#[test]
fn an_audit_next_to_a_busy_service_sees_no_half() {
    let server = Server::usual(ENGINE);
    let bodies: Vec<String> = (0..300)
        .map(|number| Notice::new(&format!("R-{number}"), "REFUND_SUCCESS").text())
        .collect();
    std::thread::scope(|scope| {
        for part in bodies.chunks(100) {
            let server = &server;
            scope.spawn(move || {
                for body in part {
                    server.notify(MAIN, body).expect(200, ACK);
                }
            });
        }
        for _ in 0..4 {
            server.assert_audit_is_clean(None);
        }
    });
}

#[test]
fn what_the_config_cannot_vouch_for_any_more_is_skipped_and_said() {
    let (mut server, _) = busy();
    server.terminate();
    let path = server.config_path();
    let config = std::fs::read_to_string(&path).expect("a config");
    std::fs::write(&path, config.replace("id = \"2026\"", "id = \"2027\"")).expect("writable");
    let report = server.assert_audit_is_clean(None);
    let authentic = &report["rules"][1];
    assert_eq!(authentic["skipped"], 8, "{authentic}");
    assert_eq!(
        report["rules"][6]["skipped"], 1,
        "no list of acknowledgements"
    );
}

/// How a store is broken.
enum Plant {
    Sql(&'static str),
    /// The same where only a file lets it happen.
    OfFile(&'static str),
    /// A file next to the configuration with this many bytes, none of them written.
    Large(&'static str, u64),
    /// A line that the list of acknowledgements should not have.
    Acked(&'static str),
    /// Garbage over the last page of the file.
    LastPage,
}

use Plant::{Acked, Large, LastPage, OfFile, Sql};

/// A request of the refund R-3, under some id and in some state, and what else is broken.
macro_rules! request {
    ($id:literal, $state:literal, $more:literal) => {
        Sql(concat!(
            "INSERT INTO requests (refund_id, provider, account, refund_no, number_key, payment, mode, amount, intent, \
               requested_by, requested_at, state, progress, fence, updated_at) SELECT ",
            $id,
            ", provider, account, refund_no, refund_no, 'P-1', 'watch', '1.00', \
               '{\"order_no\":null,\"provider_payment_no\":\"P-1\",\"money\":{\"amount\":\"1\",\"currency\":\"MYR\"},\
               \"order_amount\":null,\"paid_at\":null,\"reason\":null,\"metadata\":{},\"provider_fields\":{}}', \
               'erp', received_at, '",
            $state,
            "', '{}', 2, 0 FROM refunds WHERE refund_no = 'R-3'; ",
            $more
        ))
    };
}

/// What breaks, how, and the rule that says so.
#[rustfmt::skip]
const PLANTS: &[(&str, Plant, &str)] = &[
    ("the bytes of a body", Sql("UPDATE callbacks SET body = delivery_key WHERE refund_no = 'R-3'"), "I1"),
    ("the bytes of a relayed body", Sql("UPDATE callbacks SET body = delivery_key WHERE provider = 'quickpay'"), "I1"),
    ("the id of a relayed message", Sql("UPDATE callbacks SET headers = replace(headers, 'msg_0', 'msg_9')"), "I1"),

    ("a signature", Sql("UPDATE callbacks SET headers = replace(headers, '\"sign\":\"', '\"sign\":\"A') WHERE refund_no = 'R-3'"), "I2"),
    ("a relay's signature", Sql("UPDATE callbacks SET headers = replace(headers, 'v1,', 'v1,A')"), "I2"),
    ("another account's notification", Sql("UPDATE callbacks SET account = 'old' WHERE refund_no = 'R-3'"), "I2"),
    ("a claim that the bytes do not make", Sql("UPDATE callbacks SET claim = replace(claim, '\"30\"', '\"31\"') WHERE refund_no = 'B-2/T-2'"), "I2"),
    ("a claim of bytes that make none", Sql("UPDATE callbacks SET claim = (SELECT claim FROM callbacks WHERE refund_no = 'R-3') WHERE claim IS NULL"), "I2"),
    ("a claim that is gone", Sql("UPDATE callbacks SET claim = NULL WHERE refund_no = 'R-3'"), "I2"),

    ("an act that was changed", Sql("UPDATE trail SET reader = 'another' WHERE sequence = 1"), "T1"),

    ("an effect told twice", Sql("INSERT INTO events (sequence, id, type, occurred_at, refund_id, data) SELECT last_sequence + 1, id, type, occurred_at, refund_id, data FROM events, feed WHERE type = 'refund.failed'; UPDATE feed SET last_sequence = last_sequence + 1"), "I3"),
    ("an application told twice", Sql("INSERT INTO events (sequence, id, type, occurred_at, refund_id, data) SELECT last_sequence + 1, id, type, occurred_at, refund_id, data FROM events, feed WHERE type = 'refund_application.handled'; UPDATE feed SET last_sequence = last_sequence + 1"), "I3"),
    ("an order told to be closed twice", Sql("INSERT INTO events (sequence, id, type, occurred_at, refund_id, data) SELECT last_sequence + 1, id, type, occurred_at, refund_id, data FROM events, feed WHERE type = 'order.closed'; UPDATE feed SET last_sequence = last_sequence + 1"), "I3"),
    ("an application told of another batch", Sql("UPDATE events SET data = replace(data, '\"B-1\"', '\"B-9\"') WHERE type = 'refund_application.handled'"), "I3"),
    ("one delivery stored twice", OfFile("DROP INDEX callbacks_delivery; INSERT INTO callbacks SELECT refund_id, provider, account, refund_no, delivery_key, key_id, headers, body, claim, received_at, deliveries, last_received_at, refund_id, 'repeat', settled_at, settle_after, settle_attempts FROM callbacks WHERE refund_no = 'R-3'"), "I3"),
    ("a relay's message that brought something else", Sql("UPDATE relay_messages SET callback_id = (SELECT id FROM callbacks WHERE refund_no = 'R-3')"), "I3"),
    ("a question told before the refund", Sql("UPDATE events SET type = 'refund.attention' WHERE sequence = 1"), "I3"),

    ("a refund that is gone", Sql("DELETE FROM refunds WHERE refund_no = 'R-3'"), "I4"),
    ("a verdict without a refund", Sql("UPDATE callbacks SET refund_id = NULL WHERE refund_no = 'R-3'"), "I4"),
    ("a refund before its verdict", Sql("UPDATE callbacks SET verdict = NULL, settled_at = NULL WHERE refund_no = 'R-3'"), "I4"),
    ("a notification of another number", Sql("UPDATE callbacks SET refund_id = (SELECT id FROM refunds WHERE refund_no = 'R-1') WHERE refund_no = 'R-3'"), "I4"),
    ("a close-out that is gone", Sql("DELETE FROM close_outs WHERE batchno = 'B-2'"), "I4"),
    ("a close-out of another notification", Sql("UPDATE close_outs SET callback_id = refund_id WHERE batchno = 'B-2'"), "I4"),
    ("a close-out done in no order", Sql("UPDATE close_outs SET order_no = 'YD-9' WHERE batchno = 'B-1'"), "I4"),
    ("half a close-out: not the application", Sql("UPDATE T_SP_YD_SXF SET state = 'in_progress', handled_by = NULL, handled_at = NULL"), "I4"),
    ("half a close-out: not the order", Sql("UPDATE T_SP_YD SET state = 'refund_applied', closed_by_close_out = 0"), "I4"),
    ("half a close-out: not its own row", Sql("UPDATE close_outs SET state = 'parked', errcode = 4 WHERE batchno = 'B-1'"), "I4"),

    ("a request of no refund", request!("(SELECT id FROM callbacks ORDER BY id LIMIT 1)", "done", ""), "I4"),
    ("a reply that is none", Sql("INSERT INTO replies (callback_id, attempt_id) SELECT id, id FROM callbacks WHERE refund_no = 'R-3'"), "I1"),

    ("a request that is never due", request!("id", "unknown", "UPDATE refunds SET attention = '[]' WHERE refund_no = 'R-3'"), "I5"),
    ("an earlier attempt without an end", request!("id", "done", "INSERT INTO attempts (id, refund_id, kind, fence, started_at, method, url, headers, body, body_hash) SELECT refund_id, refund_id, 'send', 1, 1, 'POST', 'https://p', '{}', delivery_key, delivery_key FROM callbacks WHERE refund_no = 'R-3' LIMIT 1"), "I5"),
    ("a callback that is stuck", Sql("UPDATE callbacks SET verdict = NULL, settled_at = NULL, refund_id = NULL, received_at = received_at - 60000 WHERE refund_no = 'R-3'"), "I5"),
    ("a callback that cannot be applied", Sql("UPDATE callbacks SET verdict = NULL, settled_at = NULL, refund_id = NULL, settle_attempts = 4 WHERE refund_no = 'R-3'"), "I5"),
    ("a close-out that waits without a question", Sql("UPDATE refunds SET attention = '[]' WHERE refund_no = 'B-2/T-2'"), "I5"),

    ("a request that ended otherwise", request!("id", "done", ""), "I6"),
    ("a final status that changed silently", Sql("UPDATE refunds SET status = 'failed' WHERE refund_no = 'R-1'"), "I6"),
    ("a move away from a final status", Sql("UPDATE events SET type = 'refund.canceled', data = replace(data, '\"pending\"', '\"canceled\"') WHERE sequence = 1"), "I6"),
    ("an event of another status than its data", Sql("UPDATE events SET type = 'refund.failed' WHERE sequence = 1"), "I6"),

    ("a decision that was changed", Sql("UPDATE decisions SET reason = 'another'"), "I1"),
    ("a decision of another person", Sql("UPDATE decisions SET decided_by = 'another'"), "I1"),
    ("a decision that is not told", Sql("UPDATE events SET type = 'refund.attention' WHERE type = 'refund.decided'"), "I3"),
    ("a decision whose move is not told", Sql("UPDATE events SET type = 'refund.attention' WHERE refund_id = (SELECT id FROM refunds WHERE refund_no = 'R-4') AND type = 'refund.succeeded'"), "I3"),
    ("a decision of no refund", Sql("UPDATE decisions SET refund_id = id"), "I4"),
    ("a decision that is gone", Sql("DELETE FROM decisions"), "I6"),
    ("an answer that the question does not take", Sql("UPDATE decisions SET decision = 'succeeded'"), "I6"),
    ("a decision that moved elsewhere", Sql("UPDATE decisions SET status_after = 'failed'"), "I6"),
    ("a decision that cannot be read", Sql("UPDATE decisions SET question = 'why'"), "I9"),

    ("an answer of success without its bytes", Acked(r#"{"provider":"payermax","account":"main","refund_no":"R-9","sha256":"00"}"#), "I7"),

    ("another amount", Sql("UPDATE refunds SET amount = '1.00' WHERE refund_no = 'R-1'"), "I8"),
    ("a close-out of another amount", Sql("UPDATE close_outs SET amount = '1.00' WHERE batchno = 'B-2'"), "I8"),
    ("less paid than was requested", request!("id", "done", "INSERT INTO payments (provider, account, payment, order_amount) SELECT provider, account, 'P-1', '0.50' FROM refunds WHERE refund_no = 'R-3'"), "I8"),
    ("less paid than was taken back", Sql("UPDATE T_SP_YD_DSFZF SET amount = '29.99'"), "I8"),

    ("a row that cannot be read", Sql("UPDATE refunds SET attention = 'none' WHERE refund_no = 'R-1'"), "I9"),
    ("a damaged page", LastPage, "I9"),
    ("a payment of no order", OfFile("UPDATE T_SP_YD_DSFZF SET order_no = 'YD-9'"), "I9"),

    ("a log that was never copied", Large("refunds.db-wal", 300 * 1024 * 1024), "I10"),
    ("evidence without end", Large("refunds.evidence.db", 200 * 1024 * 1024), "I10"),

    ("an event that is gone", Sql("DELETE FROM events WHERE sequence = 2"), "F1"),
    ("questions without end", Sql("UPDATE refunds SET attention = '[' || substr(attention, 2, length(attention) - 2) || ',' || substr(attention, 2, length(attention) - 2) || ',' || substr(attention, 2, length(attention) - 2) || ',' || substr(attention, 2, length(attention) - 2) || ',' || substr(attention, 2, length(attention) - 2) || ',' || substr(attention, 2) WHERE refund_no = 'R-2'"), "I10"),
    ("the last event gone", Sql("DELETE FROM events WHERE sequence = (SELECT max(sequence) FROM events)"), "F1"),
    ("a counter that runs ahead", Sql("UPDATE feed SET last_sequence = last_sequence + 1"), "F1"),
];

/// Plants one, audits, and puts everything back. `None` where this engine cannot have this damage.
fn planted(server: &Server, acked: &AckedFile, plant: &Plant) -> Option<(i32, Value)> {
    let folder = server.folder().path();
    let is_file = ENGINE == Engine::Sqlite;
    match plant {
        Sql(sql) => server.break_store(sql),
        OfFile(sql) if is_file => server.break_store(sql),
        Large(name, bytes) if is_file || *name == "refunds.evidence.db" => {
            let path = folder.join(name);
            let file = std::fs::File::options()
                .create(true)
                .append(true)
                .open(path);
            file.and_then(|file| file.set_len(*bytes)).expect("sparse");
        }
        Acked(line) => {
            let list = std::fs::read_to_string(acked.path()).expect("a list");
            server
                .folder()
                .write("acked.jsonl", format!("{list}{line}\n"));
        }
        LastPage if is_file => {
            let path = folder.join("refunds.db");
            let mut bytes = std::fs::read(&path).expect("a store");
            let last = bytes.len() - 4_096;
            bytes[last..].fill(0xA5);
            std::fs::write(&path, bytes).expect("it can be written");
        }
        OfFile(_) | Large(..) | LastPage => return None,
    }
    Some(audit_in(folder, Some(acked.path())))
}

#[test]
fn each_rule_finds_what_was_broken_on_purpose() {
    let (mut server, acked) = busy();
    server.terminate();
    server.assert_audit_is_clean(Some(&acked));
    let saved = server.save_store();
    let files = files(server.folder().path());
    let mut found = BTreeSet::new();
    for (what, plant, rule) in PLANTS {
        if let Some((code, report)) = planted(&server, &acked, plant) {
            let broken = broken(&report);
            assert!(broken.iter().any(|name| name == rule), "{what}: {report:#}");
            assert_eq!((code, &report["ok"]), (1, &false.into()), "{what}");
            found.insert(*rule);
        }
        // Also what the audit of a WAL left.
        for name in ["refunds.db-wal", "refunds.db-shm"] {
            std::fs::remove_file(server.folder().path().join(name)).ok();
        }
        for (name, bytes) in &files {
            server.folder().write(name, bytes);
        }
        server.restore_store(&saved);
    }
    server.assert_audit_is_clean(Some(&acked));
    assert_eq!(found, BTreeSet::from(RULES), "every rule has a plant");
}

#[test]
fn what_is_lost_is_listed() {
    let (mut server, acked) = busy();
    let lost = Notice::new("R-7", "REFUND_SUCCESS").text();
    acked.add("payermax", "main", "R-7", &lost);
    // Acknowledged once more than it was counted.
    let again = Notice::new("R-3", "REFUND_WITHDRAWN").text();
    acked.add("payermax", "main", "R-3", &again);
    server.terminate();
    let (code, report) = audit_in(server.folder().path(), Some(acked.path()));
    assert_eq!((code, broken(&report)), (1, vec!["I7".to_owned()]));
    let compared = &report["acked"];
    assert_eq!(compared["lost"], 2, "{compared}");
    let names = compared["lost_shown"].as_array().expect("a list");
    let mut names: Vec<_> = names.iter().map(|one| &one["refund_no"]).collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["R-3", "R-7"]);
}

#[test]
fn what_cannot_be_audited_is_said_in_one_line() {
    let folder = Folder::new();
    // On a server an empty database: it has no schema yet, and gets none.
    let config = config();
    config.write(&folder);
    let path = folder.path().join("refund-receiver.toml");
    let path = path.to_str().expect("a plain path");
    let list = folder.write("list", "R-1\n");
    let list = list.to_str().expect("a plain path");
    let no_store = match ENGINE {
        Engine::Sqlite => "unable to open",
        Engine::Postgres => "not a store",
    };
    for (arguments, code, words) in [
        (&["audit", "--config", path][..], 3, no_store),
        (&["audit", "--config", path, "--acked", list], 2, "line 1: "),
        (&["audit", "--config", path, "--acked", "/none"], 2, "/none"),
        (&["audit"], 2, "--config"),
    ] {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert!(
        !folder.path().join("refunds.db").exists(),
        "nothing is made"
    );
}
