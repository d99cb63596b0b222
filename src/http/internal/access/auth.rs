//! Authentication of readers by bearer token, their rate limits, and the scope that a route needs.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use tokio::time::Instant;

use super::limit::{Allowance, Limiter};
use super::views;
use crate::config::{RateLimit, Reader, Scope};
use crate::domain::time::Timestamp;
use crate::domain::trail::Actor;
use crate::http::App;
use crate::http::internal::problem::ApiError;
use crate::http::server::headers;
use crate::http::server::headers::{Odd, single_header};
use crate::store::StoreError;

/// The reason for a well-formed token that no reader has.
const UNKNOWN: &str = "no reader has this token";

/// All configured readers, with their rate limiters.
pub struct Readers {
    readers: Vec<Known>,
    started: Instant,
}

struct Known {
    reader: Arc<Reader>,
    limiter: Option<Arc<Limiter>>,
}

impl Readers {
    /// A reader that was there `before` with the same rate limit keeps its limiter.
    pub fn new(readers: Vec<Reader>, before: Option<&Self>) -> Self {
        let known = |reader: Reader| {
            let limiter = reader.rate_limit.map(|limit| {
                let former = before.and_then(|before| before.limiter(&reader.name, limit));
                former.unwrap_or_else(|| Arc::new(Limiter::new(limit)))
            });
            Known {
                reader: Arc::new(reader),
                limiter,
            }
        };
        Self {
            readers: readers.into_iter().map(known).collect(),
            started: before.map_or_else(Instant::now, |before| before.started),
        }
    }

    fn limiter(&self, name: &str, limit: RateLimit) -> Option<Arc<Limiter>> {
        let known = self
            .readers
            .iter()
            .find(|known| known.reader.name == name)?;
        let limiter = known.limiter.as_ref()?;
        (limiter.limit() == limit).then(|| Arc::clone(limiter))
    }

    /// Takes one request of this reader, who has proven the token otherwise; `None` without a rate limit.
    pub fn take(&self, name: &str) -> Option<Result<Allowance, Allowance>> {
        let known = self.readers.iter().find(|known| known.reader.name == name);
        let limiter = known?.limiter.as_ref()?;
        Some(limiter.take(self.started.elapsed()))
    }

    /// Every reader.
    pub fn all(&self) -> impl Iterator<Item = &Reader> {
        self.readers.iter().map(|known| known.reader.as_ref())
    }

    /// Name and expiry of each reader whose token expires.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.readers.iter().filter_map(|known| {
            let reader = &known.reader;
            Some((reader.name.as_str(), reader.expires_at?))
        })
    }

    /// A former admission under the present config: `None` where its token or scope is gone.
    pub fn still(
        &self,
        Admission {
            reader,
            scope,
            from,
        }: &Admission,
    ) -> Option<Admission> {
        let same = |known: &&Known| {
            let now = &known.reader;
            now.name == reader.name && now.token == reader.token && now.scopes.contains(scope)
        };
        let found = self.readers.iter().find(same)?;
        Some(Admission {
            reader: Arc::clone(&found.reader),
            scope: *scope,
            from: *from,
        })
    }

    /// Why no reader has this token. `echo TOKEN | sha256sum` hashes the line break as well, a common mistake.
    fn why_unknown(&self, token: &str) -> &'static str {
        if self.find(&format!("{token}\n")).is_some() {
            return "the token_sha256 of the reader is the hash of the token and a line break: make it with \
                    printf %s TOKEN | sha256sum";
        }
        UNKNOWN
    }

    fn find(&self, token: &str) -> Option<&Known> {
        self.readers
            .iter()
            .find(|known| known.reader.token.matches(token))
    }
}

/// The bearer token of a request.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    single_header(request, header::AUTHORIZATION.as_str()).and_then(bearer_of)
}

/// What is wrong with `Authorization`, without any part of its value; `None` if it has a bearer token.
pub fn bearer_problem(request: &HttpRequest) -> Option<&'static str> {
    match headers::only(request, header::AUTHORIZATION.as_str()) {
        Ok(Some(value)) if bearer_of(value).is_some() => None,
        Ok(Some(_)) => Some("Authorization is not Bearer and one token"),
        Ok(None) => Some("Authorization is missing"),
        Err(Odd::Repeated { .. }) => Some("Authorization is given twice"),
        Err(Odd::NotText) => Some("Authorization is not plain ASCII"),
    }
}

/// The token in the value of an `Authorization` header.
pub fn bearer_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
        .filter(|token| !token.is_empty())
}

/// A request with a valid token, within the limits of its reader, whose route's scope the reader has.
/// A handler takes it as a parameter; a route without a scope has none to give.
#[derive(Clone)]
pub struct Admission {
    pub reader: Arc<Reader>,
    /// The one that the route needs.
    pub scope: Scope,
    /// The peer's address.
    pub from: Option<SocketAddr>,
}

impl Admission {
    /// Who acts, for the trail.
    pub fn actor(&self) -> Actor {
        Actor {
            reader: self.reader.name.clone(),
            token_id: self.reader.token.short_id(),
            from: shown(self.from),
        }
    }
}

impl FromRequest for Admission {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admission = request.extensions().get().cloned();
        ready(admission.ok_or(ApiError::Unauthorized(UNKNOWN)))
    }
}

/// Middleware of a route: only a reader with one of these scopes reaches the handler. Each response tells a
/// reader with a rate limit what is left of it.
pub async fn require(
    scopes: &'static [Scope],
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let (admitted, allowance) = match request.app_data::<Data<App>>() {
        Some(app) => admit(app, request.request(), scopes),
        None => (Err(ApiError::Unavailable(StoreError::Closed)), None),
    };
    let mut response = match admitted {
        Ok(()) => next.call(request).await?,
        Err(problem) => request.into_response(problem.response()),
    };
    if let Some(allowance) = allowance {
        allowance.show(response.headers_mut());
    }
    Ok(response)
}

/// Checks the token, the limits and the scope; an admitted request carries its [`Admission`] and its slot.
fn admit(
    app: &App,
    request: &HttpRequest,
    scopes: &'static [Scope],
) -> (Result<(), ApiError>, Option<Allowance>) {
    match authorize(app, request, scopes) {
        Ok((reader, scope, allowance)) => match app.slots.take(&reader) {
            Ok(slot) => {
                let mut extensions = request.extensions_mut();
                // The response takes it over, until its last byte is sent (`server::middleware`).
                extensions.insert(slot);
                extensions.insert(Admission {
                    reader,
                    scope,
                    from: request.peer_addr(),
                });
                (Ok(()), allowance)
            }
            Err(problem) => {
                app.metrics.turned_away(&reader.name);
                note_rejection(app, request, &problem, Some(&reader));
                (Err(problem), allowance)
            }
        },
        Err((problem, allowance, reader)) => {
            note_rejection(app, request, &problem, reader.as_deref());
            (Err(problem), allowance)
        }
    }
}

fn note_rejection(app: &App, request: &HttpRequest, problem: &ApiError, reader: Option<&Reader>) {
    let from = shown(request.peer_addr());
    let log = &app.reader_rejections;
    log.note(app, problem, reader, from.clone());
    let code = match problem {
        ApiError::Unauthorized(_) => "unauthorized",
        ApiError::TokenExpired(_) => "token_expired",
        ApiError::Forbidden(_) => "forbidden",
        _ => return,
    };
    if let (false, Some(path)) = (request.method().is_safe(), request.match_pattern()) {
        let by = Actor {
            reader: reader.map(|reader| reader.name.clone()).unwrap_or_default(),
            token_id: reader
                .map(|reader| reader.token.short_id())
                .unwrap_or_default(),
            from,
        };
        let call = format!("{} {path}", request.method());
        views::note_rejected(app, &by, &call, code);
    }
}

fn shown(peer: Option<SocketAddr>) -> String {
    peer.map(|peer| peer.to_string()).unwrap_or_default()
}

/// A rejection, with what is left of the rate limit and the reader, if known.
type Turned = (ApiError, Option<Allowance>, Option<Arc<Reader>>);

fn authorize(
    app: &App,
    request: &HttpRequest,
    scopes: &'static [Scope],
) -> Result<(Arc<Reader>, Scope, Option<Allowance>), Turned> {
    let unknown = |why| -> Turned { (ApiError::Unauthorized(why), None, None) };
    let token =
        bearer(request).ok_or_else(|| unknown(bearer_problem(request).unwrap_or(UNKNOWN)))?;
    let rules = app.rules();
    let readers = &rules.readers;
    let known = readers
        .find(token)
        .ok_or_else(|| unknown(readers.why_unknown(token)))?;
    let reader = &known.reader;
    let turned = |problem, allowance| (problem, allowance, Some(Arc::clone(reader)));
    if let Some(expired) = reader.expires_at.filter(|end| *end <= app.clock.now()) {
        return Err(turned(ApiError::TokenExpired(expired), None));
    }
    let allowance = known
        .limiter
        .as_ref()
        .map(|limiter| limiter.take(readers.started.elapsed()))
        .transpose()
        .map_err(|allowance| {
            let seconds = allowance.retry_after_seconds;
            app.metrics.limited(&reader.name);
            turned(ApiError::RateLimited(seconds), Some(allowance))
        })?;
    let mut granted = scopes.iter().filter(|scope| reader.scopes.contains(scope));
    if let Some(scope) = granted.next() {
        return Ok((Arc::clone(reader), *scope, allowance));
    }
    let needed = scopes.first().map_or("", |scope| scope.as_str());
    Err(turned(ApiError::Forbidden(needed), allowance))
}
