//! A number as the last part of a path, percent-encoded: `INV%2F2025%2F00001`.

use actix_web::HttpRequest;

use crate::domain::ids::external_id::{ExternalId, PathFlaw};

/// The last part of the path as it was sent: the router decodes lossily what is not UTF-8.
pub fn last_number(request: &HttpRequest, chars_max: usize) -> Result<ExternalId, PathFlaw> {
    let path = request.uri().path();
    let last = path.rsplit('/').next().unwrap_or_default();
    ExternalId::from_path_part(last, chars_max)
}
