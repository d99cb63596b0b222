//! The signed part identifies a callback: variants of the rest are repeats.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::audit::AckedFile;
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::paycools::{FLAT, FLAT_ACK, OPEN_API_ACK, PARAM, PATH, config, envelope};
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::{Engine, Server};

const OPEN_API_NO: &str = "18184914989277184";
const FLAT_NO: &str = "CCP20220428011068111";

/// Bodies that the one signature over [`PARAM`] verifies.
fn open_api_variants() -> Vec<String> {
    let sign = provider_key().sign(PARAM.as_bytes());
    let first = envelope(PARAM, &sign);
    let text = |value: &str| serde_json::to_string(value).expect("JSON");
    let (param, sign_text) = (text(PARAM), text(&sign));
    let mut bodies = vec![
        first.clone(),
        format!("{{\"sign\":{sign_text},\"param\":{param}}}"),
        format!(" {{ \"param\" : {param},\n\"sign\" : {sign_text} }} "),
        first.replace("eventName", "\\u0065ventName"),
    ];
    bodies.extend((0..5).map(|number| {
        json!({"param": PARAM, "sign": sign, "n": number, "pad": "x".repeat(9_000)}).to_string()
    }));
    bodies
}

/// Bodies that the one digest of [`FLAT`] verifies.
fn flat_variants() -> Vec<String> {
    let mut bodies = vec![
        FLAT.to_owned(),
        FLAT.replace("fdce83e0c687", "FDCE83E0C687"),
        FLAT.replace("10000", "\"10000\""),
        FLAT.replace(',', " ,\n "),
        FLAT.replacen('{', r#"{"failedCode":"","failedMessage":null,"#, 1),
    ];
    bodies.extend((0..5).map(|n| FLAT.replacen('{', &format!(r#"{{"n{n}":null,"#), 1)));
    bodies
}

fn callbacks(server: &Server, refund_no: &str) -> Vec<Value> {
    let refund = server.applied(refund_no);
    server.callbacks(refund["id"].as_str().expect("an id"))
}

#[test]
fn variants_of_what_is_not_signed_are_repeats() {
    let server = Server::start(&config(ENGINE));
    let acked = AckedFile::new(server.folder());
    for (refund_no, ack, bodies) in [
        (OPEN_API_NO, OPEN_API_ACK, open_api_variants()),
        (FLAT_NO, FLAT_ACK, flat_variants()),
    ] {
        for body in &bodies {
            server.post_json(PATH, body).expect(200, ack);
            acked.add("paycools", "my", refund_no, body);
        }
        let stored = callbacks(&server, refund_no);
        assert_eq!(stored.len(), 1, "{refund_no}");
        assert_eq!(stored[0]["deliveries"], bodies.len());
        assert_eq!(stored[0]["body"], bodies[0], "the first one");
    }
    assert_eq!(server.event_types(), ["refund.succeeded"; 2]);
    let report = server.assert_audit_is_clean(Some(&acked));
    assert_eq!(report["acked"]["lost"], 0, "{report:#}");
}

#[test]
fn the_same_text_signed_in_both_forms_is_two_deliveries() {
    let server = Server::start(&config(ENGINE));
    server.post_json(PATH, FLAT).expect(200, FLAT_ACK);
    let param = FLAT.split(",\"sign\"").next().expect("members").to_owned() + "}";
    server.post_param(PATH, &param).expect(200, OPEN_API_ACK);
    assert_eq!(callbacks(&server, FLAT_NO).len(), 2);
    assert_eq!(server.event_types(), ["refund.succeeded"]);
    server.assert_audit_is_clean(None);
}

#[test]
fn a_variant_that_was_acknowledged_and_not_counted_is_lost() {
    let mut server = Server::start(&config(ENGINE));
    let acked = AckedFile::new(server.folder());
    for body in &open_api_variants()[..3] {
        server.post_json(PATH, body).expect(200, OPEN_API_ACK);
        acked.add("paycools", "my", OPEN_API_NO, body);
    }
    server.applied(OPEN_API_NO);
    server.terminate();
    server.change_store("UPDATE callbacks SET deliveries = 2");
    let (code, report) =
        crate::harness::audit::audit_in(server.folder().path(), Some(acked.path()));
    assert_eq!(
        (code, &report["acked"]["lost"]),
        (1, &json!(1)),
        "{report:#}"
    );
}

/// A row as the release before stored it: known by the digest of its whole body.
fn as_before(server: &Server, body: &str) {
    let digest = sha256_hex(body);
    let literal = match ENGINE {
        Engine::Sqlite => format!("X'{digest}'"),
        Engine::Postgres => format!("'\\x{digest}'::bytea"),
    };
    server.change_store(&format!("UPDATE callbacks SET delivery_key = {literal}"));
}

#[test]
fn a_repeat_of_what_an_earlier_release_stored_is_recognised() {
    let server = Server::start(&config(ENGINE));
    let bodies = open_api_variants();
    server.post_json(PATH, &bodies[0]).expect(200, OPEN_API_ACK);
    server.applied(OPEN_API_NO);
    as_before(&server, &bodies[0]);
    server.post_json(PATH, &bodies[0]).expect(200, OPEN_API_ACK);
    let stored = callbacks(&server, OPEN_API_NO);
    assert_eq!((stored.len(), &stored[0]["deliveries"]), (1, &json!(2)));
    // Of other bytes it cannot know that they are the same delivery, but only once.
    for body in &bodies[1..] {
        server.post_json(PATH, body).expect(200, OPEN_API_ACK);
    }
    assert_eq!(callbacks(&server, OPEN_API_NO).len(), 2);
    assert_eq!(server.event_types(), ["refund.succeeded"]);
    server.assert_audit_is_clean(None);
}

#[test]
fn the_headers_that_are_kept_are_bounded() {
    let server = Server::start(&crate::harness::paycools::accounts(
        crate::harness::ConfigBuilder::new(ENGINE),
    ));
    let media = format!("application/json; x={}", "z".repeat(20_000));
    let agent = "u".repeat(20_000);
    let headers = [("content-type", media.as_str()), ("user-agent", &agent)];
    let sign = provider_key().sign(PARAM.as_bytes());
    server
        .post(PATH, &headers, envelope(PARAM, &sign))
        .expect(200, OPEN_API_ACK);
    let notice = Notice::new("R-1", "REFUND_SUCCESS").text();
    let sign = provider_key().sign(notice.as_bytes());
    let signed = [headers[0], headers[1], ("sign", sign.as_str())];
    server.post(MAIN, &signed, &notice).expect(200, ACK);
    for refund_no in [OPEN_API_NO, "R-1"] {
        let stored = callbacks(&server, refund_no);
        let headers = stored[0]["headers"].as_object().expect("headers");
        for (name, value) in headers {
            let value = value.as_str().expect("a text");
            assert!(value.len() <= 1_400, "{name} of {refund_no}");
        }
        assert_eq!(headers["user-agent"], "u".repeat(1_400));
    }
    server.assert_audit_is_clean(None);
}
