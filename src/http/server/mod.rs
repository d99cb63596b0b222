//! What both listeners share: connections, sockets, middleware, bodies and headers.

pub mod body;
pub mod connections;
pub mod headers;
pub mod middleware;
pub mod peer;
pub mod socket;
mod turn;
pub mod unread_head;

use actix_web::web::ServiceConfig;

/// One listener: what it serves, and how it rejects what no handler gets to see.
#[derive(Clone, Copy)]
pub struct Side {
    /// Its name in metrics.
    pub name: &'static str,
    pub routes: fn(&mut ServiceConfig),
    pub refuse: middleware::Refuse,
    /// Notes a request whose head the framework rejected.
    pub unread_head: unread_head::Note,
}
