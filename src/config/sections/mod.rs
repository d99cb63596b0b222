//! The larger sections of the file: each is checked in a file of its own and becomes values that are ready to use.

pub(super) mod accounts;
pub(super) mod console;
mod endpoints;
mod operate;
mod portals;
pub(super) mod readers;
mod store;
