//! Diagnosis: why a signature failed, and what would have to differ for a rejected request to verify. It only
//! reads, verifies and compares.

mod manglings;
mod paths;
mod rejected;
mod relay;
mod rewrite;
pub mod signature;
