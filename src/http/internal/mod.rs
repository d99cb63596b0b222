//! The internal listener: readers, operators, health and metrics.

pub mod access;
pub mod callbacks;
pub mod endpoints;
pub mod etag;
pub mod feed;
pub mod health;
pub mod orders;
pub mod problem;
pub mod refunds;
pub mod reload;
pub mod request;
