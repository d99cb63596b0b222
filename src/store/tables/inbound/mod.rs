//! Callbacks: as they came, told apart by what their proof covers, and those that wait for transaction 2.

pub(super) mod callbacks;
pub(super) mod dedup;
pub(super) mod pending;
