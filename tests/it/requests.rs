//! Outgoing refunds: the service with a sandbox of every provider on its other side.

use super::ENGINE;

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
