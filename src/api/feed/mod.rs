//! What readers of the feed get: events, named consumers, and endpoints that events are pushed to.

pub mod consumer;
pub mod endpoint;
pub mod event;
