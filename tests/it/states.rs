//! `PayerMax`: the effect of a further or doubtful callback on a refund.

use serde_json::json;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::payermax::{ACK, MAIN, Notice, OLD, OLD_ACK, SAMPLE, old_notice};
use crate::harness::reader::{attention, is_utc_milliseconds, text};

#[test]
fn a_pending_refund_becomes_final_once_in_both_generations() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-pending", "REFUND_PENDING"));
    assert_eq!(server.applied("R-pending")["status"], "pending");
    server.notified(&Notice::new("R-pending", "REFUND_SUCCESS"));
    let refund = server.applied("R-pending");
    assert_eq!(refund["status"], "succeeded");
    assert_eq!(server.verdicts(&refund), ["applied", "applied"]);

    let old = |status| old_notice("R-old-pending", status, "\"7.00\"", "");
    server.notify(OLD, old("0")).expect(200, OLD_ACK);
    assert_eq!(server.applied("R-old-pending")["status"], "pending");
    server.notify(OLD, old("1")).expect(200, OLD_ACK);
    assert_eq!(server.applied("R-old-pending")["status"], "succeeded");

    let expected = [
        "refund.pending",
        "refund.succeeded",
        "refund.pending",
        "refund.succeeded",
    ];
    assert_eq!(server.event_types(), expected);
}

#[test]
fn a_late_pending_is_stale_and_changes_nothing() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-late", "REFUND_SUCCESS"));
    let before = server.applied("R-late");
    server.notified(&Notice::new("R-late", "REFUND_PENDING"));
    let after = server.applied("R-late");
    assert_eq!(server.verdicts(&after), ["applied", "stale"]);
    assert_eq!(
        (&after["status"], &after["attention"]),
        (&before["status"], &json!([]))
    );
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn a_contradicting_final_status_is_acked_and_only_raises_a_conflict() {
    let server = Server::usual(ENGINE);
    let statuses = [
        ("R-c1", "REFUND_SUCCESS", "REFUND_FAILED", "succeeded"),
        ("R-c2", "REFUND_FAILED", "REFUND_SUCCESS", "failed"),
    ];
    for (refund_no, first, second, kept) in statuses {
        server.notified(&Notice::new(refund_no, first));
        server.applied(refund_no);
        server.notified(&Notice::new(refund_no, second));
        let refund = server.applied(refund_no);
        assert_eq!(
            (&refund["status"], &refund["provider_status"]),
            (&json!(kept), &json!(first))
        );
        assert_eq!(attention(&refund), ["conflict"]);
        assert_eq!(server.verdicts(&refund), ["applied", "conflict"]);

        let rows = server.callbacks(&text(&refund["id"]));
        let conflicting = rows.iter().find(|row| row["verdict"] == "conflict");
        let question = &refund["attention"][0];
        assert_eq!(
            question["callback_id"],
            conflicting.expect("a conflicting row")["id"]
        );
        assert!(is_utc_milliseconds(&question["since"]));
    }
    let expected = [
        "refund.succeeded",
        "refund.conflict",
        "refund.failed",
        "refund.conflict",
    ];
    assert_eq!(server.event_types(), expected);
    assert_eq!(server.refunds("attention=conflict").len(), 2);
}

#[test]
fn another_amount_under_the_same_final_status_is_a_conflict() {
    let server = Server::usual(ENGINE);
    let first = Notice::new("R-money", "REFUND_SUCCESS");
    server.notified(&first);
    server.applied("R-money");
    server.notified(&first.clone().amount("125.51"));
    let refund = server.applied("R-money");
    assert_eq!(
        (&refund["amount"], &refund["status"]),
        (&json!("125.50"), &json!("succeeded"))
    );
    assert_eq!(attention(&refund), ["conflict"]);
    assert_eq!(
        server.event_types(),
        ["refund.succeeded", "refund.conflict"]
    );
}

#[test]
fn another_amount_at_the_end_of_pending_leaves_it_pending_for_a_person() {
    let server = Server::usual(ENGINE);
    let pending = Notice::new("R-mismatch", "REFUND_PENDING");
    server.notified(&pending);
    server.applied("R-mismatch");
    server.notified(
        &Notice {
            status: "REFUND_SUCCESS",
            ..pending
        }
        .amount("1.00"),
    );
    let refund = server.applied("R-mismatch");
    assert_eq!(
        (&refund["status"], &refund["amount"]),
        (&json!("pending"), &json!("125.50"))
    );
    assert_eq!(attention(&refund), ["amount_mismatch"]);
    assert_eq!(server.event_types(), ["refund.pending", "refund.attention"]);
}

#[test]
fn an_unknown_status_is_acked_and_asked_about() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-unknown", "REFUND_REVERSED"));
    let refund = server.applied("R-unknown");
    assert_eq!(attention(&refund), ["status_unknown"]);
    assert_eq!(refund["provider_status"], "REFUND_REVERSED");
    assert_eq!(server.verdicts(&refund), ["questioned"]);

    server
        .notify(OLD, old_notice("R-unknown-old", "7", "\"1\"", ""))
        .expect(200, OLD_ACK);
    assert_eq!(
        attention(&server.applied("R-unknown-old")),
        ["status_unknown"]
    );
    let types = server.event_types();
    assert!(
        !types.iter().any(|kind| kind.ends_with("succeeded")),
        "{types:?}"
    );
    assert!(
        types.iter().any(|kind| kind == "refund.attention"),
        "{types:?}"
    );
}

#[test]
fn an_authentic_body_with_an_unusable_amount_is_acked_and_kept_for_a_person() {
    let server = Server::usual(ENGINE);
    let tokens = [
        "-5",
        "0",
        "\"abc\"",
        "\"\"",
        "null",
        "true",
        "\"+1\"",
        "\"1_000\"",
        "\"1,000.00\"",
        "\" 1.0\"",
        "\"0x10\"",
        "\"１２\"",
        "1.23456",
        "100000000000000000000000000000000",
    ];
    for (number, token) in tokens.iter().enumerate() {
        server.notified(&Notice::new(&format!("R-bad-{number}"), "REFUND_SUCCESS").amount(token));
    }
    for (number, token) in tokens.iter().enumerate() {
        let refund = server.applied(&format!("R-bad-{number}"));
        assert_eq!(attention(&refund), ["invalid_content"], "amount {token}");
        assert_ne!(refund["status"], "succeeded", "amount {token}");
    }
    assert!(
        !server
            .event_types()
            .contains(&"refund.succeeded".to_owned())
    );
}

#[test]
fn an_authentic_body_without_a_refund_number_is_acked_and_shown_without_one() {
    let server = Server::usual(ENGINE);
    let body = SAMPLE.replace(r#""outRefundNo":"R1642411016202","#, "");
    server.notify(MAIN, body).expect(200, ACK);
    let refund = server.applied_by("attention=invalid_content");
    assert_eq!(refund["refund_no"], json!(null));
    assert_eq!(
        refund["status"], "succeeded",
        "it takes effect all the same"
    );
    assert_eq!(
        refund["attention"][0]["members"],
        json!(["data.outRefundNo"])
    );
    assert_eq!(server.verdicts(&refund), ["applied"]);
}
