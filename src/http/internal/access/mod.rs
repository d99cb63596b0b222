//! Who may call: bearer tokens, scopes, rate and connection limits, the log of acts.

pub mod acts;
pub mod auth;
pub mod limit;
pub mod slots;
pub mod views;
