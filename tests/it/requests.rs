//! Outgoing refunds: the service with a sandbox of every provider on its other side.

use super::ENGINE;

mod acts;
mod callbacks;
mod circles;
mod crash;
mod guards;
mod idempotency;
mod lost_replies;
mod seen;
