//! Every JSON object that the service promises to readers, as the contract's §5 writes it, and its schema. A refund is
//! the same object in a response and in the `data` of an event.

pub mod account;
pub mod consumer;
pub mod decision;
pub mod endpoint;
pub mod event;
pub mod explain;
pub mod health;
pub mod order;
pub mod problem;
pub mod refund;
pub mod reload;
pub mod request;
mod schema;
pub mod settlement;
pub mod timeline;
pub mod trail;

pub use schema::AttentionFilter;
