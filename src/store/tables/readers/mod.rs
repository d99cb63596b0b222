//! Those who read: consumers of the feed, endpoints of push, sessions of the console.

pub(super) mod console_sessions;
pub(super) mod consumers;
pub(super) mod endpoints;
