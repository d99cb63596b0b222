//! Callbacks about something else on the same URL: verified, acknowledged, counted, forgotten.

use super::ENGINE;
use crate::harness::keys::{other_key, sha1_hex};
use crate::harness::paycools::{FLAT_ACK, OPEN_API_ACK, PARAM, PATH, SECRET};
use crate::harness::payermax::{ACK, MAIN, Notice, OLD, OLD_ACK, UNAUTHORIZED};
use crate::harness::{ConfigBuilder, Server, paycools};

/// Bodies about payments: the path, the body, the success body.
fn payments() -> [(&'static str, String, &'static str); 4] {
    let new = Notice::new("R-07", "REFUND_SUCCESS").text();
    let old = r#"{"merchantId":"SP12345678","tradeNo":"T-1","orderId":"P-1","status":1,"orderAmount":"10","currency":"SAR"}"#;
    let param = PARAM.replace("payment.refund.success", "payment.success");
    let digest = sha1_hex(&format!(
        "eventName=payment.success&mchOrderId=P-1&secret={SECRET}"
    ));
    let flat = format!(r#"{{"eventName":"payment.success","mchOrderId":"P-1","sign":"{digest}"}}"#);
    [
        (MAIN, new.replace(r#""REFUND","#, r#""PAYMENT","#), ACK),
        (OLD, old.to_owned(), OLD_ACK),
        (PATH, param, OPEN_API_ACK),
        (PATH, flat, FLAT_ACK),
    ]
}

fn post(server: &Server, path: &str, body: &str) -> crate::harness::Reply {
    match path {
        PATH if body.contains("\"sign\"") => server.post_json(path, body),
        PATH => server.post_param(path, body),
        _ => server.notify(path, body),
    }
}

#[test]
fn what_is_about_something_else_is_acked_counted_and_stored_nowhere() {
    let server = Server::start(&paycools::accounts(ConfigBuilder::new(ENGINE)));
    for _ in 0..3 {
        for (path, body, ack) in payments() {
            post(&server, path, &body).expect(200, ack);
        }
    }
    server.assert_refund_tables_are_empty();
    let metrics = server.get_with("/metrics", &[]).text().to_owned();
    for (provider, account, count) in [
        ("payermax", "main", 3),
        ("payermax", "old", 3),
        ("paycools", "my", 6),
    ] {
        let line = format!(
            "refund_receiver_other_callbacks_total{{provider=\"{provider}\",account=\"{account}\"}} {count}"
        );
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    let log = server.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("not about a refund"));
    assert_eq!(lines.count(), 1, "one line a minute: {log}");
    assert_eq!(server.event_types(), Vec::<String>::new());
}

#[test]
fn what_is_about_something_else_is_refused_without_a_good_signature() {
    let server = Server::start(&paycools::accounts(ConfigBuilder::new(ENGINE)));
    let payments = payments();
    for (path, body, _) in &payments[..2] {
        let sign = other_key().sign(body.as_bytes());
        server
            .post_signed(path, body, &sign)
            .expect(401, UNAUTHORIZED);
    }
    let param = paycools::envelope(&payments[2].1, &other_key().sign(payments[2].1.as_bytes()));
    server.post_json(PATH, param).expect(401, UNAUTHORIZED);
    server
        .post_json(PATH, payments[3].1.replace("P-1", "P-2"))
        .expect(401, UNAUTHORIZED);
    // Signed, but for another merchant.
    let (path, body, _) = &payments[0];
    server
        .notify(path, body.replace("020213827212251", "020213827212252"))
        .expect(401, UNAUTHORIZED);
    assert_eq!(server.evidence_of(5).len(), 5);
    server.assert_refund_tables_are_empty();
}
