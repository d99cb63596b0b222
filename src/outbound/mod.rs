//! Outgoing HTTP requests.

pub mod address;
pub mod client;
pub mod exchange;
