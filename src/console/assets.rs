//! Style, script and icon. Their names hold a hash of their content, so that a browser may keep them for ever.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

use super::trouble::Trouble;
use crate::crypto::{hex, sha256};

/// Where they are.
const FOLDER: &str = "/console/assets/";
/// Bytes of the hash in a name.
const HASH_BYTES: usize = 8;

pub struct Asset {
    /// The whole path.
    pub path: String,
    media: &'static str,
    bytes: &'static [u8],
}

pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = include_bytes!("../../assets/console.css");
    Asset::new("console", "css", "text/css; charset=utf-8", bytes)
});

pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = include_bytes!("../../assets/console.js");
    Asset::new("console", "js", "text/javascript; charset=utf-8", bytes)
});

pub static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = include_bytes!("../../assets/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", bytes)
});

impl Asset {
    fn new(name: &str, extension: &str, media: &'static str, bytes: &'static [u8]) -> Self {
        let hash = hex(&sha256(bytes)[..HASH_BYTES]);
        Self {
            path: format!("{FOLDER}{name}-{hash}.{extension}"),
            media,
            bytes,
        }
    }
}

pub async fn serve(name: Path<String>) -> Result<HttpResponse, Trouble> {
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let found = all
        .into_iter()
        .find(|asset| asset.path.strip_prefix(FOLDER) == Some(name.as_str()));
    let asset = found.ok_or(Trouble::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(asset.media)
        .insert_header((
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ))
        .body(asset.bytes))
}
