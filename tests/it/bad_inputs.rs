//! Bad input gets the right answer: one table, one runner, one server that must survive all of
//! it.
//!
//! A row is a request and what must become of it. The runner compares the answer byte for byte where
//! bytes are promised, what the store holds before and after, the evidence that is left, and at the
//! end the health of the process: memory, open files, and a log in which nothing that was sent can
//! forge a line. Rows that differ only in one value are made from lists; each still has its name,
//! and a failed run shows all rows that broke.

mod authentic;
mod bson;
mod envelope;
mod epay;
mod epay_json;
mod framing;
mod members;
mod needed;
mod orders;
mod reading;
mod relay_signature;
mod row;
mod runner;
mod signature;
mod systems;
mod xml;

use super::ENGINE;
use crate::harness::config::EPAY_TOKEN;
use crate::harness::payermax::{ACK, MAIN, SAMPLE, SAMPLE_REFUND_NO};
use crate::harness::{ConfigBuilder, Server, paycools, relay};
use row::Row;

/// Every provider, both forms each, and `EPay`: all of the table meets one server.
fn server() -> Server {
    Server::start(&relay::accounts(paycools::accounts(ConfigBuilder::new(
        ENGINE,
    ))))
}

/// What the process may use beyond what it used before the table, in KiB and in files.
const MEMORY_GROWTH_KIB_MAX: u64 = 64 * 1024;
const FILES_GROWTH_MAX: usize = 16;

#[test]
fn every_bad_input_gets_its_answer_and_leaves_only_what_it_may() {
    let server = server();
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.applied(SAMPLE_REFUND_NO)["status"], "succeeded");
    let (memory, files) = runner::used(&server);

    let table: Vec<Row> = [
        framing::rows(),
        envelope::rows(),
        signature::rows(),
        relay_signature::rows(),
        authentic::rows(),
        members::rows(),
        epay::rows(),
        epay_json::rows(),
        xml::rows(),
        bson::rows(),
        orders::rows(),
        reading::rows(),
    ]
    .into_iter()
    .flatten()
    .collect();
    // Said in docs/security.md.
    assert!(table.len() > 1_800, "{} rows", table.len());
    runner::run(&server, &table);

    let (memory_after, files_after) = runner::used(&server);
    assert!(
        memory_after < memory + MEMORY_GROWTH_KIB_MAX,
        "{memory} KiB before, {memory_after} KiB after"
    );
    assert!(
        files_after < files + FILES_GROWTH_MAX,
        "{files} open files before, {files_after} after"
    );
    runner::assert_log_is_plain(&server);
}

/// Headers by which a proxy names its client, and which any client can forge.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip"];

/// The status of the answer to a report with these further headers.
fn report_to(server: &Server, more: &[(&str, &str)]) -> u16 {
    let headers = [&[("content-type", "application/json")], more].concat();
    let body = crate::harness::epay::json_body("B-1", "T-1", "30");
    let reply = server.post(crate::harness::epay::PATH, &headers, body);
    reply.status
}

/// A service that hears `EPay` callers from this network only, with a token or by the network alone.
fn epay_from(network: &str, has_tokens: bool) -> Server {
    let guard = if has_tokens {
        "tokens = [\"file:epay.token\"]"
    } else {
        "trust_network = true"
    };
    let epay = format!("[epay]\n{guard}\nallow_from = [\"{network}\"]\n");
    let config = ConfigBuilder::bare(ENGINE).file("epay.token", EPAY_TOKEN);
    Server::start(&config.toml(&epay))
}

#[test]
fn a_name_in_a_forwarding_header_opens_nothing() {
    let authorization = format!("Bearer {EPAY_TOKEN}");
    let authorization = ("authorization", authorization.as_str());
    for has_tokens in [true, false] {
        let server = epay_from("10.20.0.0/16", has_tokens);
        for name in FORWARDING {
            let said = if name == "forwarded" {
                "for=10.20.0.1"
            } else {
                "10.20.0.1"
            };
            let status = report_to(&server, &[authorization, (name, said)]);
            assert_eq!(status, 401, "{name}, tokens: {has_tokens}");
        }
        server.assert_refund_tables_are_empty();
    }
}

#[test]
fn a_name_in_a_forwarding_header_locks_no_caller_out() {
    let authorization = format!("Bearer {EPAY_TOKEN}");
    let authorization = ("authorization", authorization.as_str());
    let server = epay_from("127.0.0.0/8", true);
    let outside = ("x-forwarded-for", "192.0.2.1");
    assert_eq!(report_to(&server, &[outside]), 401, "without a token");
    assert_eq!(report_to(&server, &[authorization, outside]), 200);
}
