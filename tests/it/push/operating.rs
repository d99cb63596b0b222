//! Endpoints that are disabled, and how an operator brings them back.

use std::process::{Command, Output};

use super::*;
use crate::harness::comes_true;
use crate::harness::config::{READER_TOKEN, check};
use crate::harness::server::PROGRAM;

/// `refund-receiver endpoint …` with the operator's token in a variable.
fn command(server: &Server, token: &str, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("endpoint")
        .args(arguments)
        .args(["--token", "env:OPERATOR_TOKEN", "--url"])
        .arg(&server.internal_url)
        .env("OPERATOR_TOKEN", token)
        .output()
        .expect("the program can be started")
}

/// What a command prints that must succeed.
#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[test]
fn gone_disables_at_once_and_an_operator_recovers_it() {
    let receiver = Receiver::start(|_| Answer::status(410));
    let mut server = pushing_to(&receiver);
    notify(&server, "R-1", "REFUND_SUCCESS");
    let disabled = wait_for_state(&server, "erp", "state", &json!("disabled"));
    assert_eq!(disabled["disabled_reason"], "gone", "{disabled}");
    receiver.answer(ok);
    server.kill9();
    server.restart();
    notify(&server, "R-2", "REFUND_SUCCESS");
    notify(&server, "R-3", "REFUND_SUCCESS");
    wait_for_state(&server, "erp", "lag", &json!(2));
    let listed = said(&command(&server, READER_TOKEN, &["list"]));
    assert!(listed.contains("disabled"), "{listed}");
    assert_eq!(receiver.pushed().len(), 1, "nothing more is tried");
    let metrics = server.get("/metrics");
    let line = "refund_receiver_endpoint_disabled{endpoint=\"erp\"} 1\n";
    assert!(metrics.text().contains(line), "{}", metrics.text());

    said(&command(&server, READER_TOKEN, &["recover", "erp"]));
    wait_for_events(&receiver, 3);
    wait_until_delivered(&server, "erp");
    assert_eq!(receiver.pushed().len(), 4, "the refused one came again");
}

#[test]
fn nothing_but_failures_disables_in_the_end_and_keeps_the_events() {
    let receiver = Receiver::start(|_| Answer::status(500));
    let toml = endpoint("erp", &receiver.url(), "disable_after_seconds = 3");
    let server = Server::start(&config().toml(&toml));
    for number in 0..10 {
        notify(&server, &format!("R-{number}"), "REFUND_SUCCESS");
    }
    let state = wait_for_state(&server, "erp", "state", &json!("disabled"));
    assert_eq!(state["disabled_reason"], "failing", "{state}");
    let attempts = receiver.pushed().len();
    notify(&server, "R-later", "REFUND_SUCCESS");
    let lag = state["lag"].as_i64().expect("a number");
    wait_for_state(&server, "erp", "lag", &json!(lag + 1));
    // For longer than a pause, after which all ten were tried again before.
    let tries = || receiver.pushed().len() > attempts;
    assert!(
        !comes_true(Duration::from_secs(2), tries),
        "it is left in peace"
    );
    receiver.answer(ok);
    said(&command(&server, READER_TOKEN, &["recover", "erp"]));
    wait_for_events(&receiver, 11);
    wait_for_state(&server, "erp", "lag", &json!(0));
}

#[test]
fn an_endpoint_that_comes_back_gets_everything_without_waiting_for_its_schedule() {
    let receiver = Receiver::start(|_| Answer::status(500));
    let slow = endpoint("erp", &receiver.url(), "").replace(QUICK, "[2, 3600]");
    let server = Server::start(&config().toml(&slow));
    for number in 0..10 {
        notify(&server, &format!("R-{number}"), "REFUND_SUCCESS");
    }
    wait_for_events(&receiver, 3);
    receiver.answer(ok);
    wait_for_events(&receiver, 10);
    wait_until_delivered(&server, "erp");
}

#[test]
fn events_are_pushed_again_from_an_earlier_place() {
    let receiver = Receiver::start(ok);
    let server = pushing_to(&receiver);
    for number in 0..5 {
        notify(&server, &format!("R-{number}"), "REFUND_SUCCESS");
    }
    wait_for_events(&receiver, 5);
    wait_for_state(&server, "erp", "lag", &json!(0));
    for (since, expected) in [("3", 7), ("earliest", 12), ("2999-01-01T00:00:00Z", 12)] {
        let arguments = ["recover", "erp", "--since", since];
        said(&command(&server, READER_TOKEN, &arguments));
        wait_for_state(&server, "erp", "lag", &json!(0));
        wait_for(&format!("{expected} pushes after --since {since}"), || {
            (receiver.pushed().len() == expected).then_some(())
        });
    }
}

#[test]
fn a_recovery_from_a_later_place_leaves_out_nothing() {
    let receiver = Receiver::start(ok);
    let server = pushing_to(&receiver);
    let places = [
        json!("latest"),
        json!({"sequence": 6}),
        json!({"time": "2999-01-01T00:00:00Z"}),
    ];
    for (round, since) in places.iter().enumerate() {
        receiver.answer(|_| Answer::status(410));
        notify(&server, &format!("R-{round}-refused"), "REFUND_SUCCESS");
        wait_for_state(&server, "erp", "state", &json!("disabled"));
        for more in ["a", "b"] {
            notify(&server, &format!("R-{round}-{more}"), "REFUND_SUCCESS");
        }
        let before = wait_for_state(&server, "erp", "lag", &json!(2));
        assert_eq!(before["parked"], 1, "{before}");
        receiver.answer(ok);
        let recovery = json!({ "since": since });
        let recovered = server.post_as_reader("/v1/endpoints/erp/recover", &recovery);
        assert_eq!(recovered.status, 200, "{since}");
        wait_for_events(&receiver, 3 * (round + 1));
        wait_until_delivered(&server, "erp");
        let pushed = receiver.pushed().len();
        assert_eq!(pushed, 4 * (round + 1), "the refused one twice");
    }
}

#[test]
fn the_command_says_what_is_wrong_and_takes_no_token_as_an_argument() {
    let receiver = Receiver::start(ok);
    let server = pushing_to(&receiver);
    let failed = |output: &Output, code: i32, words: &str| {
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{said}");
    };
    failed(&command(&server, "wrong", &["list"]), 1, "401");
    failed(&command(&server, FEED_TOKEN, &["list"]), 1, "operate");
    let unknown = command(&server, READER_TOKEN, &["recover", "unknown"]);
    failed(&unknown, 1, "404");
    let since = ["recover", "erp", "--since", "soon"];
    failed(&command(&server, READER_TOKEN, &since), 2, "earliest");
    let plain = Command::new(PROGRAM)
        .args(["endpoint", "list", "--token", READER_TOKEN])
        .output();
    failed(&plain.expect("it can be started"), 2, "env:NAME");
    let as_json = ["list", "--output", "json"];
    let json = said(&command(&server, READER_TOKEN, &as_json));
    let list: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(list[0]["name"], "erp");
}

#[test]
fn an_endpoint_that_guards_nothing_stops_the_start() {
    const LINES: [&str; 3] = [
        "name = \"erp\"",
        "url = \"https://erp.example.com/\"",
        "secrets = [\"file:push.secret\"]",
    ];
    for (wrong, key) in [
        ("url = \"http://erp.example.com/\"", "url"),
        ("url = \"https://a:b@erp.example.com/\"", "url"),
        ("secrets = []", "secrets"),
        ("secrets = [\"whsec_c2hvcnQ=\"]", "secrets[0]"),
        ("secrets = [\"env:NOT_SET\"]", "secrets[0]"),
        ("events = []", "events"),
        ("events = [\"refund.gone\"]", "events"),
        ("name = \"a b\"", "name"),
        ("ca_file = \"missing.pem\"", "ca_file"),
        ("retry_schedule_seconds = []", "retry_schedule_seconds"),
    ] {
        let (member, _) = wrong.split_once(" =").expect("a member");
        let kept = LINES.into_iter().filter(|line| !line.starts_with(member));
        let lines: Vec<_> = kept.chain([wrong]).collect();
        let checked = check(&config().toml(&format!("[[endpoints]]\n{}\n", lines.join("\n"))));
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(2), "{wrong}: {said}");
        let expected = format!("error: endpoints[0].{key}: ");
        assert!(said.contains(&expected), "{wrong}: {said}");
    }
}

#[test]
fn as_many_events_are_on_their_way_as_the_config_says() {
    const REFUNDS: usize = 30;
    let (few, usual) = (
        Receiver::start(|_| Answer::Silence),
        Receiver::start(|_| Answer::Silence),
    );
    let toml =
        endpoint("few", &few.url(), "max_in_flight = 3") + &endpoint("usual", &usual.url(), "");
    let server = Server::start(&config().toml(&toml));
    for number in 0..REFUNDS {
        notify(&server, &format!("R-{number}"), "REFUND_SUCCESS");
    }
    wait_for_events(&usual, 16);
    wait_for_events(&few, 3);
    // Nothing is answered, so nothing more is sent.
    assert_eq!((few.pushed().len(), usual.pushed().len()), (3, 16));
}

#[test]
fn what_was_given_up_long_ago_is_forgotten() {
    let receiver = Receiver::start(|event| match event.sequence() {
        1 => Answer::status(400),
        _ => Answer::status(200),
    });
    let once_more = endpoint("erp", &receiver.url(), "").replace(QUICK, "[2]");
    let mut server = Server::start(&config().toml(&once_more));
    notify(&server, "R-bad", "REFUND_SUCCESS");
    wait_for_events(&receiver, 1);
    // Others are delivered at the same time, so the endpoint itself is not failing.
    notify(&server, "R-good", "REFUND_SUCCESS");
    wait_for_state(&server, "erp", "given_up", &json!(1));
    wait_for_state(&server, "erp", "lag", &json!(0));
    assert!(server.terminate().success());
    server.restart();
    assert_eq!(state(&server, "erp")["given_up"], 1);
    assert!(server.terminate().success());
    server.change_store("UPDATE parked_pushes SET given_up_at = 1");
    server.restart();
    wait_for_state(&server, "erp", "given_up", &json!(0));
    assert_eq!(server.count_rows("parked_pushes"), 0);
}
