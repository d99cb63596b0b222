//! The pages: a file, a struct and a template each.

mod export;
pub mod inbound;
pub mod lines;
pub mod orders;
pub mod raw;
pub mod readers;
pub mod reconcile;
pub mod refund;
pub mod refunds;
pub mod requests;
pub mod service;
pub mod start;
