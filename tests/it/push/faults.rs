//! Faults of an endpoint, and what must not follow from them.

use std::sync::Arc;

use super::*;
use crate::harness::folder::Folder;
use crate::harness::keys::self_signed;
use crate::harness::payermax::{ACK, MAIN};

#[test]
fn what_was_pushed_survives_kill_9_and_stays_in_order() {
    const ROUNDS: usize = 3;
    const REFUNDS: usize = 10;
    let receiver = Receiver::start(ok);
    let mut server = pushing_to(&receiver);
    let saved = i64::try_from(2 * REFUNDS).expect("small");
    for round in 0..ROUNDS {
        for number in 0..REFUNDS {
            let refund_no = format!("R-{round}-{number}");
            notify(&server, &refund_no, "REFUND_PENDING");
            notify(&server, &refund_no, "REFUND_SUCCESS");
        }
        wait_for_events(&receiver, round * 2 * REFUNDS + 7);
        if round == 0 {
            // Lag 0 may also be seen while more events are to come.
            wait_for_state(&server, "erp", "sequence", &json!(saved));
        }
        server.kill9();
        server.restart();
    }
    let pushed = wait_for_events(&receiver, ROUNDS * 2 * REFUNDS);
    assert_order_within_refunds(&pushed);
    let of_the_first_round = pushed.iter().filter(|event| event.sequence() <= saved);
    assert_eq!(
        of_the_first_round.count(),
        2 * REFUNDS,
        "saved, so not again"
    );
    let mut ids = BTreeMap::new();
    for event in &pushed {
        let id = event.header("webhook-id");
        let first = ids.entry(event.sequence()).or_insert(id);
        assert_eq!(*first, id, "a repeat has the id of the first");
    }
    assert_eq!(ids.len(), ROUNDS * 2 * REFUNDS, "every event, no other");
}

#[test]
fn what_was_given_up_before_kill_9_is_not_sent_after_it() {
    // The first is not answered, so the cursor stays before what is given up.
    let receiver = Receiver::start(|event| match event.sequence() {
        1 => Answer::Silence,
        2 => Answer::status(400),
        _ => Answer::status(200),
    });
    let once_more = endpoint("erp", &receiver.url(), "").replace(QUICK, "[2]");
    let mut server = Server::start(&config().toml(&once_more));
    notify(&server, "R-silent", "REFUND_SUCCESS");
    notify(&server, "R-bad", "REFUND_SUCCESS");
    wait_for_events(&receiver, 2);
    // Others are delivered at the same time, so the endpoint itself is not failing.
    notify(&server, "R-good", "REFUND_SUCCESS");
    let state = wait_for_state(&server, "erp", "given_up", &json!(1));
    assert_eq!(state["sequence"], 0, "{state}");
    server.kill9();
    receiver.answer(ok);
    server.restart();
    let state = wait_for_state(&server, "erp", "lag", &json!(0));
    assert_eq!(state["given_up"], 1, "{state}");
    let pushed = receiver.pushed();
    let attempts = pushed.iter().filter(|event| event.sequence() == 2);
    assert_eq!(attempts.count(), 2, "one, and one more by the schedule");
}

#[test]
fn a_dead_endpoint_slows_neither_callbacks_nor_other_endpoints() {
    let (silent, good) = (Receiver::start(|_| Answer::Silence), Receiver::start(ok));
    let closed = Receiver::start(ok).url();
    let toml = endpoint("silent", &silent.url(), "")
        + &endpoint("closed", &closed, "")
        + &endpoint("good", &good.url(), "");
    let mut server = Server::start(&config().toml(&toml));
    notify(&server, "R-first", "REFUND_SUCCESS");
    wait_for_events(&silent, 1);
    let started = now();
    for number in 0..40 {
        let notice = Notice::new(&format!("R-{number}"), "REFUND_SUCCESS");
        server.notify(MAIN, notice.text()).expect(200, ACK);
    }
    wait_for_events(&good, 41);
    // One attempt at the silent one alone takes fifteen seconds.
    let took = started.elapsed();
    assert!(took < Duration::from_secs(14), "{took:?}");
    assert_eq!(state(&server, "good")["state"], "active");
    wait_for_state(&server, "closed", "state", &json!("failing"));
    assert!(silent.connections() <= 16, "few are in flight at a time");
    let told = now();
    assert_eq!(server.terminate().code(), Some(0));
    let took = told.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "the shutdown waits for no endpoint: {took:?}"
    );
}

#[test]
fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = Receiver::start(ok);
    let location = format!("Location: {}\r\n", elsewhere.url());
    let receiver = Receiver::start(move |_| Answer::Status(307, location.clone()));
    let server = pushing_to(&receiver);
    notify(&server, "R-1", "REFUND_SUCCESS");
    let state = wait_for_state(&server, "erp", "failures", &json!(2));
    assert!(text(&state["last_error"]).contains("307"), "{state}");
    assert_eq!((elsewhere.connections(), &state["parked"]), (0, &json!(1)));
}

#[test]
fn a_target_inside_is_refused_unless_the_config_allows_it() {
    let receiver = Receiver::start(ok);
    let toml: String = [
        ("address", "127.0.0.1"),
        ("name", "localhost"),
        ("mapped", "[::ffff:127.0.0.1]"),
        ("decimal", "2130706433"),
    ]
    .iter()
    .map(|(name, host)| {
        let url = format!("https://{host}:{}/events", receiver.port());
        endpoint(name, &url, "").replace("allow_private = true\n", "")
    })
    .collect();
    let server = Server::start(&config().toml(&toml));
    notify(&server, "R-1", "REFUND_SUCCESS");
    for name in ["address", "name", "mapped", "decimal"] {
        let state = wait_for_state(&server, name, "parked", &json!(1));
        let why = text(&state["last_error"]);
        assert!(why.contains("allow_private"), "{state}");
    }
    assert_eq!(receiver.connections(), 0, "no connection was made");
}

#[test]
fn an_endpoint_must_prove_its_name() {
    let folder = Folder::new();
    let (certificate, tls) = self_signed(folder.path(), "localhost");
    let receiver = Receiver::with(ok, move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&tls));
        rustls::StreamOwned::new(connection.expect("a connection"), stream)
    });
    let url = |host: &str| format!("https://{host}:{}/events", receiver.port());
    let toml = endpoint("unknown", &url("localhost"), "")
        + &endpoint("other-name", &url("127.0.0.1"), "ca_file = \"ca.pem\"")
        + &endpoint("proven", &url("localhost"), "ca_file = \"ca.pem\"");
    let server = Server::start(&config().file("ca.pem", &certificate).toml(&toml));
    notify(&server, "R-1", "REFUND_SUCCESS");
    wait_for_events(&receiver, 1);
    wait_for_state(&server, "proven", "lag", &json!(0));
    for name in ["unknown", "other-name"] {
        let state = wait_for_state(&server, name, "parked", &json!(1));
        let why = text(&state["last_error"]).to_lowercase();
        assert!(why.contains("certificate"), "{state}");
    }
    assert_eq!(receiver.pushed().len(), 1, "by the proven one alone");
}
