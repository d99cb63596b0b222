//! Every JSON object that the service promises to readers, as the contract's §5 writes it, and its schema. A refund is
//! the same object in a response and in the `data` of an event.

pub mod account;
pub mod explain;
pub mod feed;
pub mod health;
pub mod order;
pub mod problem;
pub mod refund;
pub mod reload;
mod schema;
pub mod settlement;
pub mod trail;

pub use schema::AttentionFilter;
