//! Outgoing HTTP requests.

pub mod address;
pub mod agent;
pub mod callers;
pub mod client;
pub mod exchange;
