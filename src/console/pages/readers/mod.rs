//! These pages show what readers are told: the feed with its consumers, and endpoints that events are pushed to.

pub mod feed;
pub mod push;
