//! An account that loses its `[accounts.api]` while refunds of it are open: nothing sends them and nothing asks.

use serde_json::json;

use super::{ENGINE, SEND, refund, requested};
use crate::harness::provider::{Provider, quickpay, refunded};
use crate::harness::reader::{attention, expect_problem};
use crate::harness::sandbox::body;
use crate::harness::{Server, relay, wait_for};

/// The config as it is, with an account that is only relayed.
fn without_api(config: &str) -> String {
    let start = config.find("[accounts.api]").expect("the section");
    let end = start + config[start..].find("\n\n").expect("its end");
    let relayed = "relay_secrets = [\"file:relay.secret\"]";
    format!("{}{relayed}{}", &config[..start], &config[end..])
}

fn restart_with(server: &mut Server, config: &str) {
    server.terminate();
    std::fs::write(server.config_path(), config).expect("a file can be written");
    // As if nothing had taken them for long.
    server.change_store("UPDATE requests SET next_at = 1 WHERE next_at IS NOT NULL");
    server.restart();
}

#[test]
fn a_person_is_asked_about_them_callers_get_the_same_answer_and_they_go_on_once_it_is_back() {
    let provider = Provider::start(|call| match (call.path.as_str(), call.nth) {
        // The first is not known, the second has to wait.
        (SEND, 1) => (500, "{}".to_owned()),
        (SEND, 2) => (429, "{}".to_owned()),
        (SEND, _) => (200, refunded("Q2")),
        _ => (200, refunded("Q1")),
    });
    let config = quickpay(ENGINE, &provider.url(), "");
    let config = config.file("relay.secret", &relay::text(relay::SECRET));
    let mut server = Server::start(&config);
    let asked = |server: &Server, number: &str| {
        server.post_as_caller("/v1/refunds", &[], &body("quickpay/store-1", number))
    };
    let ids = [("Q1", "unknown"), ("Q2", "queued")].map(|(number, state)| {
        let id = requested(&server, number);
        wait_for(&format!("{number} to be {state}"), || {
            let request = refund(&server, &id)["request"].clone();
            (request["state"] == state && request["attempts"] == 1).then_some(())
        });
        id
    });
    let config = std::fs::read_to_string(server.config_path()).expect("its config");
    restart_with(&mut server, &without_api(&config));
    for (id, question) in ids.iter().zip(["outcome_overdue", "cannot_send"]) {
        wait_for(question, || {
            (attention(&refund(&server, id)) == [question]).then_some(())
        });
    }
    let log = server.log();
    assert!(log.contains("has no [accounts.api]"), "{log}");
    // A caller that is not sure asks again, and is not told that nothing was taken.
    let again = asked(&server, "Q1").expect_json(200);
    assert_eq!(again["id"], json!(ids[0]));
    expect_problem(&asked(&server, "Q3"), 422);

    restart_with(&mut server, &config);
    let ask = server.post_as_caller(&format!("/v1/refunds/{}/ask", ids[0]), &[], &json!({}));
    assert!(ask.status < 300, "{}", ask.text());
    for id in &ids {
        wait_for("it to be done", || {
            let refund = refund(&server, id);
            let is_done = refund["request"]["state"] == "done";
            (is_done && attention(&refund).is_empty()).then_some(())
        });
    }
    server.assert_audit_is_clean(None);
}
