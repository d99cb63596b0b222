//! The feed over HTTP: pages, server-sent events, named consumers.

pub mod consumers;
pub mod cursor;
pub mod events;
pub mod stream;
