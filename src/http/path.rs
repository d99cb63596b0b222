//! A number as the last part of a path, percent-encoded: `INV%2F2025%2F00001`.

use actix_web::HttpRequest;

use crate::domain::external_id::{Number, PathFlaw};

/// The last part of the path as it was sent: what the router hands over has been decoded, and lost what is not UTF-8.
pub fn last_number(request: &HttpRequest, chars_max: usize) -> Result<Number, PathFlaw> {
    let path = request.uri().path();
    let last = path.rsplit('/').next().unwrap_or_default();
    Number::from_path_part(last, chars_max)
}
