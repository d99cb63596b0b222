//! The pages: a file, a struct and a template each.

pub mod accounts;
pub mod audit;
pub mod callback;
pub mod callbacks;
mod export;
pub mod feed;
pub mod health;
pub mod lines;
pub mod orders;
pub mod push;
pub mod raw;
pub mod reconcile;
pub mod refund;
pub mod refunds;
pub mod rejected;
pub mod requests;
pub mod start;
