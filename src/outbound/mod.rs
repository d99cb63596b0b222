//! HTTP requests that we send.

pub mod address;
pub mod client;
