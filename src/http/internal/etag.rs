//! Responses of the internal listener that a reader may cache: JSON with an entity tag, and 304 without a body
//! when the reader has the present content.

use actix_web::http::header::{self, ETag, EntityTag, Header as _, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::problem::ApiError;
use crate::crypto;
use crate::store::StoreError;

/// The view as JSON; the tag is a hash of its bytes.
pub fn with_etag(request: &HttpRequest, view: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let body =
        serde_json::to_string(view).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    Ok(tagged(request, body))
}

/// JSON text; the tag is a hash of its bytes.
pub fn tagged(request: &HttpRequest, body: String) -> HttpResponse {
    let digest = crypto::hex(&crypto::sha256(body.as_bytes())[..16]);
    let tag = EntityTag::new_strong(digest);
    if is_known(request, &tag) {
        return HttpResponse::NotModified()
            .insert_header(ETag(tag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header(ETag(tag))
        .content_type(header::ContentType::json())
        .body(body)
}

/// Whether `If-None-Match` has this tag, by weak comparison (RFC 9110 §13.1.2), or `*`.
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}
