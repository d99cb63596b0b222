//! What both listeners share: connections, sockets, middleware, bodies and headers.

pub mod body;
pub mod connections;
pub mod headers;
pub mod middleware;
pub mod peer;
pub mod socket;
