//! These pages show what came in: callbacks, and requests that were rejected.

pub mod callback;
pub mod callbacks;
pub mod rejected;
