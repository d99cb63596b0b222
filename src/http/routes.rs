//! Every URL of the program, in two tables.

use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route, guard};

use super::internal::feed::{consumers, events, stream};
use super::internal::health::metrics;
use super::internal::problem::ApiError;
use super::internal::{callbacks, endpoints, health, orders, problem, refunds, reload};
use super::openapi;
use super::public::{callback, epay, not_found, rejection, relay};
use super::server::middleware::Refuse;

/// One listener: what it serves, and how it refuses what no handler gets to see.
#[derive(Clone, Copy)]
pub struct Side {
    /// Its name in metrics.
    pub name: &'static str,
    pub routes: fn(&mut ServiceConfig),
    pub refuse: Refuse,
}

/// What providers and `EPay` callers reach.
pub const PUBLIC: Side = Side {
    name: "public",
    routes: public,
    refuse: rejection::of_head,
};

/// What readers, operators and monitoring reach.
pub const INTERNAL: Side = Side {
    name: "internal",
    routes: internal,
    refuse: |_, why| ApiError::InvalidParameter(why.to_owned()).response(),
};

/// The `EPay` path is matched by the fallback, because
/// the original's routes ignore case.
fn public(config: &mut ServiceConfig) {
    config
        .service(
            // /callbacks/{provider}/{account}; the handler splits it, as a pattern would be matched
            // by a regular expression on the busiest path.
            web::scope("/callbacks").default_service(web::to(callback::receive)),
        )
        .service(
            web::resource("/relays/{provider}/{account}/{refund_no}")
                .route(web::post().to(relay::receive))
                .default_service(web::to(not_found::other_method)),
        )
        .default_service(web::to(epay::receive_or_not_found));
}

fn internal(config: &mut ServiceConfig) {
    config
        .service(read_and_put("/v1/orders/{order_no}"))
        .service(get("/v1/refunds", read().to(refunds::list)))
        .service(get("/v1/refunds/{id}", read().to(refunds::one)))
        .service(get(
            "/v1/refunds/{id}/callbacks",
            read().to(refunds::callbacks),
        ))
        .service(get("/v1/callbacks/{id}", read().to(callbacks::one)))
        .service(get("/v1/events", read().to(events::page)))
        .service(
            // A stream has no end, so there is nothing that HEAD could tell of it.
            web::resource("/v1/events/stream")
                .route(web::get().to(stream::stream))
                .default_service(web::to(problem::only_get)),
        )
        .service(get("/v1/consumers", read().to(consumers::list)))
        .service(
            web::resource("/v1/consumers/{name}")
                .route(web::delete().to(consumers::forget))
                .default_service(web::to(problem::only_delete)),
        )
        .service(get(
            "/v1/consumers/{name}/events",
            read().to(consumers::events),
        ))
        .service(post(
            "/v1/consumers/{name}/ack",
            web::post().to(consumers::ack),
        ))
        .service(post(
            "/v1/consumers/{name}/seek",
            web::post().to(consumers::seek),
        ))
        .service(get("/v1/endpoints", read().to(endpoints::list)))
        .service(post(
            "/v1/endpoints/{name}/recover",
            web::post().to(endpoints::recover),
        ))
        .service(post("/v1/reload", web::post().to(reload::reload)))
        .service(get("/openapi.json", read().to(openapi::document)))
        .service(get("/livez", read().to(health::live)))
        .service(get("/readyz", read().to(health::ready)))
        .service(get("/metrics", read().to(metrics::metrics)))
        .default_service(web::to(problem::no_such_page));
}

fn get(path: &str, route: Route) -> Resource {
    web::resource(path)
        .route(route)
        .default_service(web::to(problem::only_read))
}

/// GET, and HEAD, which is answered by the same handler (RFC 9110 §9.3.2); the framework leaves the body
/// out.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn post(path: &str, route: Route) -> Resource {
    web::resource(path)
        .route(route)
        .default_service(web::to(problem::only_posted))
}

fn read_and_put(path: &str) -> Resource {
    web::resource(path)
        .route(read().to(orders::get))
        .route(web::put().to(orders::put))
        .default_service(web::to(problem::only_read_and_put))
}
