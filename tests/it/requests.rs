//! Outgoing refunds: the service with a sandbox of every provider on its other side.

use serde_json::Value;

use super::ENGINE;
use crate::harness::reader::text;
use crate::harness::sandbox::{CALLER_TOKEN, body};
use crate::harness::{Server, wait_for};

mod acts;
mod balance;
mod callbacks;
mod circles;
mod crash;
mod faults;
mod guards;
mod idempotency;
mod keys;
mod leases;
mod lost_replies;
mod second_sends;
mod seen;
mod unserved;

/// Where `QuickPay` takes refunds.
const SEND: &str = "/QuickPay/Refund";

/// Asks for a refund of `QuickPay` that must be taken; gives its id.
#[track_caller]
fn requested(server: &Server, number: &str) -> String {
    let body = body("quickpay/store-1", number);
    let asked = server.post_as_caller("/v1/refunds", &[], &body);
    text(&asked.expect_json(202)["id"])
}

fn refund(server: &Server, id: &str) -> Value {
    let path = format!("/v1/refunds/{id}");
    server.get_as(CALLER_TOKEN, &path).expect_json(200)
}

fn comes_to(server: &Server, id: &str, state: &str) -> Value {
    wait_for(&format!("the request to be {state}"), || {
        let refund = refund(server, id);
        (refund["request"]["state"] == state).then_some(refund)
    })
}
