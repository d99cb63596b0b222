//! Answers of the internal listener that a reader may hold on to: JSON with an entity tag, and 304 without
//! a body for a reader who has it already.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::body::single_header;
use super::problem::ApiError;
use crate::crypto;
use crate::store::StoreError;

/// The view as JSON, tagged by its bytes.
pub fn with_etag(request: &HttpRequest, view: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let body =
        serde_json::to_string(view).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    Ok(tagged(request, body))
}

/// JSON text, tagged by its bytes.
pub fn tagged(request: &HttpRequest, body: String) -> HttpResponse {
    let digest = crypto::hex(&crypto::sha256(body.as_bytes())[..16]);
    let etag = format!("\"{digest}\"");
    let known = single_header(request, header::IF_NONE_MATCH.as_str());
    let is_known = known.is_some_and(|known| {
        known
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == etag || tag == "*")
    });
    if is_known {
        return HttpResponse::NotModified()
            .insert_header((header::ETAG, etag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((header::ETAG, etag))
        .content_type(header::ContentType::json())
        .body(body)
}
