//! Which pages there are. [`PAGES`] is the one place that says which scope each needs.

use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Route, guard as method};

use super::access::login;
use super::acts;
use super::pages::inbound::{callback, callbacks, rejected};
use super::pages::readers::{feed, push};
use super::pages::service::{accounts, audit, health};
use super::pages::{orders, reconcile, refund, refunds, requests, start};
use super::trouble::Trouble;
use super::{Console, assets, sandbox};
use crate::config::Scope::{self, CallbacksRead, ConsoleRead, Operate, RefundsWrite};
use crate::console::access::guard::{Needs, enter};

struct Page {
    is_form: bool,
    path: &'static str,
    needs: Needs,
    handler: fn(Route) -> Route,
}

/// Every page and form; those of one path follow each other.
#[rustfmt::skip]
static PAGES: &[Page] = &[
    free("/console/login", |r| r.to(login::ask)),
    Page { is_form: true, ..free("/console/login", |r| r.to(login::log_in)) },
    free("/console/language", |r| r.to(login::language)),
    free("/console/assets/{name}", |r| r.to(assets::serve)),
    see("/console/", ConsoleRead, |r| r.to(start::show)),
    see("/console/logout", ConsoleRead, |r| r.to(login::ask_log_out)),
    act("/console/logout", ConsoleRead, |r| r.to(login::log_out)),
    see("/console/refunds", ConsoleRead, |r| r.to(refunds::show)),
    see("/console/refunds.csv", ConsoleRead, |r| r.to(refunds::csv)),
    see("/console/refunds/{id}", ConsoleRead, |r| r.to(refund::show)),
    see("/console/refunds/{id}/decide", Operate, |r| r.to(acts::decide::ask)),
    act("/console/refunds/{id}/decide", Operate, |r| r.to(acts::decide::act)),
    see("/console/refunds/{id}/close-out", Operate, |r| r.to(acts::decide::ask_close_out)),
    act("/console/refunds/{id}/close-out", Operate, |r| r.to(acts::decide::close_out)),
    see("/console/refunds/{id}/decisions/{decision}/{word}", Operate, |r| r.to(acts::decide::ask_second)),
    act("/console/refunds/{id}/decisions/{decision}/{word}", Operate, |r| r.to(acts::decide::second)),
    see("/console/audit", Operate, |r| r.to(audit::show)),
    see("/console/audit.csv", Operate, |r| r.to(audit::csv)),
    see("/console/refunds/{id}/{act}", ConsoleRead, |r| r.to(acts::refund::ask)),
    act("/console/refunds/{id}/{act}", ConsoleRead, |r| r.to(acts::refund::act)),
    see("/console/requests", ConsoleRead, |r| r.to(requests::show)),
    see("/console/requests.csv", ConsoleRead, |r| r.to(requests::csv)),
    see("/console/requests/new", RefundsWrite, |r| r.to(acts::create::ask)),
    act("/console/requests/new", RefundsWrite, |r| r.to(acts::create::act)),
    see("/console/requests/all/{act}", ConsoleRead, |r| r.to(acts::bulk::ask)),
    act("/console/requests/all/{act}", ConsoleRead, |r| r.to(acts::bulk::act)),
    see("/console/rejected", ConsoleRead, |r| r.to(rejected::list)),
    see("/console/rejected.csv", ConsoleRead, |r| r.to(rejected::csv)),
    see("/console/rejected/{id}", ConsoleRead, |r| r.to(rejected::one)),
    see("/console/rejected/{id}/review", Operate, |r| r.to(acts::review::ask)),
    act("/console/rejected/{id}/review", Operate, |r| r.to(acts::review::act)),
    see("/console/accounts", ConsoleRead, |r| r.to(accounts::show)),
    see("/console/accounts.csv", ConsoleRead, |r| r.to(accounts::csv)),
    see("/console/accounts/{provider}/{account}/{act}", Operate, |r| r.to(acts::account::ask)),
    act("/console/accounts/{provider}/{account}/{act}", Operate, |r| r.to(acts::account::act)),
    see("/console/orders", ConsoleRead, |r| r.to(orders::show)),
    see("/console/close-outs.csv", ConsoleRead, |r| r.to(orders::csv)),
    see("/console/feed", ConsoleRead, |r| r.to(feed::show)),
    see("/console/consumers.csv", ConsoleRead, |r| r.to(feed::csv)),
    see("/console/push", ConsoleRead, |r| r.to(push::show)),
    see("/console/endpoints.csv", ConsoleRead, |r| r.to(push::csv)),
    see("/console/push/{name}/recover", Operate, |r| r.to(acts::endpoint::ask)),
    act("/console/push/{name}/recover", Operate, |r| r.to(acts::endpoint::act)),
    see("/console/reconcile", ConsoleRead, |r| r.to(reconcile::show)),
    see("/console/reconcile/file", Operate, |r| r.to(acts::settlement::ask)),
    Page { needs: Needs::File(Operate), ..act("/console/reconcile/file", Operate, |r| r.to(acts::settlement::look)) },
    act("/console/reconcile/raise", Operate, |r| r.to(acts::settlement::raise)),
    see("/console/findings.csv", ConsoleRead, |r| r.to(reconcile::csv)),
    see("/console/sandbox", ConsoleRead, |r| r.to(sandbox::page::show)),
    see("/console/sandbox/{act}", Operate, |r| r.to(sandbox::act::ask)),
    act("/console/sandbox/{act}", Operate, |r| r.to(sandbox::act::act)),
    see("/console/health", ConsoleRead, |r| r.to(health::show)),
    see("/console/sessions/revoke", Operate, |r| r.to(acts::sessions::ask)),
    act("/console/sessions/revoke", Operate, |r| r.to(acts::sessions::act)),
    see("/console/callbacks", ConsoleRead, |r| r.to(callbacks::list)),
    see("/console/callbacks.csv", ConsoleRead, |r| r.to(callbacks::csv)),
    see("/console/callbacks/{id}", CallbacksRead, |r| r.to(callback::show)),
    see("/console/callbacks/{id}/bytes", CallbacksRead, |r| r.to(callback::bytes)),
];

const fn see(path: &'static str, scope: Scope, handler: fn(Route) -> Route) -> Page {
    Page {
        is_form: false,
        path,
        needs: Needs::Scope(scope),
        handler,
    }
}

const fn act(path: &'static str, scope: Scope, handler: fn(Route) -> Route) -> Page {
    Page {
        is_form: true,
        ..see(path, scope, handler)
    }
}

const fn free(path: &'static str, handler: fn(Route) -> Route) -> Page {
    Page {
        is_form: false,
        path,
        needs: Needs::Nothing,
        handler,
    }
}

impl Page {
    fn route(&'static self) -> Route {
        let route = if self.is_form {
            web::post()
        } else {
            web::route().guard(method::Any(method::Get()).or(method::Head()))
        };
        let needs = self.needs;
        (self.handler)(route).wrap(from_fn(move |request, next: Next<BoxBody>| {
            enter(needs, request, next)
        }))
    }
}

/// Serves every page below `/console`.
pub fn serve(config: &mut ServiceConfig, console: &Data<Console>) {
    config.app_data(console.clone());
    for of_path in PAGES.chunk_by(|one, next| one.path == next.path) {
        let path = of_path.first().map_or("", |page| page.path);
        let routes = of_path.iter().map(Page::route);
        let resource = routes.fold(web::resource(path), actix_web::Resource::route);
        config.service(resource.default_service(nothing()));
    }
    config.route("/console", web::get().to(to_start));
    config.service(web::resource("/console/{tail:.*}").default_service(nothing()));
}

fn nothing() -> Route {
    web::to(|| async { Err::<HttpResponse, _>(Trouble::NotFound) }).wrap(from_fn(
        move |request, next: Next<BoxBody>| enter(Needs::Nothing, request, next),
    ))
}

async fn to_start() -> HttpResponse {
    HttpResponse::MovedPermanently()
        .insert_header((header::LOCATION, "/console/"))
        .finish()
}
