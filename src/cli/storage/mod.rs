//! Commands that work on a store itself.

pub(super) mod backup;
pub(super) mod restore;
pub(super) mod store;
