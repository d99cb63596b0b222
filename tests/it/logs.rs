//! What the log holds, and what it must never hold.

use std::time::Duration;

use super::ENGINE;
use crate::harness::config::{EPAY_TOKEN, READER_TOKEN};
use crate::harness::epay::order_no;
use crate::harness::payermax::Notice;
use crate::harness::receiver::{Answer, Receiver};
use crate::harness::relay::{self, signature, timestamp};
use crate::harness::{ConfigBuilder, Server, comes_true};

/// Is in every body, so that a logged body is found.
const IN_BODIES: &str = "R-in-no-log";

#[test]
fn no_level_of_the_log_shows_bodies_keys_signatures_or_tokens() {
    let receiver = Receiver::start(|_| Answer::status(204));
    let endpoint = format!(
        "[[endpoints]]\nname = \"erp\"\nurl = \"{}?key=in-the-query\"\nsecrets = [\"file:push.secret\"]\n\
         allow_private = true\n",
        receiver.url()
    );
    let push_secret = relay::text(b"push-secret-of-thirty-two-bytes!");
    let config = relay::accounts(ConfigBuilder::new(ENGINE))
        .file("push.secret", &push_secret)
        .toml(&endpoint);
    let mut server = Server::start(&config.variable(
        "RUST_LOG",
        "trace,tokio_postgres=trace,ureq=trace,actix_http=trace",
    ));
    server.put_simple_order("1", "refund_applied", "30.00");
    assert_eq!(server.epay_errcode("B-1", "T-1", "30.00"), 0);
    server.order(&order_no("1"));
    server.notified(&Notice::new(IN_BODIES, "REFUND_SUCCESS"));
    server.applied(IN_BODIES);
    let (at, body) = (timestamp(0), format!("{{\"code\":\"{IN_BODIES}\"}}"));
    let signed = signature(relay::SECRET, "msg-1", &at, &body);
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", "msg-1"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signed.as_str()),
    ];
    server.post(&format!("{}Q-1", relay::QUICKPAY), &headers, &body);
    server.get_as("guessed-token-0123456789", "/v1/refunds");
    let pushed = comes_true(Duration::from_secs(20), || receiver.pushed().len() >= 2);
    assert!(pushed, "events are pushed");
    assert_eq!(server.terminate().code(), Some(0));

    let log = server.log();
    assert!(log.contains("the store is open"), "{log}");
    let push_signature = receiver.pushed()[0].header("webhook-signature").to_owned();
    for secret in [
        IN_BODIES,
        "in-the-query",
        READER_TOKEN,
        EPAY_TOKEN,
        "guessed-token",
        &relay::text(relay::SECRET),
        &push_secret,
        &signed,
        &push_signature,
        // The body of a callback, as a driver writes bytes: `{"`.
        "123, 34",
    ] {
        let shown: Vec<_> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(shown.is_empty(), "{secret}: {shown:#?}");
    }
}
