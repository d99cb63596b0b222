//! One row of the table of routes, and how rows become the framework's resources.

use actix_web::body::BoxBody;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route, guard};

use super::access::auth::require;
use super::problem::ApiError;
use crate::config::Scope;

/// A call of the internal listener.
pub struct Call {
    pub verb: Verb,
    pub path: &'static str,
    pub access: Access,
    /// Sets the handler of the framework's route.
    pub handler: fn(Route) -> Route,
}

/// The methods that a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// GET, and HEAD, which the same handler answers (RFC 9110 §9.3.2); the framework leaves the body out.
    Read,
    /// GET alone: a stream has no end, so HEAD has nothing to say about it.
    Stream,
    Put,
    Post,
    Delete,
}

/// Who may call. There is no default: each row says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone who reaches the listener.
    NoToken,
    /// A reader with this scope.
    Needs(Scope),
    /// A reader with one of these scopes.
    NeedsOneOf(&'static [Scope]),
}

impl Access {
    /// The scopes of which one is needed; none: everyone may call.
    pub fn scopes(&self) -> &[Scope] {
        match self {
            Self::NoToken => &[],
            Self::Needs(scope) => std::slice::from_ref(scope),
            Self::NeedsOneOf(scopes) => scopes,
        }
    }
}

impl Verb {
    const fn methods(self) -> &'static str {
        match self {
            Self::Read => "GET, HEAD",
            Self::Stream => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    fn route(self) -> Route {
        match self {
            Self::Read => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            Self::Stream => web::get(),
            Self::Put => web::put(),
            Self::Post => web::post(),
            Self::Delete => web::delete(),
        }
    }
}

impl Call {
    fn route(&'static self) -> Route {
        let route = (self.handler)(self.verb.route());
        let scopes = self.access.scopes();
        if scopes.is_empty() {
            return route;
        }
        route.wrap(from_fn(move |request, next: Next<BoxBody>| {
            require(scopes, request, next)
        }))
    }
}

/// Serves these calls; those of one path follow each other.
pub fn serve(config: &mut ServiceConfig, calls: &'static [Call]) {
    for of_path in calls.chunk_by(|one, next| one.path == next.path) {
        config.service(resource(of_path));
    }
}

fn resource(of_path: &'static [Call]) -> Resource {
    let path = of_path.first().map_or("", |call| call.path);
    let routes = of_path.iter().map(Call::route);
    routes
        .fold(web::resource(path), Resource::route)
        .default_service(web::to(move || async move {
            Err::<HttpResponse, _>(other_method(of_path))
        }))
}

/// 405, with all methods of the path.
fn other_method(of_path: &[Call]) -> ApiError {
    let methods: Vec<_> = of_path.iter().map(|call| call.verb.methods()).collect();
    ApiError::MethodNotAllowed(methods.join(", "))
}
