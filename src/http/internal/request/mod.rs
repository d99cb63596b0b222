//! Parsing of requests: query parameters and JSON bodies.

pub mod body;
pub mod members;
pub mod query;
