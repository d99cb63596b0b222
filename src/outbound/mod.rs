//! Outgoing HTTP requests.

pub mod address;
pub mod agent;
pub mod client;
pub mod exchange;
pub mod thread_pool;
