//! What each provider's `wire.rs` works with: strict JSON, its members in our words, and free text.

pub mod json;
pub(super) mod member;
pub mod text;
