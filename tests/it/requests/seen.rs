//! What readers and operators see: watched refunds, the timeline, accounts, and no secret anywhere.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::injection::WallClock;
use crate::harness::keys::sha256_hex;
use crate::harness::payermax::{ACK, MAIN};
use crate::harness::reader::{attention, is_utc_milliseconds, text};
use crate::harness::sandbox::{
    ACCOUNTS, CALLER_TOKEN, Circle, NEVER, QUICK, Setting, body, payermax_notice,
};
use crate::harness::{Engine, Server};

/// The body of a refund that another system has sent.
fn watched(account: &str, number: &str) -> Value {
    let mut body = body(account, number);
    body["mode"] = json!("watch");
    body
}

#[test]
fn a_watched_refund_is_never_sent_and_its_outcome_is_asked_for() {
    let circle = Circle::start(ENGINE, "real", QUICK);
    let id = circle.request(&watched("quickpay/store-1", "Q1OK"));
    circle.wait_for_entries(&id, "ask", 2);
    let refund = circle.refund(&id);
    assert_eq!(
        (&refund["request"]["mode"], &refund["request"]["attempts"]),
        (&json!("watch"), &json!(0))
    );
    assert_eq!(refund["status"], "pending");
    assert_eq!(circle.sandbox.sends("Q1OK"), 0);
    // It arrives there, from elsewhere.
    let id = circle.request(&watched("payermax/main", "R1OK"));
    circle.wait_for_entries(&id, "ask", 1);
    circle
        .server
        .notify(MAIN, payermax_notice("R1OK", "REFUND_SUCCESS"))
        .expect(200, ACK);
    let refund = circle.comes_to(&id, "done");
    assert_eq!(
        (&refund["status"], attention(&refund).len()),
        (&json!("succeeded"), 0)
    );
    assert_eq!(circle.sandbox.sends("R1OK"), 0);
    let mut unnamed = watched("payermax/main", "x");
    unnamed
        .as_object_mut()
        .expect("an object")
        .remove("refund_no");
    let headers = [("idempotency-key", "k")];
    let reply = circle
        .server
        .post_as_caller("/v1/refunds", &headers, &unnamed);
    assert_eq!(reply.expect_json(422)["errors"][0]["pointer"], "/refund_no");
}

#[test]
fn a_refund_whose_callback_was_faster_can_be_watched_afterwards() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle
        .server
        .notify(MAIN, payermax_notice("R1OK", "REFUND_SUCCESS"))
        .expect(200, ACK);
    let known = circle.server.applied("R1OK");
    let id = circle.request(&watched("payermax/main", "R1OK"));
    assert_eq!(json!(id), known["id"]);
    let refund = circle.refund(&id);
    assert_eq!(
        (&refund["status"], &refund["request"]["state"]),
        (&json!("succeeded"), &json!("done"))
    );
}

/// The clock of the machine jumps; PostgreSQL has one of its own, which none can.
#[test]
fn an_outcome_that_does_not_come_asks_a_person_and_is_asked_for_all_the_same() {
    if ENGINE == Engine::Postgres {
        return;
    }
    let setting = Setting::new(ENGINE, "real", NEVER);
    let mut server = Server::stopped(&setting.config);
    let clock = WallClock::of(&mut server);
    server.restart();
    let circle = setting.serve_with(server);
    let id = circle.request(&body("quickpay/store-1", "Q1PEND"));
    let watched = circle.request(&watched("quickpay/store-1", "Q2"));
    circle.comes_to(&id, "accepted");
    clock.jump("+25h");
    for id in [&id, &watched] {
        let refund = circle.until(id, "a question", |refund| !attention(refund).is_empty());
        assert_eq!(attention(&refund), ["outcome_overdue"]);
        assert_eq!(refund["status"], "pending");
        assert!(refund["request"]["next_at"].is_string(), "{refund:#}");
        circle.wait_for_entries(id, "ask", 1);
    }
    assert_eq!(circle.server.count_events("refund.attention"), 2);
}

#[test]
fn the_timeline_explains_a_refund_from_the_intent_to_its_end() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let id = circle.request(&body("payermax/main", "R1OK"));
    circle.comes_to(&id, "accepted");
    circle.ask(&id);
    circle.wait_for_entries(&id, "ask", 1);
    circle.sandbox.advance("2s");
    circle.comes_to(&id, "done");
    // The claims of the two replies, and the provider's callback.
    circle.wait_for_entries(&id, "callback", 3);
    let timeline = circle.timeline(&id);
    let kinds: Vec<_> = timeline.iter().map(|entry| text(&entry["kind"])).collect();
    let place = |kind: &str| {
        kinds
            .iter()
            .position(|known| known == kind)
            .expect("it is there")
    };
    assert_eq!(place("intent"), 0, "{kinds:?}");
    assert!(place("attempt") < place("ask"), "{kinds:?}");
    let mut before = String::new();
    for entry in &timeline {
        assert!(is_utc_milliseconds(&entry["at"]), "{entry:#}");
        assert!(text(&entry["at"]) >= before, "{kinds:?}");
        before = text(&entry["at"]);
    }
    let intent = &timeline[0];
    assert_eq!(
        (&intent["requested_by"], &intent["mode"]),
        (&json!("caller"), &json!("submit"))
    );
    assert_eq!(intent["intent"]["reason"], "returned");

    let sent = &timeline[place("attempt")];
    let said = text(&sent["request"]["body"]);
    assert!(
        said.contains("\"outRefundNo\":\"R1OK\"") && said.contains("\"refundAmount\":10000"),
        "{said}"
    );
    assert_eq!(sent["request"]["method"], "POST");
    assert!(text(&sent["request"]["url"]).ends_with("/refund"));
    assert_eq!(sent["request"]["body_sha256"], json!(sha256_hex(&said)));
    assert_eq!(
        (&sent["reply"]["status"], &sent["class"]),
        (&json!(200), &json!("accepted"))
    );
    assert!(text(&sent["reply"]["body"]).contains("REFUND_PENDING"));
    assert_eq!(sent["reply"]["headers"]["x-sandbox"], "refund-receiver");
    let told: Vec<_> = timeline
        .iter()
        .filter(|entry| entry["kind"] == "event")
        .collect();
    let types: Vec<_> = told.iter().map(|entry| text(&entry["type"])).collect();
    assert_eq!(
        types,
        ["refund.requested", "refund.pending", "refund.succeeded"]
    );
    // A reply is a callback with the attempt that it answers; the provider's own has none.
    let claims: Vec<_> = timeline
        .iter()
        .filter(|entry| entry["kind"] == "callback")
        .collect();
    assert!(
        claims.iter().any(|claim| claim["attempt_id"] == sent["id"]),
        "{claims:#?}"
    );
    assert!(
        claims.iter().any(|claim| claim["attempt_id"].is_null()),
        "{claims:#?}"
    );
}

/// Every secret of a config that the sandbox prints.
fn secrets(config: &str) -> Vec<String> {
    let names = [
        "private_key = \"",
        "password = \"",
        "x-api-key\" = \"",
        "secret = \"",
        "relay_secrets = [\"",
    ];
    let mut found = Vec::new();
    for name in names {
        for (at, _) in config.match_indices(name) {
            let rest = &config[at + name.len()..];
            found.push(rest[..rest.find('"').expect("an end")].to_owned());
        }
    }
    assert!(found.len() >= 10, "{}", found.len());
    found
}

#[test]
fn no_secret_of_an_account_is_shown_anywhere() {
    let mut secret = Vec::new();
    let mut setting = Setting::with(ENGINE, "real", QUICK, |accounts| {
        secret = secrets(&accounts);
        accounts
    });
    setting.config = setting
        .config
        .variable("RUST_LOG", "trace,ureq=trace,tokio_postgres=info");
    let mut circle = setting.serve();
    let mut shown = String::new();
    let mut ids = Vec::new();
    for (index, account) in ACCOUNTS.iter().enumerate() {
        ids.push(circle.request(&body(account, &format!("R{index}OK"))));
        // Asked about, by the bank's client, too.
        let provider = account.split('/').next().expect("a provider");
        let number = format!("R{index}LOST");
        let fault = json!({"provider": provider, "call": "refund", "number": number, "fault": "after-accept-500"});
        circle.sandbox.arm_with(&fault);
        ids.push(circle.request(&body(account, &number)));
    }
    let mut tokens = 0;
    for id in &ids {
        circle.comes_to(id, "done");
        let timeline = circle.timeline(id);
        // What proves a caller is masked, and named all the same.
        for entry in &timeline {
            // A digest of bytes that are masked would let anyone try out a password.
            if let Some(sent) = entry["request"]["body"].as_str() {
                let digest = &entry["request"]["body_sha256"];
                assert_eq!(*digest, json!(sha256_hex(sent)), "{entry:#}");
            }
            if let Some(headers) = entry["request"]["headers"].as_object() {
                tokens += headers
                    .values()
                    .filter(|value| **value == "********")
                    .count();
            }
        }
        shown.push_str(&json!(timeline).to_string());
        shown.push_str(
            &circle
                .get(&format!("/v1/refunds/{id}/callbacks"))
                .to_string(),
        );
    }
    assert!(
        tokens >= 4,
        "headers of two providers, two calls each: {tokens}"
    );
    shown.push_str(&circle.get("/v1/refunds?limit=200").to_string());
    shown.push_str(&circle.get("/v1/accounts").to_string());
    shown.push_str(&json!(circle.server.events()).to_string());
    shown.push_str(circle.server.get("/metrics").text());
    assert_eq!(circle.server.terminate().code(), Some(0));
    shown.push_str(&circle.server.log());
    assert!(shown.contains("R0LOST"), "it is about them");
    for secret in secret.iter().chain([&CALLER_TOKEN.to_owned()]) {
        let at = shown.find(secret.as_str());
        let around = at.map(|at| &shown[at.saturating_sub(200)..at]);
        assert!(around.is_none(), "a secret is shown after: {around:?}");
    }
    // The token of nManagement, which is made at each login.
    assert!(!shown.contains("Bearer sandbox."), "a token is shown");
    assert!(!shown.contains("pass="), "a password is in a URL");
}

#[test]
fn accounts_say_what_they_can_and_hide_what_they_know() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let accounts = circle.get("/v1/accounts");
    let all = accounts["data"].as_array().expect("a list");
    assert_eq!(all.len(), ACCOUNTS.len());
    for account in all {
        let can: Vec<_> = account["can"]
            .as_array()
            .expect("a list")
            .iter()
            .map(text)
            .collect();
        let expected: &[&str] = match account["provider"].as_str() {
            Some("quickpay" | "nmanagement") => &["relay", "submit", "ask"],
            _ => &["callback", "submit", "ask"],
        };
        assert_eq!(can, expected, "{account:#}");
        assert_eq!(account["sandbox"], true);
        assert!(account["stopped"].is_null());
    }
}
