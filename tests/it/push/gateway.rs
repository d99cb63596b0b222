//! Endpoints behind a gateway: headers that it wants, and addresses that hold a key.

use std::process::Command;

use super::*;
use crate::harness::config::{READER_TOKEN, check};
use crate::harness::server::PROGRAM;

const KEY: &str = "key-of-the-gateway-0123456789";
const SIGNED: &str = "SECRETSIG-0123456789";

/// Everything that an operator or a reader can see of a server.
fn seen(server: &Server) -> String {
    let listed = Command::new(PROGRAM)
        .args(["endpoint", "list", "--token", "env:OPERATOR_TOKEN", "--url"])
        .arg(&server.internal_url)
        .env("OPERATOR_TOKEN", READER_TOKEN)
        .output()
        .expect("the program can be started");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let metrics = server.get("/metrics").text().to_owned();
    [
        listed,
        metrics,
        state(server, "erp").to_string(),
        server.log(),
    ]
    .concat()
}

#[test]
fn a_gateway_gets_the_headers_that_it_wants_and_they_are_shown_nowhere() {
    let receiver = Receiver::start(ok);
    let more =
        "headers = { X-Api-Key = \"env:GATEWAY_KEY\", Authorization = \"file:gateway.token\" }";
    let bearer = format!("Bearer {KEY}-2");
    let config = config()
        .toml(&endpoint("erp", &receiver.url(), more))
        .variable("GATEWAY_KEY", KEY)
        .variable("RUST_LOG", "trace")
        .file("gateway.token", &format!("{bearer}\n"));
    let printed = check(&config);
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    let shown = String::from_utf8_lossy(&printed.stdout).into_owned();
    let line = "endpoints[0].headers.X-Api-Key = env:GATEWAY_KEY (********)\n";
    assert!(shown.contains(line) && !shown.contains(KEY), "{shown}");

    let server = Server::start(&config);
    notify(&server, "R-1", "REFUND_SUCCESS");
    let pushed = wait_for_events(&receiver, 1).remove(0);
    assert_eq!(pushed.header("x-api-key"), KEY);
    assert_eq!(pushed.header("authorization"), bearer);
    assert_eq!(pushed.header("content-type"), "application/json");
    assert!(pushed.header("webhook-signature").starts_with("v1,"));
    // A push that fails is told about, too.
    receiver.answer(|_| Answer::status(500));
    notify(&server, "R-2", "REFUND_SUCCESS");
    wait_for_state(&server, "erp", "parked", &json!(1));
    assert!(!seen(&server).contains(KEY));
}

#[test]
fn headers_of_the_message_and_the_connection_are_refused_by_name() {
    for name in [
        "Host",
        "content-type",
        "Content-Length",
        "Webhook-Id",
        "webhook-extra",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
        "Expect",
    ] {
        let more = format!("headers = {{ {name} = \"v\" }}");
        let output = check(&config().toml(&endpoint("erp", "https://erp.example.com/", &more)));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        let key = format!("endpoints[0].headers.{name}: ");
        assert!(said.contains(&key), "{name}: {said}");
    }
    for (more, key) in [
        ("headers = { \"a b\" = \"v\" }", "endpoints[0].headers.a b"),
        (
            "headers = { X-A = \"v\", x-a = \"v\" }",
            "endpoints[0].headers.x-a",
        ),
        (
            "headers = { X-A = \"env:NOT_SET_ANYWHERE\" }",
            "NOT_SET_ANYWHERE",
        ),
        (
            "headers = { X-A = \"w\u{e4}hrung\" }",
            "endpoints[0].headers.X-A",
        ),
    ] {
        let output = check(&config().toml(&endpoint("erp", "https://erp.example.com/", more)));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{more}: {said}");
        assert!(said.contains(key), "{more}: {said}");
    }
}

#[test]
fn an_address_that_holds_a_key_comes_from_elsewhere_and_only_its_host_is_shown() {
    let receiver = Receiver::start(ok);
    let address = format!("{}/{SIGNED}?api-version=1&sig={SIGNED}", receiver.url());
    for written in ["env:ERP_URL", "file:erp.url"] {
        let config = config()
            .toml(&endpoint("erp", written, ""))
            .variable("ERP_URL", &address)
            .variable("RUST_LOG", "trace")
            .file("erp.url", &format!("{address}\n"));
        let printed = check(&config);
        assert_eq!(printed.status.code(), Some(0), "{printed:?}");
        let shown = String::from_utf8_lossy(&printed.stdout).into_owned();
        let host = format!("http://127.0.0.1:{}/********", receiver.port());
        let line = format!("endpoints[0].url = {written} ({host})\n");
        assert!(shown.contains(&line) && !shown.contains(SIGNED), "{shown}");

        receiver.answer(ok);
        let server = Server::start(&config);
        let so_far = receiver.pushed().len();
        notify(&server, "R-1", "REFUND_SUCCESS");
        let pushed = wait_for("a push", || receiver.pushed().get(so_far).cloned());
        let path = format!("/events/{SIGNED}?api-version=1&sig={SIGNED}");
        assert_eq!(pushed.path, path);
        receiver.answer(|_| Answer::status(500));
        notify(&server, "R-2", "REFUND_SUCCESS");
        wait_for_state(&server, "erp", "parked", &json!(1));
        assert_eq!(state(&server, "erp")["url"], host.as_str());
        assert!(!seen(&server).contains(SIGNED));
    }
}

#[test]
fn an_address_from_elsewhere_that_is_none_is_refused_without_being_shown() {
    for address in [
        format!("https://user:{SIGNED}@erp.example.com/"),
        format!("erp.example.com/{SIGNED}"),
        format!("https://erp.example.com/#{SIGNED}"),
        format!("ftp://erp.example.com/{SIGNED}"),
    ] {
        let config = config()
            .toml(&endpoint("erp", "env:ERP_URL", ""))
            .variable("ERP_URL", &address);
        let output = check(&config);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{address}: {said}");
        let is_named = said.contains("endpoints[0].url: ") && !said.contains(SIGNED);
        assert!(is_named, "{address}: {said}");
    }
}
