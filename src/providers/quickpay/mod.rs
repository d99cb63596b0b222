//! `QuickPay` (Lianke): no callback and no signature of its own. The reply of `QuickPay/Refund` or
//! `RefundQuery`, the same object in both, is relayed by the merchant's own system, or is the answer to a
//! call of ours.
//!
//! Source: the help page `POST QuickPay/Refund` (www.liankeonline.com).

mod client;
mod codes;
pub(super) mod sandbox;
mod settings;
mod wire;

#[cfg(test)]
mod client_test;

use super::relay::RelayedProvider;
use super::wire::json::Object;
use super::{Rejection, System};
use crate::domain::claim::Claim;
use crate::domain::ids::ExternalId;

/// `QuickPay` in the list of systems.
pub const SYSTEM: System = System {
    name: "quickpay",
    account: Some(settings::account),
    client: Some(settings::client),
    part_digest: None,
    headers: &[],
    shapes: &[],
    sandbox: Some(&sandbox::SANDBOX),
};

/// Reads `QuickPay` replies; an account has nothing to configure but the secrets of its relay.
#[derive(Clone, Copy, Debug)]
pub struct Quickpay;

impl RelayedProvider for Quickpay {
    fn read(&self, refund_no: &ExternalId, body: &[u8]) -> Result<Claim, Rejection> {
        let reply = Object::parse(body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        Ok(wire::claim(refund_no, &reply))
    }
}
