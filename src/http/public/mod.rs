//! The public listener: callbacks of providers, relays, `EPay`.

pub mod budget;
pub mod callback;
pub mod epay;
pub mod error;
pub mod not_found;
pub mod other_kind;
pub mod rejection;
pub mod relay;

use actix_web::web::{self, ServiceConfig};

use super::server::Side;

/// What providers and `EPay` callers reach. Each handler checks the sender's proof itself.
pub const SIDE: Side = Side {
    name: "public",
    routes,
    refuse: rejection::of_head,
    unread_head: rejection::of_unread_head,
};

/// The fallback matches the `EPay` path, because the original's routes ignore case.
fn routes(config: &mut ServiceConfig) {
    config
        .service(
            // /callbacks/{provider}/{account}; the handler splits it: a pattern would be matched by a regular
            // expression on the busiest path.
            web::scope("/callbacks").default_service(web::to(callback::receive)),
        )
        .service(
            web::resource("/relays/{provider}/{account}/{refund_no}")
                .route(web::post().to(relay::receive))
                .default_service(web::to(not_found::other_method)),
        )
        .default_service(web::to(epay::receive_or_not_found));
}
