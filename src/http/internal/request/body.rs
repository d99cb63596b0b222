//! JSON bodies of readers: unambiguous, with exactly the members of the call.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;

use crate::http::internal::problem::ApiError;
use crate::http::public::error::{PublicError, of_body};
use crate::http::server::body;
use crate::http::server::headers::not_json;
use crate::providers::wire::json::Object;

/// Reads the bytes of a JSON body.
pub async fn bytes(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, ApiError> {
    let body = body::read(request, payload)
        .await
        .map_err(|error| ApiError::Body(of_body(error).0))?;
    match not_json(request) {
        Some(why) => Err(ApiError::Body(PublicError::UnsupportedMedia(why))),
        None => Ok(body),
    }
}

/// Reads a body that has exactly the members of `T`.
pub async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, ApiError> {
    let body = bytes(request, payload).await?;
    // Rejects duplicate keys, which the derived reader finds among known members only.
    Object::parse(&body).map_err(|error| ApiError::InvalidBody(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| ApiError::InvalidBody(error.to_string()))
}
