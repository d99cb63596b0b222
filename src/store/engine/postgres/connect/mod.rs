//! Connecting: the URL and its options, the servers that it names, TLS, and the steps with a time limit each.

mod hosts;
mod options;
mod steps;
mod tls;
mod url;

pub(super) use hosts::Connected;
pub use url::{PostgresUrl, PostgresUrlError};
