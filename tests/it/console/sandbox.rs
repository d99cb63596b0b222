//! The page of the sandbox: what it is at, faults and the clock, and that nothing else is called.

use super::ENGINE;
use crate::harness::Server;
use crate::harness::console::{Browser, LOOKER_TOKEN, OPERATOR_TOKEN, config, toml};
use crate::harness::reader::percent_encoded;
use crate::harness::sandbox::{Circle, NEVER, Setting, body};

fn circle(clock: &str) -> Circle {
    let mut setting = Setting::new(ENGINE, clock, NEVER);
    setting.config = setting.config.toml(&toml());
    setting.serve()
}

/// The address of an act on the sandbox.
fn place(circle: &Circle, act: &str) -> String {
    let at = percent_encoded(&circle.sandbox.url);
    format!("/console/sandbox/{act}?at={at}")
}

#[test]
fn without_a_sandbox_there_is_no_page() {
    let server = Server::start(&config(ENGINE));
    let browser = Browser::logged_in(&server, OPERATOR_TOKEN);
    assert_eq!(browser.get("/console/sandbox").status, 404);
    assert!(!browser.page("/console/").contains("/console/sandbox"));
}

#[test]
fn a_fault_is_armed_seen_and_disarmed() {
    let circle = circle("manual");
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    assert!(
        browser
            .page("/console/")
            .contains("href=\"/console/sandbox\"")
    );
    let form = browser.page(&place(&circle, "arm"));
    assert!(
        form.contains("<option value=\"after-accept-cut\">"),
        "{form}"
    );
    let fields = [
        ("fault", "no-such-fault<b>"),
        ("provider", "payermax"),
        ("call", "refund"),
        ("times", "2"),
        ("reason", "what readers see"),
    ];
    let rejected = browser.submit(&place(&circle, "arm"), &fields);
    assert_eq!(rejected.status, 400, "{}", rejected.text());
    assert!(!rejected.text().contains("<b>"), "{}", rejected.text());
    let mut fields = fields;
    fields[0] = ("fault", "before-accept-503");
    let armed = browser.submit(&place(&circle, "arm"), &fields);
    assert_eq!(
        (armed.status, armed.header("location")),
        (303, "/console/sandbox?done=armed")
    );
    let page = browser.page("/console/sandbox");
    assert!(page.contains("<code>before-accept-503</code>"), "{page}");
    assert!(page.contains("<td class=\"num\">2</td>"), "{page}");
    let made = circle.request(&body("payermax/main", "RSANDBOXPAGE"));
    circle.until(&made, "it was sent", |refund| {
        refund["request"]["attempts"] == 1
    });
    let page = browser.page("/console/sandbox");
    assert!(page.contains("<bdi>RSANDBOXPAGE</bdi>"), "{page}");
    let disarmed = browser.submit(&place(&circle, "disarm"), &[("reason", "seen")]);
    assert_eq!(disarmed.status, 303, "{}", disarmed.text());
    assert!(
        !browser
            .page("/console/sandbox")
            .contains("before-accept-503</code></td><td>payermax")
    );
    let trail = circle.get("/v1/audit?act=sandbox_changed");
    let reasons: Vec<_> = trail["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| &entry["reason"])
        .collect();
    assert_eq!(reasons, ["seen", "what readers see"]);
    assert_eq!(
        trail["data"][1]["after"]["body"]["fault"],
        "before-accept-503"
    );
}

#[test]
fn its_clock_moves_only_where_it_is_manual_and_for_a_reason() {
    let circle = circle("manual");
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    let before = circle.sandbox.clock();
    let clock = place(&circle, "clock");
    assert_eq!(
        browser
            .submit(&clock, &[("advance", "13h"), ("reason", " ")])
            .status,
        400
    );
    assert_eq!(
        browser
            .submit(&clock, &[("advance", "-1h"), ("reason", "back")])
            .status,
        400
    );
    assert_eq!(circle.sandbox.clock(), before);
    let moved = browser.submit(&clock, &[("advance", "13h"), ("reason", "the last retry")]);
    assert_eq!(moved.status, 303, "{}", moved.text());
    assert_ne!(circle.sandbox.clock(), before);
}

#[test]
fn only_a_sandbox_of_the_config_is_called_and_only_by_operators() {
    let circle = circle("real");
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    for other in ["http://127.0.0.1:1", "", "http://169.254.169.254"] {
        let place = format!("/console/sandbox/disarm?at={}", percent_encoded(other));
        assert_eq!(browser.get(&place).status, 404, "{other}");
        let reply = browser.submit(&place, &[("reason", "elsewhere")]);
        assert_eq!(reply.status, 404, "{other}");
    }
    let looker = Browser::logged_in(&circle.server, LOOKER_TOKEN);
    looker.page("/console/sandbox");
    assert_eq!(looker.get(&place(&circle, "arm")).status, 403);
    let reply = looker.submit(&place(&circle, "disarm"), &[("reason", "mine")]);
    assert_eq!(reply.status, 403);
}

#[test]
fn a_sandbox_that_is_away_is_said_so() {
    let mut circle = circle("real");
    circle.sandbox.stop();
    let browser = Browser::logged_in(&circle.server, OPERATOR_TOKEN);
    let page = browser.page("/console/sandbox");
    assert!(page.contains("class=\"alert\""), "{page}");
    let reply = browser.submit(&place(&circle, "disarm"), &[("reason", "gone")]);
    assert_eq!(reply.status, 409, "{}", reply.text());
    let trail = circle.get("/v1/audit?act=sandbox_changed");
    assert_eq!(trail["data"].as_array().map(Vec::len), Some(0));
}
