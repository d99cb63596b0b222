//! Reading the config again while the service runs: by SIGHUP, by `POST /v1/reload`, by the command.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::{Value, json};

use super::ENGINE;
use crate::harness::config::{FEED_TOKEN, READER_TOKEN};
use crate::harness::http::raw_until;
use crate::harness::keys::{other_key, provider_key, sha256_hex};
use crate::harness::payermax::{ACK, MAIN, Notice};
use crate::harness::reader::expect_problem;
use crate::harness::receiver::{Answer, Pushed, Receiver};
use crate::harness::relay;
use crate::harness::server::PROGRAM;
use crate::harness::{ConfigBuilder, Reply, Server, wait_for};

/// The first words of the block of the reader of the feed.
const FEED_READER: &str = "[[readers]]\nname = \"feed\"";

fn ask(server: &Server) -> Reply {
    server.post_as_reader("/v1/reload", &json!({}))
}

/// Reloads what must be good; gives the answer.
#[track_caller]
fn reload(server: &Server) -> Value {
    ask(server).expect_json(200)
}

/// Changes the config's text.
#[track_caller]
fn edit(server: &Server, from: &str, to: &str) {
    let path = server.config_path();
    let text = std::fs::read_to_string(&path).expect("the config");
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(&path, text.replacen(from, to, 1)).expect("it can be written");
}

fn wait_for_log(server: &Server, words: &str) {
    wait_for(&format!("the log to say {words:?}"), || {
        server.log().contains(words).then_some(())
    });
}

/// The value of a metric by its name and labels.
fn metric(server: &Server, name: &str) -> String {
    let text = server.get("/metrics").text().to_owned();
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{name} in {text}"))
        .to_owned()
}

/// Whether a callback signed by the old and the new key is accepted.
fn taken(server: &Server, refund_no: &str) -> [bool; 2] {
    [provider_key(), other_key()].map(|key| {
        let body = Notice::new(refund_no, "REFUND_SUCCESS").text();
        let reply = server.post_signed(MAIN, &body, &key.sign(body.as_bytes()));
        assert!([200, 401].contains(&reply.status), "{}", reply.text());
        reply.status == 200
    })
}

#[test]
fn a_key_is_changed_without_a_restart_and_a_request_ends_by_the_key_it_began_with() {
    let server = Server::usual(ENGINE);
    assert_eq!(taken(&server, "R-1"), [true, false]);
    let body = Notice::new("R-slow", "REFUND_SUCCESS").text();
    let (sign, (first, rest)) = (provider_key().sign(body.as_bytes()), body.split_at(20));
    let address = server.public_url.strip_prefix("http://").expect("http");
    let mut slow = TcpStream::connect(address).expect("the server listens");
    let head = format!(
        "POST {MAIN} HTTP/1.1\r\nHost: refunds\r\nContent-Type: application/json\r\nsign: {sign}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).expect("the server reads");
    let mut asked = [0; 25];
    slow.read_exact(&mut asked).expect("the body is asked for");
    slow.write_all(first.as_bytes()).expect("the server reads");
    server
        .folder()
        .write("main-2026.pem", &other_key().public_pem);
    assert_eq!(
        taken(&server, "R-1"),
        [true, false],
        "no reload has enabled it yet"
    );
    assert_eq!(
        reload(&server),
        json!({"needs_restart": [], "warnings": []})
    );
    assert_eq!(taken(&server, "R-2"), [false, true]);
    slow.write_all(rest.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with(ACK), "{answer}");

    server
        .folder()
        .write("main-2026.pem", &provider_key().public_pem);
    server.signal("HUP");
    wait_for("the signal to be heard", || {
        (taken(&server, "R-3") == [true, false]).then_some(())
    });
    wait_for_log(&server, "SIGHUP");
    assert_eq!(
        metric(&server, "refund_receiver_reloads_total{outcome=\"ok\"}"),
        "2"
    );
}

#[test]
fn a_config_with_an_error_changes_nothing_and_says_what_is_wrong() {
    let server = Server::usual(ENGINE);
    server
        .folder()
        .write("main-2026.pem", &other_key().public_pem);
    let at = metric(
        &server,
        "refund_receiver_last_reload_success_timestamp_seconds",
    );
    edit(
        &server,
        "operate\"]",
        "operate\", \"everything\"]\nexpires_at = \"soon\"",
    );
    let problem = ask(&server);
    expect_problem(&problem, 422);
    let problem = problem.json();
    assert_eq!(problem["code"], "invalid_config");
    let errors = problem["errors"].as_array().expect("a list");
    for key in ["readers[0].scopes: ", "readers[0].expires_at: "] {
        let named = |error: &&Value| error.as_str().is_some_and(|error| error.starts_with(key));
        assert!(errors.iter().any(|error| named(&error)), "{key}: {problem}");
    }
    server.signal("HUP");
    wait_for("both to be counted", || {
        let failed = metric(&server, "refund_receiver_reloads_total{outcome=\"failed\"}");
        (failed == "2").then_some(())
    });
    let log = server.log();
    assert!(
        log.contains("the old one stays") && log.contains("readers[0].scopes"),
        "{log}"
    );
    assert!(!log.contains(READER_TOKEN), "{log}");
    assert_eq!(
        metric(&server, "refund_receiver_last_reload_successful"),
        "0"
    );
    let unchanged = metric(
        &server,
        "refund_receiver_last_reload_success_timestamp_seconds",
    );
    assert_eq!(unchanged, at);
    assert_eq!(taken(&server, "R-1"), [true, false], "the old keys");
    std::fs::remove_file(server.config_path()).expect("it was there");
    expect_problem(&ask(&server), 422);
    assert_eq!(server.get("/v1/refunds").status, 200);
}

#[test]
fn only_an_operator_reloads() {
    let server = Server::usual(ENGINE);
    let url = format!("{}/v1/reload", server.internal_url);
    let send = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        server.client().send("POST", &url, &headers, b"")
    };
    expect_problem(&send(FEED_TOKEN), 403);
    expect_problem(&send("wrong"), 401);
    assert_eq!(send(READER_TOKEN).status, 200, "no body is needed");
    expect_problem(&server.get("/v1/reload"), 405);
    assert!(server.log().contains("\"by\":\"all\""), "{}", server.log());
}

#[test]
fn what_needs_a_restart_is_named_and_left_as_it_is() {
    let server = Server::usual(ENGINE);
    edit(
        &server,
        "listen = \"127.0.0.1:0\"",
        "listen = \"127.0.0.1:1\"",
    );
    edit(
        &server,
        "[store]\nurl = \"",
        "[store]\nurl = \"sqlite:elsewhere.db\"\n# \"",
    );
    server
        .folder()
        .write("main-2026.pem", &other_key().public_pem);
    let done = reload(&server);
    let named = done["needs_restart"].as_array().expect("a list");
    for key in ["server.listen", "store.url"] {
        assert!(named.contains(&json!(key)), "{key}: {done}");
    }
    assert!(!named.contains(&json!("server.internal_listen")), "{done}");
    assert!(
        server.log().contains("with a restart only"),
        "{}",
        server.log()
    );
    assert_eq!(
        taken(&server, "R-1"),
        [false, true],
        "the rest is in effect"
    );
    assert!(!server.folder().path().join("elsewhere.db").exists());
}

#[test]
fn a_reader_that_is_removed_sees_the_end_of_its_stream_and_no_other_does() {
    let server = Server::usual(ENGINE);
    let follow = |token: &str, enough: fn(&str) -> bool| {
        let head = format!(
            "GET /v1/events/stream HTTP/1.1\r\nHost: refunds\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        raw_until(&server.internal_url, head.as_bytes(), enough)
    };
    std::thread::scope(|scope| {
        // An end of a chunked answer is an empty chunk.
        let removed = scope.spawn(|| follow(FEED_TOKEN, |text| text.ends_with("0\r\n\r\n")));
        let kept = scope.spawn(|| follow(READER_TOKEN, |text| text.contains("R-after")));
        wait_for("two streams", || {
            (metric(&server, "refund_receiver_event_streams") == "2").then_some(())
        });
        let new = sha256_hex("token-of-a-new-reader-0123456789");
        edit(&server, &sha256_hex(FEED_TOKEN), &new);
        reload(&server);
        removed.join().expect("the stream of the old token ends");
        server.notified(&Notice::new("R-after", "REFUND_SUCCESS"));
        let text = kept.join().expect("the other goes on");
        assert!(!text.contains("\r\n0\r\n\r\n"), "{text}");
    });
    expect_problem(&server.get_as(FEED_TOKEN, "/v1/events"), 401);
    let page = server.get_as("token-of-a-new-reader-0123456789", "/v1/events");
    assert_eq!(page.status, 200);
}

#[test]
fn a_limit_that_is_used_up_stays_so_over_a_reload_and_a_new_one_begins_anew() {
    let server = Server::usual(ENGINE);
    let limited = format!("{FEED_READER}\nrate_limit = \"2/m\"");
    edit(&server, FEED_READER, &limited);
    reload(&server);
    let status = || server.get_as(FEED_TOKEN, "/v1/events").status;
    assert_eq!([status(), status(), status()], [200, 200, 429]);
    reload(&server);
    assert_eq!(status(), 429, "the reader is the same");
    edit(&server, "\"2/m\"", "\"3/m\"");
    reload(&server);
    assert_eq!(status(), 200);
}

fn endpoint(url: &str) -> String {
    format!(
        "[[endpoints]]\nname = \"erp\"\nurl = \"{url}\"\nsecrets = [\"file:push.secret\"]\n\
         allow_private = true\nretry_schedule_seconds = [1, 1, 1]\n\n"
    )
}

fn sequences(receiver: &Receiver) -> Vec<i64> {
    receiver.pushed().iter().map(Pushed::sequence).collect()
}

#[test]
fn endpoints_come_change_and_go_without_a_lost_or_doubled_event() {
    let config = ConfigBuilder::new(ENGINE).file("push.secret", &relay::text(relay::SECRET));
    let server = Server::start(&config);
    let [first, second] = [(); 2].map(|()| Receiver::start(|_| Answer::status(204)));
    let notify = |refund_no: &str| server.notified(&Notice::new(refund_no, "REFUND_SUCCESS"));
    let arrived = |receiver: &Receiver, expected: &[i64]| {
        wait_for(&format!("{expected:?} to be pushed"), || {
            (sequences(receiver).len() >= expected.len()).then_some(())
        });
        assert_eq!(sequences(receiver), expected);
    };
    notify("R-1");
    server.applied("R-1");
    edit(
        &server,
        FEED_READER,
        &format!("{}{FEED_READER}", endpoint(&first.url())),
    );
    reload(&server);
    notify("R-2");
    arrived(&first, &[2]);
    reload(&server);
    notify("R-3");
    arrived(&first, &[2, 3]);
    // Three go to neither before the change, two of them while nothing is listening.
    first.answer(|_| Answer::status(503));
    notify("R-4");
    wait_for("the first try", || {
        (sequences(&first).len() >= 3).then_some(())
    });
    edit(&server, &first.url(), &second.url());
    reload(&server);
    notify("R-5");
    wait_for("both at the new place", || {
        (sequences(&second).len() >= 2).then_some(())
    });
    let mut at_second = sequences(&second);
    at_second.sort_unstable();
    assert_eq!(at_second, [4, 5], "each once");
    let before = sequences(&first).len();
    edit(&server, &endpoint(&second.url()), "");
    reload(&server);
    notify("R-6");
    server.applied("R-6");
    assert_eq!(
        server.get("/v1/endpoints").expect_json(200)["data"],
        json!([])
    );
    assert!(!server.get("/metrics").text().contains("endpoint=\"erp\""));
    // Where it is named again it goes on where it was.
    edit(
        &server,
        FEED_READER,
        &format!("{}{FEED_READER}", endpoint(&second.url())),
    );
    reload(&server);
    wait_for("the next", || (sequences(&second).len() >= 3).then_some(()));
    assert_eq!(sequences(&second).last(), Some(&6));
    assert_eq!(sequences(&second).len(), 3);
    assert_eq!(
        sequences(&first).len(),
        before,
        "the old place gets nothing more"
    );
}

#[test]
fn no_signal_that_is_sent_by_habit_ends_the_service_at_once() {
    let mut server = Server::usual(ENGINE);
    for signal in ["HUP", "USR1", "USR2"] {
        server.signal(signal);
    }
    wait_for_log(&server, "SIGUSR2");
    wait_for_log(&server, "the config was read again");
    assert_eq!(server.get("/readyz").status, 200);
    server.signal("QUIT");
    assert_eq!(server.wait_end().code(), Some(0), "an orderly end");
}

#[test]
fn the_command_reloads_and_says_what_is_wrong() {
    let server = Server::usual(ENGINE);
    let run = || {
        let output = Command::new(PROGRAM)
            .args(["reload", "--token", "env:OPERATOR_TOKEN", "--url"])
            .arg(&server.internal_url)
            .env("OPERATOR_TOKEN", READER_TOKEN)
            .output()
            .expect("the program can be started");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8(said).expect("UTF-8"),
        )
    };
    edit(
        &server,
        "internal_listen = \"127.0.0.1:0\"",
        "internal_listen = \"127.0.0.1:2\"",
    );
    let (code, said) = run();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("server.internal_listen"), "{said}");
    edit(&server, "refunds:read", "refunds:eat");
    let (code, said) = run();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("readers[0].scopes"), "{said}");
}
