//! Commands that act on a running service over its internal listener.

pub(super) mod decide;
pub(super) mod endpoint;
pub(super) mod reload;
pub(super) mod token;
