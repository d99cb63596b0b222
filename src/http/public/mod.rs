//! The public listener: callbacks of providers, relays, `EPay`.

pub mod budget;
pub mod callback;
pub mod epay;
pub mod error;
pub mod not_found;
pub mod other_kind;
pub mod rejection;
pub mod relay;
