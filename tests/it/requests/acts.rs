//! What callers and operators do to a request and to an account.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::ENGINE;
use crate::harness::Reply;
use crate::harness::reader::{attention, expect_problem, text};
use crate::harness::sandbox::{Circle, NEVER, Setting, body};
use crate::harness::wait_for;

#[track_caller]
fn code(reply: &Reply, status: u16) -> String {
    expect_problem(reply, status);
    text(&reply.json()["code"])
}

fn act(circle: &Circle, id: &str, act: &str) -> Reply {
    circle.post(&format!("/v1/refunds/{id}/{act}"), &json!({}))
}

/// Acts, readers and what they are about, as the log has them.
fn said(circle: &Circle) -> Vec<[String; 3]> {
    let log = circle.server.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("a reader has changed something"));
    lines
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            ["act", "reader", "about"].map(|member| text(&line[member]))
        })
        .collect()
}

#[test]
fn what_is_done_to_refunds_and_accounts_is_said_with_the_readers_name() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle.switch("quickpay/store-1", "stop");
    let canceled = circle.request(&body("quickpay/store-1", "Q1OK"));
    act(&circle, &canceled, "cancel").expect_json(200);
    circle.switch("quickpay/store-1", "resume");
    let asked = circle.request(&body("payermax/main", "R1PEND"));
    circle.comes_to(&asked, "accepted");
    circle.ask(&asked);
    let failed = circle.request(&body("quickpay/store-1", "Q1FAIL"));
    circle.comes_to(&failed, "failed");
    assert_eq!(circle.resend(&failed).status, 202);
    let expected = [
        ("account_stopped", "quickpay/store-1"),
        ("refund_requested", canceled.as_str()),
        ("refund_canceled", &canceled),
        ("account_resumed", "quickpay/store-1"),
        ("refund_requested", &asked),
        ("refund_asked", &asked),
        ("refund_requested", &failed),
        ("refund_resent", &failed),
    ];
    let said = said(&circle);
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for ([act, reader, about], (wanted, of)) in said.iter().zip(expected) {
        assert_eq!(
            (act.as_str(), reader.as_str()),
            (wanted, "caller"),
            "{said:#?}"
        );
        assert!(about.contains(of), "{about} is not about {of}");
    }
}

#[test]
fn a_request_is_canceled_only_before_anything_was_sent() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle.switch("payermax/main", "stop");
    let id = circle.request(&body("payermax/main", "R1OK"));
    let refund = act(&circle, &id, "cancel").expect_json(200);
    assert_eq!(
        (&refund["status"], &refund["request"]["state"]),
        (&json!("canceled"), &json!("canceled"))
    );
    assert_eq!(
        circle.events_of(&id),
        ["refund.requested", "refund.canceled"]
    );
    assert_eq!(code(&act(&circle, &id, "cancel"), 409), "already_sent");
    circle.switch("payermax/main", "resume");
    let sent = circle.request(&body("payermax/main", "R2PEND"));
    circle.comes_to(&sent, "accepted");
    assert_eq!(code(&act(&circle, &sent, "cancel"), 409), "already_sent");
    assert_eq!(circle.refund(&sent)["status"], "pending");
    assert_eq!(circle.sandbox.sends("R1OK"), 0);
    // Its amount is free again.
    let mut whole = body("quickpay/store-1", "Q1OK");
    whole["amount"] = json!("20.00");
    circle.switch("quickpay/store-1", "stop");
    let first = circle.request(&whole);
    act(&circle, &first, "cancel").expect_json(200);
    whole["refund_no"] = json!("Q2OK");
    circle.request(&whole);
    assert_eq!(
        code(
            &act(&circle, "rf_00000000-0000-7000-8000-000000000000", "cancel"),
            404
        ),
        "not_found"
    );
}

#[test]
fn a_request_that_waits_for_another_try_is_not_canceled() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle
        .sandbox
        .arm("payermax", "refund", "code:TOO_MANY_REQUEST");
    let id = circle.request(&body("payermax/main", "R1OK"));
    let refund = circle.until(&id, "the answer", |refund| {
        refund["request"]["result"].is_object()
    });
    let request = &refund["request"];
    assert_eq!(
        (&request["state"], &request["result"]["class"]),
        (&json!("queued"), &json!("later"))
    );
    assert!(request["next_at"].is_string());
    assert_eq!(refund["status"], "pending");
    assert_eq!(code(&act(&circle, &id, "cancel"), 409), "already_sent");
}

#[test]
fn a_stopped_account_sends_nothing_and_others_go_on() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle.switch("payermax/main", "stop");
    let stopped = circle.stopped("payermax/main");
    assert_eq!(
        (&stopped["reason"], &stopped["by"]),
        (&json!("a test"), &json!("caller"))
    );
    let held = circle.request(&body("payermax/main", "R1OK"));
    let other = circle.request(&body("quickpay/store-1", "Q1OK"));
    circle.comes_to(&other, "done");
    assert_eq!(circle.refund(&held)["request"]["state"], "queued");
    circle.switch("payermax/main", "resume");
    assert!(circle.stopped("payermax/main").is_null());
    circle.comes_to(&held, "done");
    // Twice is no error, and neither is an account that cannot send known.
    circle.switch("payermax/main", "resume");
    let reply = circle.post("/v1/accounts/payermax/none/stop", &json!({"reason": "x"}));
    assert_eq!(code(&reply, 404), "not_found");
    assert!(
        text(&reply.json()["detail"]).contains("account"),
        "{}",
        reply.text()
    );
    let reply = circle.post("/v1/accounts/payermax/main/stop", &json!({"reason": " "}));
    assert_eq!(code(&reply, 400), "invalid_body");
}

#[test]
fn a_refusal_of_our_credentials_stops_the_account_until_it_is_resumed() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    circle
        .sandbox
        .arm("payermax", "refund", "code:SIGN_VERIFY_FAILED");
    let refused = circle.request(&body("payermax/main", "R1OK"));
    let refund = circle.comes_to(&refused, "refused");
    assert_eq!(refund["failure"]["code"], "SIGN_VERIFY_FAILED");
    let stopped = wait_for("a stop", || {
        Some(circle.stopped("payermax/main")).filter(serde_json::Value::is_object)
    });
    assert!(text(&stopped["reason"]).contains("SIGN_VERIFY_FAILED") && stopped["by"].is_null());
    let held = circle.request(&body("payermax/main", "R2OK"));
    assert_eq!(circle.refund(&held)["request"]["state"], "queued");
    circle.switch("payermax/main", "resume");
    circle.comes_to(&held, "done");
    // The refused one is sent again by a person, under its number.
    assert_eq!(circle.resend(&refused).status, 202);
    let refund = circle.comes_to(&refused, "done");
    assert_eq!(
        (&refund["status"], &refund["failure"]),
        (&json!("succeeded"), &json!(null))
    );
    assert_eq!(attention(&refund).len(), 0, "{refund:#}");
    assert_eq!(
        (circle.sandbox.moved("R1OK"), circle.sandbox.sends("R1OK")),
        (1, 2)
    );
    let events = circle.events_of(&refused);
    let expected = [
        "refund.requested",
        "refund.failed",
        "refund.requested",
        "refund.pending",
        "refund.succeeded",
    ];
    assert_eq!(events, expected);
    circle.assert_agrees();
}

#[test]
fn a_number_is_sent_again_only_where_the_documents_allow_it() {
    let circle = Circle::start(ENGINE, "manual", NEVER);
    let accepted = circle.request(&body("payermax/main", "R1OK"));
    circle.comes_to(&accepted, "accepted");
    assert_eq!(code(&circle.resend(&accepted), 409), "resend_not_allowed");
    circle.sandbox.advance("2s");
    circle.comes_to(&accepted, "done");
    assert_eq!(code(&circle.resend(&accepted), 409), "resend_not_allowed");
    let failed = circle.request(&body("payermax/main", "R2FAIL"));
    circle.comes_to(&failed, "accepted");
    circle.sandbox.advance("2s");
    circle.comes_to(&failed, "failed");
    assert_eq!(code(&circle.resend(&failed), 409), "resend_not_allowed");
    // QuickPay wants a failed one under its number again.
    let failed = circle.request(&body("quickpay/store-1", "Q1FAIL"));
    circle.comes_to(&failed, "failed");
    assert_eq!(circle.resend(&failed).status, 202);
    circle.comes_to(&failed, "done");
    assert_eq!(
        (
            circle.sandbox.moved("Q1FAIL"),
            circle.sandbox.sends("Q1FAIL")
        ),
        (1, 2)
    );
    for reason in ["", " ", "two\nlines", &"x".repeat(501)] {
        let reply = circle.post(
            &format!("/v1/refunds/{accepted}/resend"),
            &json!({"reason": reason}),
        );
        assert_eq!(code(&reply, 400), "invalid_body", "{reason:?}");
    }
    circle.assert_agrees();
}

#[test]
fn what_is_final_or_not_sent_is_not_asked_about() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    let done = circle.request(&body("quickpay/store-1", "Q1OK"));
    circle.comes_to(&done, "done");
    assert_eq!(code(&act(&circle, &done, "ask"), 409), "nothing_to_ask");
    circle.switch("quickpay/store-1", "stop");
    let queued = circle.request(&body("quickpay/store-1", "Q2OK"));
    assert_eq!(code(&act(&circle, &queued, "ask"), 409), "nothing_to_ask");
    assert_eq!(circle.asks(&done), 0);
}

#[test]
fn an_account_that_is_no_sandbox_believes_no_sandbox_and_stops() {
    let setting = Setting::with(ENGINE, "real", NEVER, |accounts| {
        accounts.replace("sandbox = true\n", "")
    });
    let circle = setting.serve();
    let id = circle.request(&body("quickpay/store-1", "Q1OK"));
    let refund = circle.comes_to(&id, "unknown");
    assert_eq!(refund["status"], "pending");
    assert_eq!(refund["request"]["result"]["code"], "sandbox");
    let stopped = circle.stopped("quickpay/store-1");
    assert!(text(&stopped["reason"]).contains("sandbox"), "{stopped}");
}

/// Answers everything with 200, and keeps what it was asked.
fn someone_else() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut piece = [0; 8_192];
            let length = stream.read(&mut piece).unwrap_or(0);
            let request = String::from_utf8_lossy(&piece[..length]).into_owned();
            keeps.lock().expect("no panic").push(request);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    (address.to_string(), heard)
}

#[test]
fn an_account_of_a_sandbox_sends_to_nothing_else() {
    let (address, heard) = someone_else();
    let setting = Setting::with(ENGINE, "real", NEVER, |accounts| {
        let at = accounts.find("/quickpay\"").expect("an address");
        let start = accounts[..at].rfind("http://").expect("an address");
        format!("{}http://{address}{}", &accounts[..start], &accounts[at..])
    });
    let circle = setting.serve();
    let id = circle.request(&body("quickpay/store-1", "Q1OK"));
    let stopped = wait_for("a stop", || {
        Some(circle.stopped("quickpay/store-1")).filter(serde_json::Value::is_object)
    });
    assert!(
        text(&stopped["reason"]).contains("not_a_sandbox"),
        "{stopped}"
    );
    let refund = circle.refund(&id);
    assert_eq!(
        (&refund["request"]["state"], &refund["request"]["attempts"]),
        (&json!("queued"), &json!(0))
    );
    let heard = heard.lock().expect("no panic");
    assert!(
        heard.iter().all(|head| head.starts_with("GET ")),
        "{heard:#?}"
    );
    assert!(
        heard
            .iter()
            .all(|head| !head.contains("Q1OK") && !head.contains("x-api-key")),
        "{heard:#?}"
    );
}
