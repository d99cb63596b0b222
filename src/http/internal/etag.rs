//! Answers of the internal listener that a reader may hold on to: JSON with an entity tag, and 304 without
//! a body for a reader who has it already.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

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
    if is_known(request, &etag) {
        return HttpResponse::NotModified()
            .insert_header((header::ETAG, etag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((header::ETAG, etag))
        .content_type(header::ContentType::json())
        .body(body)
}

/// Whether `If-None-Match` names this tag, or any with `*`. Several lines are one list (RFC 9110 §5.3),
/// and a weak tag is as good as a strong one (§13.1.2). A comma inside another's tag does no harm: no
/// piece of it has both quotes.
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let lines = request.headers().get_all(header::IF_NONE_MATCH);
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}
