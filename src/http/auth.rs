//! Who reads: a bearer token of a configured reader, not expired, not too often, with the scope that the
//! call needs.

use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::App;
use super::body::single_header;
use super::limit::{Allowance, Limiter};
use super::problem::ApiError;
use crate::config::{Reader, Scope};
use crate::domain::clock::Moment;

/// Every configured reader, and how often each has asked.
pub struct Readers {
    readers: Vec<(Reader, Option<Limiter>)>,
    started: Instant,
}

impl Readers {
    /// Nobody has asked yet.
    pub fn new(readers: Vec<Reader>) -> Self {
        let limited = readers.into_iter().map(|reader| {
            let limiter = reader.rate_limit.map(Limiter::new);
            (reader, limiter)
        });
        Self {
            readers: limited.collect(),
            started: Instant::now(),
        }
    }

    /// The name of each reader whose token expires, and when.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, Moment)> {
        self.readers
            .iter()
            .filter_map(|(reader, _)| Some((reader.name.as_str(), reader.expires_at?)))
    }

    fn find(&self, token: &str) -> Option<&(Reader, Option<Limiter>)> {
        self.readers
            .iter()
            .find(|(reader, _)| reader.token.matches(token))
    }
}

/// The bearer token of a request.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    single_header(request, header::AUTHORIZATION.as_str()).and_then(bearer_of)
}

/// The token in the value of an `Authorization` header.
pub fn bearer_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
        .filter(|token| !token.is_empty())
}

/// Answers a reader who has the scope; everybody else gets the problem. A reader with a limit is told
/// with each answer what is left of it.
pub async fn admitted<'a, F>(
    app: &'a App,
    request: &HttpRequest,
    scope: Scope,
    answer: impl FnOnce(&'a Reader) -> F,
) -> HttpResponse
where
    F: Future<Output = Result<HttpResponse, ApiError>>,
{
    let (answered, allowance) = match authorize(app, request, scope) {
        Ok((reader, allowance)) => match app.places.take(reader) {
            Ok(place) => {
                // Held by the answer in the end, until its last byte is on its way (`edge`).
                request.extensions_mut().insert(place);
                (answer(reader).await, allowance)
            }
            Err(problem) => {
                app.metrics.turned_away(&reader.name);
                (Err(problem), allowance)
            }
        },
        Err((problem, allowance)) => (Err(problem), allowance),
    };
    let mut response = answered.unwrap_or_else(|problem| problem.response());
    if let Some(allowance) = allowance {
        allowance.show(response.headers_mut());
    }
    response
}

/// Why a request is not let through, and what is left of its reader's limit, if that is known.
type Turned = (ApiError, Option<Allowance>);

/// Lets a reader through who has the scope, and says who it is.
fn authorize<'a>(
    app: &'a App,
    request: &HttpRequest,
    scope: Scope,
) -> Result<(&'a Reader, Option<Allowance>), Turned> {
    let token = bearer(request).ok_or((ApiError::Unauthorized, None))?;
    let (reader, limiter) = app
        .readers
        .find(token)
        .ok_or((ApiError::Unauthorized, None))?;
    if let Some(expired) = reader.expires_at.filter(|end| *end <= app.clock.now()) {
        tracing::info!(reader = reader.name, "a token has expired");
        return Err((ApiError::TokenExpired(expired), None));
    }
    let allowance = limiter
        .as_ref()
        .map(|limiter| limiter.take(app.readers.started.elapsed()))
        .transpose()
        .map_err(|allowance| {
            let seconds = allowance.retry_after_seconds;
            app.metrics.limited(&reader.name);
            (ApiError::RateLimited(seconds), Some(allowance))
        })?;
    if reader.scopes.contains(&scope) {
        return Ok((reader, allowance));
    }
    tracing::info!(
        reader = reader.name,
        scope = scope.as_str(),
        "a scope is missing"
    );
    Err((ApiError::Forbidden(scope.as_str()), allowance))
}
