//! The merchant's balance at the provider is too small.

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::Place;
use crate::harness::injection::WallClock;
use crate::harness::reader::{attention, is_utc_milliseconds, text};
use crate::harness::sandbox::{Circle, NEVER, Setting, body};
use crate::harness::{Server, wait_for};

/// An account whose requests carry no time, so that ours may jump.
const ACCOUNT: &str = "paycools/ph";
const CODE: &str = "1006";
/// One whose refunds are put off for an hour, so that none comes again by itself.
const HOURLY: &str = "payermax/main";
const HOURLY_CODE: &str = "REFUND_INSUFFICIENT_BALANCE";
const METRIC: &str = r#"refund_receiver_account_stopped{provider="paycools",account="ph"}"#;

fn circle() -> (Circle, WallClock) {
    let setting = Setting::new(ENGINE, "real", NEVER);
    let mut server = Server::stopped(&setting.config);
    let clock = WallClock::of(&mut server);
    server.restart();
    (setting.serve_with(server), clock)
}

/// Lets so many refunds of the account be refused.
fn arm(circle: &Circle, account: &str, code: &str, times: u32) {
    let provider = account.split('/').next().expect("a provider");
    let fault = format!("code:{code}");
    let fault = json!({"provider": provider, "call": "refund", "fault": fault, "times": times});
    circle.sandbox.arm_with(&fault);
}

/// Asks for a refund, and waits until it was refused for the balance.
fn short(circle: &Circle, account: &str, number: &str) -> String {
    let id = circle.request(&body(account, number));
    circle.until(&id, "its refusal", |refund| {
        refund["request"]["result"]["class"] == "later" && refund["request"]["state"] == "queued"
    });
    id
}

/// The pause of an account, another one than `but`.
fn paused(circle: &Circle, account: &str, but: &Value) -> Value {
    wait_for("a pause", || {
        let stopped = circle.stopped(account);
        (stopped.is_object() && stopped["at"] != *but).then_some(stopped)
    })
}

/// Lets the pause, and the put-off of each refund, be over.
fn let_it_end(circle: &Circle, clock: &WallClock, jump: &str) {
    match &circle.server.place {
        // The clock of a server is not ours to set.
        Place::Database(database) => {
            database.execute("UPDATE account_states SET resumes_at = 1 WHERE resumes_at > 0");
            database.execute("UPDATE requests SET next_at = 0 WHERE next_at > 0");
        }
        Place::Folder => clock.jump(jump),
    }
}

#[test]
fn three_in_a_row_pause_the_account_and_one_refund_at_a_time_tries_out_whether_it_is_over() {
    let (circle, clock) = circle();
    arm(&circle, ACCOUNT, CODE, 4);
    let numbers = ["P1OK", "P2OK", "P3OK", "P4OK"];
    let mut ids = vec![
        short(&circle, ACCOUNT, numbers[0]),
        short(&circle, ACCOUNT, numbers[1]),
    ];
    assert!(circle.stopped(ACCOUNT).is_null());
    ids.push(short(&circle, ACCOUNT, numbers[2]));
    let first = paused(&circle, ACCOUNT, &Value::Null);
    assert!(text(&first["reason"]).contains(CODE), "{first}");
    assert!(
        first["by"].is_null() && is_utc_milliseconds(&first["until"]),
        "{first}"
    );
    // The one that met it asks, with an event.
    assert_eq!(attention(&circle.refund(&ids[2])), ["cannot_send"]);
    assert_eq!(attention(&circle.refund(&ids[0])).len(), 0);
    assert_eq!(circle.server.count_events("refund.attention"), 1);
    let is_shown = |value: &str| {
        let metrics = circle.server.get("/metrics");
        metrics.text().contains(&format!("{METRIC} {value}"))
    };
    assert!(is_shown("1"));
    let log = circle.server.log();
    assert!(
        log.contains("the balance of the account is too small"),
        "{log}"
    );
    ids.push(circle.request(&body(ACCOUNT, numbers[3])));
    let sends = || -> usize {
        numbers
            .iter()
            .map(|number| circle.sandbox.sends(number))
            .sum()
    };

    // An hour later one is tried, in vain; no other one follows.
    let_it_end(&circle, &clock, "+61m");
    let second = paused(&circle, ACCOUNT, &first["at"]);
    assert!(text(&second["reason"]).contains(CODE), "{second}");
    assert_eq!(sends(), 4);

    // There was income: the next one is taken, and the others follow.
    let_it_end(&circle, &clock, "+123m");
    for id in &ids {
        let refund = circle.comes_to(id, "done");
        assert_eq!(attention(&refund).len(), 0, "{refund:#}");
    }
    assert!(circle.stopped(ACCOUNT).is_null());
    assert!(is_shown("0"));
    assert_eq!(sends(), 8);
    circle.assert_agrees();
}

#[test]
fn an_operator_ends_the_pause_and_a_refund_that_is_taken_in_between_begins_the_count_anew() {
    let circle = Circle::start(ENGINE, "real", NEVER);
    arm(&circle, HOURLY, HOURLY_CODE, 2);
    short(&circle, HOURLY, "P1OK");
    short(&circle, HOURLY, "P2OK");
    let taken = circle.request(&body(HOURLY, "P3OK"));
    circle.comes_to(&taken, "done");
    arm(&circle, HOURLY, HOURLY_CODE, 3);
    short(&circle, HOURLY, "P4OK");
    short(&circle, HOURLY, "P5OK");
    assert!(circle.stopped(HOURLY).is_null());
    let last = short(&circle, HOURLY, "P6OK");
    paused(&circle, HOURLY, &Value::Null);
    // A stop by hand takes the place of the pause.
    circle.switch(HOURLY, "stop");
    let stopped = circle.stopped(HOURLY);
    assert!(
        stopped["until"].is_null() && stopped["by"] == "caller",
        "{stopped}"
    );
    circle.switch(HOURLY, "resume");
    circle.comes_to(&last, "done");
    assert!(circle.stopped(HOURLY).is_null());
}
