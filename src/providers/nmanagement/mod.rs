//! nManagement: the refund service in front of the CCB merchant client (transaction 5W1004). The
//! bank never sends a message on its own and signs nothing here, so the merchant's own system
//! relays the reply of `/api/Pay/PayRefund`, or it is the answer to a call of ours.
//!
//! Sources: nManagement HTTP API V2 (`/api/Pay/PayRefund`); the bank's manual of the merchant
//! client, transaction 5W1004.

mod bank_client;
mod bank_reply;
mod client;
mod codes;
mod login;
mod sandbox;
mod settings;
mod wire;

#[cfg(test)]
mod bank_test;
#[cfg(test)]
mod client_test;

use super::relay::RelayedProvider;
use super::wire::json::Object;
use super::{Rejection, System};
use crate::domain::claim::Claim;
use crate::domain::ids::ExternalId;

/// nManagement in the list of systems.
pub const SYSTEM: System = System {
    name: "nmanagement",
    account: Some(settings::account),
    client: Some(settings::client),
    part_digest: None,
    headers: &[],
    shapes: &[],
    sandbox: Some(&sandbox::SANDBOX),
};

/// Reads nManagement replies; an account has nothing to configure but the secrets of its relay.
#[derive(Clone, Copy, Debug)]
pub struct Nmanagement;

impl RelayedProvider for Nmanagement {
    fn read(&self, refund_no: &ExternalId, body: &[u8]) -> Result<Claim, Rejection> {
        let reply = Object::parse(body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        Ok(wire::claim(refund_no, &reply))
    }
}
