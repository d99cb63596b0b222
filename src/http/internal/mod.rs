//! The internal listener: readers, operators, health and metrics. [`CALLS`] is the one place that says which
//! calls there are and which scope each needs; the `OpenAPI` document takes the scopes from it.

pub mod access;
pub mod callbacks;
pub mod etag;
pub mod feed;
pub mod health;
pub mod operate;
pub mod orders;
pub mod problem;
pub mod refunds;
pub mod request;
pub mod requests;
pub mod route;

use actix_web::web;

use super::openapi;
use super::server::Side;
use crate::config::Scope::{
    CallbacksRead, EventsRead, Operate, OrdersWrite, RefundsRead, RefundsWrite,
};
use access::acts;
use feed::{consumers, events, stream};
use health::metrics;
use operate::{decisions, endpoints, reload, settlement, trail};
use problem::ApiError;
use requests::{accounts, changes, create, timeline};
use route::Access::{Needs, NeedsOneOf, NoToken};
use route::Verb::{Delete, Post, Put, Read, Stream};
use route::{Access, Call, Verb};

/// What readers, operators and monitoring reach.
pub const SIDE: Side = Side {
    name: "internal",
    routes: |config| {
        route::serve(config, CALLS);
        config.default_service(web::to(problem::no_such_page));
    },
    refuse: |_, why| ApiError::InvalidParameter(why.to_owned()).response(),
    unread_head: acts::note_unread_head,
};

/// Every call; those of one path follow each other.
#[rustfmt::skip]
pub static CALLS: &[Call] = &[
    call(Read, "/v1/orders/{order_no}", Needs(RefundsRead), |r| r.to(orders::get)),
    call(Put, "/v1/orders/{order_no}", Needs(OrdersWrite), |r| r.to(orders::put)),
    call(Read, "/v1/refunds", Needs(RefundsRead), |r| r.to(refunds::list)),
    call(Post, "/v1/refunds", Needs(RefundsWrite), |r| r.to(create::create)),
    call(Read, "/v1/refunds/{id}", Needs(RefundsRead), |r| r.to(refunds::one)),
    call(Post, "/v1/refunds/{id}/ask", NeedsOneOf(&[RefundsWrite, Operate]), |r| r.to(changes::ask)),
    call(Post, "/v1/refunds/{id}/cancel", Needs(RefundsWrite), |r| r.to(changes::cancel)),
    call(Post, "/v1/refunds/{id}/resend", Needs(Operate), |r| r.to(changes::resend)),
    call(Read, "/v1/refunds/{id}/decisions", Needs(RefundsRead), |r| r.to(decisions::list)),
    call(Post, "/v1/refunds/{id}/decisions", Needs(Operate), |r| r.to(decisions::decide)),
    call(Post, "/v1/refunds/{id}/decisions/{decision_id}/approve", Needs(Operate), |r| r.to(decisions::approve)),
    call(Post, "/v1/refunds/{id}/decisions/{decision_id}/reject", Needs(Operate), |r| r.to(decisions::reject)),
    call(Post, "/v1/refunds/{id}/close-out", Needs(Operate), |r| r.to(decisions::close_out)),
    call(Read, "/v1/refunds/{id}/timeline", Needs(CallbacksRead), |r| r.to(timeline::timeline)),
    call(Read, "/v1/refunds/{id}/callbacks", Needs(CallbacksRead), |r| r.to(refunds::callbacks)),
    call(Read, "/v1/callbacks/{id}", Needs(CallbacksRead), |r| r.to(callbacks::one)),
    call(Read, "/v1/events", Needs(EventsRead), |r| r.to(events::page)),
    call(Stream, "/v1/events/stream", Needs(EventsRead), |r| r.to(stream::stream)),
    call(Read, "/v1/consumers", Needs(EventsRead), |r| r.to(consumers::list)),
    call(Delete, "/v1/consumers/{name}", Needs(EventsRead), |r| r.to(consumers::forget)),
    call(Read, "/v1/consumers/{name}/events", Needs(EventsRead), |r| r.to(consumers::events)),
    call(Post, "/v1/consumers/{name}/ack", Needs(EventsRead), |r| r.to(consumers::ack)),
    call(Post, "/v1/consumers/{name}/seek", Needs(EventsRead), |r| r.to(consumers::seek)),
    call(Read, "/v1/endpoints", Needs(Operate), |r| r.to(endpoints::list)),
    call(Post, "/v1/endpoints/{name}/recover", Needs(Operate), |r| r.to(endpoints::recover)),
    call(Read, "/v1/accounts", Needs(RefundsRead), |r| r.to(accounts::list)),
    call(Post, "/v1/accounts/{provider}/{account}/stop", Needs(Operate), |r| r.to(accounts::stop)),
    call(Post, "/v1/accounts/{provider}/{account}/resume", Needs(Operate), |r| r.to(accounts::resume)),
    call(Post, "/v1/accounts/{provider}/{account}/settlement", Needs(Operate), |r| r.to(settlement::note)),
    call(Read, "/v1/audit", Needs(Operate), |r| r.to(trail::page)),
    call(Post, "/v1/reload", Needs(Operate), |r| r.to(reload::reload)),
    call(Read, "/openapi.json", NoToken, |r| r.to(openapi::document)),
    call(Read, "/livez", NoToken, |r| r.to(health::live)),
    call(Read, "/readyz", NoToken, |r| r.to(health::ready)),
    call(Read, "/metrics", NoToken, |r| r.to(metrics::metrics)),
];

const fn call(
    verb: Verb,
    path: &'static str,
    access: Access,
    handler: fn(actix_web::Route) -> actix_web::Route,
) -> Call {
    Call {
        verb,
        path,
        access,
        handler,
    }
}
