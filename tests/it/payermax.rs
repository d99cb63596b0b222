//! `PayerMax`: how an authentic callback of either generation is acknowledged and stored.

use serde_json::json;

use super::ENGINE;
use crate::harness::http::Reply;
use crate::harness::keys::provider_key;
use crate::harness::payermax::{
    ACK, MAIN, Notice, OLD, OLD_ACK, OLD_SAMPLE, OLD_SAMPLE_REFUND_NO, SAMPLE, SAMPLE_REFUND_NO,
    old_notice,
};
use crate::harness::reader::{attention, is_utc_milliseconds, text};
use crate::harness::{Server, wait_for};

#[track_caller]
fn expect_ack(reply: &Reply, body: &str) {
    reply.expect(200, body);
    assert_eq!(reply.header("content-type"), "application/json");
}

#[test]
fn the_new_generation_is_acked_with_its_own_bytes_and_stored_field_by_field() {
    let server = Server::usual(ENGINE);
    expect_ack(&server.notify(MAIN, SAMPLE), ACK);

    let refund = server.applied(SAMPLE_REFUND_NO);
    assert!(text(&refund["id"]).starts_with("rf_"));
    assert!(is_utc_milliseconds(&refund["received_at"]), "{refund}");
    assert!(is_utc_milliseconds(&refund["updated_at"]), "{refund}");
    let expected = json!({
        "id": refund["id"], "provider": "payermax", "account": "main",
        "refund_no": "R1642411016202",
        "provider_refund_no": "20220117091657TI790000055087",
        "order_no": "P1642410680681",
        "status": "succeeded", "provider_status": "REFUND_SUCCESS",
        "amount": "10000.00", "currency": "IDR",
        "failure": null, "finished_at": null,
        "received_at": refund["received_at"], "updated_at": refund["updated_at"],
        "attention": [], "request": null,
    });
    assert_eq!(refund, expected);

    let events = server.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "refund.succeeded");
    assert!(text(&events[0]["id"]).starts_with("evt_"));
    assert!(is_utc_milliseconds(&events[0]["timestamp"]));
    assert_eq!(
        events[0]["data"], refund,
        "an event carries the refund as of that event"
    );
}

#[test]
fn the_old_generation_is_acked_with_its_own_bytes_and_stored() {
    let server = Server::usual(ENGINE);
    expect_ack(&server.notify(OLD, OLD_SAMPLE), OLD_ACK);

    let refund = server.applied(OLD_SAMPLE_REFUND_NO);
    for (member, expected) in [
        ("provider", json!("payermax")),
        ("account", json!("old")),
        ("order_no", json!("1535433567849")),
        ("status", json!("succeeded")),
        ("provider_status", json!("1")),
        ("amount", json!("1000.00")),
        ("currency", json!("SAR")),
        ("failure", json!(null)),
        ("attention", json!([])),
    ] {
        assert_eq!(refund[member], expected, "{member} of {refund}");
    }
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn a_callback_is_kept_as_received_with_its_key_and_verdict() {
    let server = Server::usual(ENGINE);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    let refund = server.applied(SAMPLE_REFUND_NO);
    let rows = server.callbacks(&text(&refund["id"]));
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert!(text(&row["id"]).starts_with("cb_"));
    assert_eq!(row["body"], SAMPLE, "byte for byte");
    assert_eq!(row["key_id"], "2026");
    assert_eq!(row["verdict"], "applied");
    assert_eq!(row["deliveries"], 1);
    assert_eq!(
        row["headers"]["sign"],
        provider_key().sign(SAMPLE.as_bytes())
    );
    for time in ["received_at", "last_received_at", "settled_at"] {
        assert!(is_utc_milliseconds(&row[time]), "{time} of {row}");
    }
}

#[test]
fn an_exact_repeat_is_acked_counted_and_makes_no_event() {
    let server = Server::usual(ENGINE);
    for _ in 0..3 {
        expect_ack(&server.notify(MAIN, SAMPLE), ACK);
    }
    let refund = server.applied(SAMPLE_REFUND_NO);
    let rows = wait_for("three deliveries of one callback", || {
        let rows = server.callbacks(&text(&refund["id"]));
        (rows[0]["deliveries"] == 3).then_some(rows)
    });
    assert_eq!(rows.len(), 1);
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn the_same_notification_from_many_senders_at_once_has_one_effect() {
    let server = Server::usual(ENGINE);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| server.notify(MAIN, SAMPLE).expect(200, ACK));
        }
    });
    let refund = server.applied(SAMPLE_REFUND_NO);
    let rows = server.callbacks(&text(&refund["id"]));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["deliveries"], 16);
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn the_same_meaning_in_other_bytes_is_a_repeat_without_an_event() {
    let server = Server::usual(ENGINE);
    let first = Notice::new("R-again", "REFUND_SUCCESS");
    server.notified(&first);
    let before = server.applied("R-again");
    let retried = Notice {
        notify_time: "\"2026-01-17T10:33:54.540+00:00\"".into(),
        ..first
    };
    server.notified(&retried);

    let refund = server.applied("R-again");
    assert_eq!(server.verdicts(&refund), ["applied", "repeat"]);
    assert_eq!(refund["status"], before["status"]);
    assert_eq!(refund["attention"], json!([]));
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn an_amount_means_the_same_as_number_and_as_text() {
    let server = Server::usual(ENGINE);
    let number = Notice::new("R-amount", "REFUND_SUCCESS").amount("10.5");
    server.notified(&number);
    assert_eq!(server.applied("R-amount")["amount"], "10.50");
    server.notified(&number.clone().amount("\"10.50\""));
    let refund = server.applied("R-amount");
    assert_eq!(server.verdicts(&refund), ["applied", "repeat"]);
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn amounts_keep_every_digit() {
    let server = Server::usual(ENGINE);
    let cases = [
        ("R-a1", "0.01", "0.01"),
        ("R-a2", "0.1", "0.10"),
        ("R-a3", "1.2345", "1.2345"),
        ("R-a4", "100000000", "100000000.00"),
        ("R-a5", "90071992547409.93", "90071992547409.93"),
    ];
    for (refund_no, token, _) in cases {
        server.notified(&Notice::new(refund_no, "REFUND_SUCCESS").amount(token));
    }
    for (refund_no, token, expected) in cases {
        let refund = server.applied(refund_no);
        assert_eq!(refund["amount"], expected, "{token} sent");
        assert_eq!(refund["attention"], json!([]), "{token} sent");
    }
}

#[test]
fn a_failed_refund_says_why_in_both_generations() {
    let server = Server::usual(ENGINE);
    let failed = Notice {
        code: "PAYMENT_FAILED",
        ..Notice::new("R-failed", "REFUND_FAILED")
    };
    server.notified(&failed);
    let refund = server.applied("R-failed");
    assert_eq!(
        (&refund["status"], &refund["provider_status"]),
        (&json!("failed"), &json!("REFUND_FAILED"))
    );
    assert!(
        refund["failure"].to_string().contains("PAYMENT_FAILED"),
        "{refund}"
    );

    let body = old_notice("R-failed-old", "2", "\"12.00\"", "REFUND_FAILED");
    server.notify(OLD, body).expect(200, OLD_ACK);
    let refund = server.applied("R-failed-old");
    assert_eq!(
        (&refund["status"], &refund["provider_status"]),
        (&json!("failed"), &json!("2"))
    );
    assert!(
        refund["failure"].to_string().contains("REFUND_FAILED"),
        "{refund}"
    );
    assert_eq!(server.event_types(), ["refund.failed", "refund.failed"]);
}

#[test]
fn the_status_decides_and_not_the_code() {
    let server = Server::usual(ENGINE);
    let notice = Notice {
        code: "SYSTEM_ERROR",
        ..Notice::new("R-code", "REFUND_SUCCESS")
    };
    server.notified(&notice);
    assert_eq!(server.applied("R-code")["status"], "succeeded");
}

#[test]
fn an_odd_notify_time_never_refuses_a_notification() {
    let server = Server::usual(ENGINE);
    let times = [
        "\"2025-02-27T09:44:00 +0000\"",
        "\"2022-01-17T17:33:54.540+08:00\"",
        "\"yesterday\"",
        "\"\"",
        "null",
        "1642411016202",
        "\"2026-02-30T25:61:61Z\"",
    ];
    for (number, time) in times.iter().enumerate() {
        let refund_no = format!("R-time-{number}");
        let notice = Notice::new(&refund_no, "REFUND_SUCCESS");
        server.notified(&Notice {
            notify_time: (*time).to_owned(),
            ..notice
        });
        let refund = server.applied(&refund_no);
        assert_eq!(
            (&refund["status"], &refund["attention"]),
            (&json!("succeeded"), &json!([]))
        );
    }
}

#[test]
fn a_finish_time_is_kept_in_utc() {
    let server = Server::usual(ENGINE);
    let body = Notice::new("R-finished", "REFUND_SUCCESS").text().replace(
        r#""status":"REFUND_SUCCESS""#,
        r#""status":"REFUND_SUCCESS","refundFinishTime":"2026-01-17T17:33:54.092+08:00""#,
    );
    server.notify(MAIN, body).expect(200, ACK);
    assert_eq!(
        server.applied("R-finished")["finished_at"],
        "2026-01-17T09:33:54.092Z"
    );
}

#[test]
fn refund_numbers_of_two_accounts_never_meet() {
    let server = Server::usual(ENGINE);
    server.notified(&Notice::new("R-both", "REFUND_SUCCESS"));
    server
        .notify(OLD, old_notice("R-both", "2", "\"3.00\"", "X"))
        .expect(200, OLD_ACK);
    let main = server.applied_by("account=main&refund_no=R-both");
    let old = server.applied_by("account=old&refund_no=R-both");
    assert_eq!(
        (&main["status"], &old["status"]),
        (&json!("succeeded"), &json!("failed"))
    );
    assert_eq!((attention(&main), attention(&old)), (vec![], vec![]));
}
