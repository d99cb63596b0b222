//! The doctor: says why. Why a stored notification had the effect that it had, and what would have to be
//! different for a refused request to be taken. It reads, verifies and compares; it changes nothing.

mod manglings;
mod paths;
mod refused;
mod relay;
mod rewrite;
pub mod signature;
