//! `PayCools`: both forms of its refund callback, told apart by their shape.

use serde_json::json;

use super::ENGINE;
use crate::harness::Server;
use crate::harness::keys::{other_key, provider_key, sha1_hex};
use crate::harness::paycools::{
    FLAT, FLAT_ACK, OPEN_API_ACK, PARAM, PATH, SECRET, config, envelope, flat,
};
use crate::harness::payermax::UNAUTHORIZED;
use crate::harness::reader::attention;

/// The signature printed next to the published sample; one byte is missing from it.
const PRINTED_SIGN: &str = "W3j7iWptU5CDfXAAl9URzBzb2NpEaBTP4wnYTsv2XFuN70m+SJnlPVpByM7OR5w/zGQWAzmJGIYgJeNwPQDHzP24MPQDtWjPVIMPvzqlTNC2SKnzbhTPCjt3B8cgLc2o/oBhQ6nA9itk0A9lnhe5ZdOZnbOZmIO9Lq2VTEAG6lda5rEK7ycvGEp0t+MnC5rKYJsKS8OWklnB9oRnxd+vNLw+yOGGIExdn1WFrNnQnsNl86sqx7+NdBu0gK/EEvqhWAW+WronOS5I61ymSKNk4d3IGQxflgCsMsPQRBgU8Q6lnCflci7bMeT2gz3zevPZDXFxbtdg2PkEeWKHBXWg==";

#[test]
fn the_signed_param_is_acked_with_its_own_bytes_and_stored() {
    let server = Server::start(&config(ENGINE));
    let reply = server.post_param(PATH, PARAM);
    reply.expect(200, OPEN_API_ACK);
    assert_eq!(reply.header("content-type"), "application/json");
    let refund = server.applied("18184914989277184");
    for (member, expected) in [
        ("provider", json!("paycools")),
        ("account", json!("my")),
        ("provider_refund_no", json!("1818491499290169344")),
        ("status", json!("succeeded")),
        ("provider_status", json!("COMPLETE")),
        ("amount", json!("100.00")),
        ("currency", json!("MYR")),
        ("finished_at", json!("2024-07-31T03:38:55.000Z")),
        ("failure", json!(null)),
        ("attention", json!([])),
    ] {
        assert_eq!(refund[member], expected, "{member} of {refund}");
    }
    server.post_param(PATH, PARAM).expect(200, OPEN_API_ACK);
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn the_flat_form_is_acked_with_its_own_bytes_and_stored() {
    let server = Server::start(&config(ENGINE));
    let reply = server.post_json(PATH, FLAT);
    reply.expect(200, FLAT_ACK);
    assert_eq!(reply.header("content-type"), "application/json");
    let refund = server.applied("CCP20220428011068111");
    assert_eq!(
        (&refund["amount"], &refund["currency"]),
        (&json!("100.00"), &json!("MYR"))
    );
    assert_eq!(refund["status"], "succeeded");
    assert_eq!(refund["finished_at"], "2022-05-31T01:38:06.000Z");
    assert_eq!(server.event_types(), ["refund.succeeded"]);
}

#[test]
fn whole_rupiah_have_no_minor_unit() {
    let server = Server::start(&config(ENGINE));
    server
        .post_json(
            "/callbacks/paycools/id",
            envelope(PARAM, &other_key().sign(PARAM.as_bytes())),
        )
        .expect(200, OPEN_API_ACK);
    let refund = server.applied("18184914989277184");
    assert_eq!(
        (&refund["amount"], &refund["currency"]),
        (&json!("10000.00"), &json!("IDR"))
    );
    assert_eq!(refund["finished_at"], "2024-07-31T04:38:55.000Z");
}

#[test]
fn a_changed_param_a_foreign_signature_and_the_printed_one_are_refused() {
    let server = Server::start(&config(ENGINE));
    let good = provider_key().sign(PARAM.as_bytes());
    let changed = PARAM.replace("10000", "90000");
    let bodies = [
        envelope(&changed, &good),
        envelope(&PARAM.replace(':', ": "), &good),
        envelope(PARAM, &other_key().sign(PARAM.as_bytes())),
        envelope(PARAM, PRINTED_SIGN),
        envelope(PARAM, ""),
        json!({"param": PARAM, "sign": null}).to_string(),
        json!({"param": PARAM}).to_string(),
        FLAT.replace("10000", "90000"),
        FLAT.replace("fdce83e0", "fdce83e1"),
        FLAT.replace(r#","sign":"fdce83e0c687242089e2e63df3d71ea48270fc2c""#, ""),
    ];
    for (number, body) in bodies.iter().enumerate() {
        server.post_json(PATH, body).expect(401, UNAUTHORIZED);
        server.evidence_of(number + 1);
    }
    server.assert_refund_tables_are_empty();
}

#[test]
fn without_a_secret_the_flat_form_is_refused() {
    let server = Server::start(&config(ENGINE));
    server
        .post_json("/callbacks/paycools/id", FLAT)
        .expect(401, UNAUTHORIZED);
    server.assert_refund_tables_are_empty();
}

#[test]
fn members_outside_the_signed_param_have_no_effect() {
    let server = Server::start(&config(ENGINE));
    let sign = provider_key().sign(PARAM.as_bytes());
    let body = json!({
        "param": PARAM, "sign": sign, "refundStatus": "FAILED", "refundAmount": 1,
        "mchRefundOrderId": "another",
    });
    server
        .post_json(PATH, body.to_string())
        .expect(200, OPEN_API_ACK);
    let refund = server.applied("18184914989277184");
    assert_eq!(
        (&refund["status"], &refund["amount"]),
        (&json!("succeeded"), &json!("100.00"))
    );
}

#[test]
fn a_signed_param_that_cannot_be_read_is_acked_and_kept_for_a_person() {
    let server = Server::start(&config(ENGINE));
    let doubled = PARAM.replacen('{', r#"{"refundStatus":"FAILED","#, 1);
    for param in ["no json", "[]", "null", &doubled] {
        server.post_param(PATH, param).expect(200, OPEN_API_ACK);
    }
    for refund in server.refunds("") {
        assert_eq!(attention(&refund), ["invalid_content"], "{refund}");
    }
    assert!(
        !server
            .event_types()
            .contains(&"refund.succeeded".to_owned())
    );
}

#[test]
fn the_status_decides_where_the_event_name_says_otherwise() {
    let server = Server::start(&config(ENGINE));
    let body = flat(&[
        ("eventName", "payment.refund.success"),
        ("mchRefundOrderId", "R-trap"),
        ("refundTransactionId", "C4X1"),
        ("originalTransactionId", "R1"),
        ("refundAmount", "10000"),
        ("refundStatus", "FAILED"),
        ("refundCreateTime", "2022-05-31 09:38:06"),
        ("refundReturnTime", "2022-05-31 09:38:06"),
        ("refundReason", ""),
        ("failedCode", "-10009"),
        ("failedMessage", "Channel Refund Failed"),
    ]);
    server.post_json(PATH, body).expect(200, FLAT_ACK);
    let refund = server.applied("R-trap");
    assert_eq!(refund["status"], "failed");
    assert!(refund["failure"].to_string().contains("-10009"), "{refund}");
}

#[test]
fn a_cancelled_refund_is_canceled_in_each_spelling() {
    let server = Server::start(&config(ENGINE));
    for status in ["CANCEL", "CANCELED", "CANCELLED"] {
        let param = PARAM
            .replace("COMPLETE", status)
            .replace("payment.refund.success", "payment.refund.cancel")
            .replace("18184914989277184", status);
        server.post_param(PATH, &param).expect(200, OPEN_API_ACK);
        assert_eq!(server.applied(status)["status"], "canceled", "{status}");
    }
    assert_eq!(server.event_types(), ["refund.canceled"; 3]);
}

/// A flat body of a failed refund with this text, as the provider signs it; nothing in the text is escaped
/// twice.
fn failed_with(refund_no: &str, message: &str) -> String {
    let signed = format!(
        "eventName=payment.refund.failed&failedCode=-10009&failedMessage={message}&mchRefundOrderId={refund_no}\
         &originalTransactionId=R2&refundAmount=10000&refundStatus=FAILED&refundTransactionId=C4&secret={SECRET}"
    );
    json!({
        "eventName": "payment.refund.failed", "mchRefundOrderId": refund_no, "refundTransactionId": "C4",
        "originalTransactionId": "R2", "refundAmount": 10000, "refundStatus": "FAILED", "failedCode": -10009,
        "failedMessage": message, "sign": sha1_hex(&signed),
    })
    .to_string()
}

#[test]
fn a_line_break_in_a_flat_body_is_no_ambiguity_and_takes_effect() {
    let server = Server::start(&config(ENGINE));
    for (refund_no, message) in [
        ("CC-13", "Channel Refund Failed\nplease retry"),
        ("CC-15", "a\tb = c & d\u{0}"),
    ] {
        server
            .post_json(PATH, failed_with(refund_no, message))
            .expect(200, FLAT_ACK);
        let refund = server.applied(refund_no);
        assert_eq!(refund["status"], "failed", "{refund}");
        assert_eq!(refund["failure"]["code"], "-10009");
        assert_eq!(attention(&refund), Vec::<String>::new());
    }
    server.assert_audit_is_clean(None);
}

#[test]
fn a_flat_body_whose_text_could_be_read_in_two_ways_is_kept_and_asked_about() {
    let server = Server::start(&config(ENGINE));
    let body = failed_with("CC-14", "see https://bank.example/err?code=51&lang=en");
    for _ in 0..2 {
        server.post_json(PATH, &body).expect(200, FLAT_ACK);
    }
    let refund = server.applied("CC-14");
    assert_eq!(refund["status"], "pending");
    assert_eq!(attention(&refund), ["invalid_content"]);
    assert_eq!(refund["attention"][0]["members"], json!(["failedMessage"]));
    for member in ["amount", "order_no", "provider_refund_no", "failure"] {
        assert_eq!(refund[member], json!(null), "{member}");
    }
    assert_eq!(
        server.verdicts(&refund),
        ["invalid"],
        "the second one is a repeat"
    );
    // With a wrong digest it is rejected.
    server
        .post_json(PATH, body.replace("lang=en", "lang=de"))
        .expect(401, UNAUTHORIZED);
    server.assert_audit_is_clean(None);
}

#[test]
fn a_body_made_from_a_recorded_one_cannot_take_its_place() {
    let server = Server::start(&config(ENGINE));
    let good = r#""refundReason":"refund reson","#;
    assert!(FLAT.contains(good));
    // The same text: a member moves into the value before it.
    let crafted = FLAT
        .replace(r#","refundReturnTime":"2022-05-31 09:38:06""#, "")
        .replace(
            "refund reson",
            "refund reson&refundReturnTime=2022-05-31 09:38:06",
        );
    server.post_json(PATH, crafted).expect(200, FLAT_ACK);
    assert_eq!(server.applied("CCP20220428011068111")["status"], "pending");
    server.post_json(PATH, FLAT).expect(200, FLAT_ACK);
    let refund = server.applied("CCP20220428011068111");
    assert_eq!(refund["status"], "succeeded");
    assert_eq!(refund["amount"], "100.00");
    server.assert_audit_is_clean(None);
}
