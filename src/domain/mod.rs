//! The domain: ids, money, claims, the state machine of a refund, the close-out rules of an order. Pure code:
//! no IO, no async, the time is a parameter, so that every rule can be tested as a table.

pub mod claim;
pub mod decision;
pub mod event;
pub mod ids;
pub mod money;
pub mod order;
pub mod rate;
pub mod refund;
pub mod request;
pub mod time;
pub mod trail;
