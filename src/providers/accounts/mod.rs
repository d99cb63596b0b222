//! The configured accounts: what their sections hold, from which addresses they take requests, and the list in which
//! they are looked up.

pub mod network;
pub(super) mod registry;
pub mod settings;
