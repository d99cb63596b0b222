//! Bad input gets the right answer: one table, one runner, one server that must come through all of
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
    assert_eq!(server.settled(SAMPLE_REFUND_NO)["status"], "succeeded");
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

#[test]
fn a_name_in_a_forwarding_header_opens_nothing() {
    let epay = "[epay]\ntokens = [\"file:epay.token\"]\nallow_from = [\"10.20.0.0/16\"]\n";
    let config = ConfigBuilder::bare(ENGINE)
        .file("epay.token", EPAY_TOKEN)
        .toml(epay);
    let server = Server::start(&config);
    let authorization = format!("Bearer {EPAY_TOKEN}");
    for (name, value) in [
        ("x-forwarded-for", "10.20.0.1"),
        ("forwarded", "for=10.20.0.1"),
        ("x-real-ip", "10.20.0.1"),
        ("x-client-ip", "10.20.0.1"),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
            (name, value),
        ];
        let body = crate::harness::epay::json_body("B-1", "T-1", "30");
        let reply = server.post(crate::harness::epay::PATH, &headers, body);
        assert_eq!(reply.status, 401, "{name}: {}", reply.text());
    }
    server.assert_refund_tables_are_empty();
}
