//! `audit --trail`: what was changed, removed or moved is found, and named.

use std::process::Output;

use super::*;
use crate::harness::audit::{audit_in, broken, run};
use crate::harness::{Engine, comes_true};

/// A server with so many acts, at rest.
fn at_rest(count: usize) -> (Server, Vec<Value>) {
    let mut server = Server::usual(ENGINE);
    for number in 0..count {
        server.put_simple_order(&number.to_string(), "paid", "1.00");
    }
    let entries = trail(&server);
    assert_eq!(entries.len(), count);
    assert_eq!(server.terminate().code(), Some(0));
    (server, entries)
}

fn prove(server: &Server, more: &[&str]) -> Output {
    let config = server.config_path();
    let config = config.to_str().expect("UTF-8");
    run(&[&["audit", "--trail", "--config", config], more].concat())
}

/// Exit 1, and what is said.
#[track_caller]
fn broken_at(server: &Server, more: &[&str]) -> String {
    let output = prove(server, more);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let rest = said.strip_prefix("the trail is broken: entry ");
    rest.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn a_whole_trail_is_proven_in_use_and_at_rest() {
    let mut server = Server::usual(ENGINE);
    let empty = prove(&server, &[]);
    let said = String::from_utf8_lossy(&empty.stdout).into_owned();
    assert!(
        empty.status.success() && said.contains("0 entries"),
        "{said}"
    );
    for number in 0..5 {
        server.put_simple_order(&number.to_string(), "paid", "1.00");
    }
    let head = server.get("/v1/audit?limit=1").expect_json(200)["head"].clone();
    let pin = format!("5:{}", text(&head["hash"]));
    let output = prove(&server, &["--json", "--expect-head", &pin]);
    assert!(output.status.success(), "{output:?}");
    let proof: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(proof["proven"], head);
    server.kill9();
    assert!(prove(&server, &["--expect-head", &pin]).status.success());
    server.restart();
    // The chain goes on after a restart, and an earlier pin still holds.
    server.put_simple_order("6", "paid", "1.00");
    assert!(prove(&server, &["--expect-head", &pin]).status.success());
    assert_chained(&trail(&server));
    for wrong in ["5", "x:00", "5:00", &pin[..40]] {
        assert_eq!(
            prove(&server, &["--expect-head", wrong]).status.code(),
            Some(2)
        );
    }
}

#[test]
fn what_was_changed_removed_or_moved_is_named() {
    let (server, entries) = at_rest(6);
    let saved = server.save_store();
    for (plant, first, what) in [
        ("UPDATE trail SET reason = 'another' WHERE sequence = 3", "3 ", "does not continue"),
        ("UPDATE trail SET state_after = '{}' WHERE sequence = 1", "1 ", "does not continue"),
        ("UPDATE trail SET acted_at = acted_at + 1 WHERE sequence = 6", "6 ", "does not continue"),
        ("UPDATE trail SET reader = 'other' WHERE sequence = 2", "2 ", "does not continue"),
        ("DELETE FROM trail WHERE sequence = 4", "4 ", "is missing: 5 comes after 3"),
        ("DELETE FROM trail WHERE sequence = 1", "1 ", "is missing"),
        ("DELETE FROM trail WHERE sequence = 6", "6 ", "the head row names 6"),
        (
            "DELETE FROM trail WHERE sequence = 4;
             UPDATE trail SET sequence = 4 WHERE sequence = 5; UPDATE trail SET sequence = 5 WHERE sequence = 6;
             UPDATE trail_head SET last_sequence = 5",
            "4 ",
            "does not continue",
        ),
        (
            "UPDATE trail SET sequence = 99 WHERE sequence = 3; UPDATE trail SET sequence = 3 WHERE sequence = 4;
             UPDATE trail SET sequence = 4 WHERE sequence = 99",
            "3 ",
            "does not continue",
        ),
        ("UPDATE trail_head SET last_sequence = 5", "6 ", "is behind the head row, which names 5"),
    ] {
        server.change_store(plant);
        let said = broken_at(&server, &[]);
        assert!(said.starts_with(first) && said.contains(what), "{plant}: {said}");
        let (code, report) = audit_in(server.folder().path(), None);
        assert_eq!((code, broken(&report)), (1, vec!["T1".to_owned()]), "{plant}");
        server.restore_store(&saved);
    }
    assert!(prove(&server, &[]).status.success());

    // The end cut off together with the head: only what was kept elsewhere tells.
    let hash = |index: usize| text(&entries[index]["hash"]);
    server.change_store("DELETE FROM trail WHERE sequence > 4");
    let cut = match ENGINE {
        Engine::Sqlite => format!(
            "UPDATE trail_head SET last_sequence = 4, last_hash = x'{}'",
            hash(3)
        ),
        Engine::Postgres => {
            format!(
                "UPDATE trail_head SET last_sequence = 4, last_hash = '\\x{}'",
                hash(3)
            )
        }
    };
    server.change_store(&cut);
    assert!(prove(&server, &[]).status.success());
    let pinned = format!("6:{}", hash(5));
    let said = broken_at(&server, &["--expect-head", &pinned]);
    assert!(
        said.starts_with("5 ") && said.contains("the end was cut off"),
        "{said}"
    );
    assert!(
        prove(&server, &["--expect-head", &format!("4:{}", hash(3))])
            .status
            .success()
    );
    let said = broken_at(&server, &["--expect-head", &format!("4:{}", hash(0))]);
    assert!(
        said.starts_with("4 ") && said.contains("was expected"),
        "{said}"
    );
}

#[test]
fn a_head_that_was_tampered_with_stops_acts_and_no_callback() {
    let (mut server, _) = at_rest(3);
    server.change_store("UPDATE trail_head SET last_sequence = 1");
    server.restart();
    let order = crate::harness::epay::simple_order("9", "paid", "1.00");
    let reply = server.put_order_raw("YD-9", READER_TOKEN, &order.to_string());
    assert_eq!(reply.status, 503, "{}", reply.text());
    server.notified(&crate::harness::payermax::Notice::new(
        "R-1",
        "REFUND_SUCCESS",
    ));
    crate::harness::wait_for("the refund", || {
        (server.refunds("status=succeeded").len() == 1).then_some(())
    });
    assert!(comes_true(std::time::Duration::from_secs(5), || {
        server.get("/v1/orders/YD-9").status == 404
    }));
}
