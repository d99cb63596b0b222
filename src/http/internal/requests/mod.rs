//! Outgoing refunds: submit or watch one, act on it, see its timeline; accounts that send.

pub mod accounts;
pub(crate) mod body;
pub mod changes;
pub mod create;
pub mod timeline;
