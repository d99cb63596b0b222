//! Who reads: a bearer token of a configured reader, and the scope that the call needs.

use actix_web::HttpRequest;
use actix_web::http::header;

use super::App;
use super::body::single_header;
use super::error::ApiError;
use crate::config::{Reader, Scope};

/// The bearer token of a request.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = single_header(request, header::AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
        .filter(|token| !token.is_empty())
}

/// Lets a reader through who has the scope, and says who it is.
pub fn authorize<'a>(
    app: &'a App,
    request: &HttpRequest,
    scope: Scope,
) -> Result<&'a Reader, ApiError> {
    let token = bearer(request).ok_or(ApiError::Unauthorized)?;
    let reader = app
        .readers
        .iter()
        .find(|reader| reader.token.matches(token))
        .ok_or(ApiError::Unauthorized)?;
    if reader.scopes.contains(&scope) {
        return Ok(reader);
    }
    tracing::info!(
        reader = reader.name,
        scope = scope.as_str(),
        "a scope is missing"
    );
    Err(ApiError::Forbidden(scope.as_str()))
}
