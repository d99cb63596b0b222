//! Reading a body: bytes as they came, bounded in size and time. Nothing is decoded, because a
//! signature is over the bytes that were sent.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt as _;

use super::connections::Place;

/// Largest body on either listener (contract §3).
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest header value that is kept; a signature has 344 characters, one of 8192 bits 1368.
const HEADER_CHARS_MAX: usize = 1_400;
/// Time for the whole body; a sender who needs longer is not a payment provider.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why a body was not read; holds what was read, for evidence.
#[derive(Debug)]
pub enum BodyError {
    /// Longer than [`BODY_BYTES_MAX`].
    TooLarge(Vec<u8>),
    /// Not there in time.
    TooSlow(Vec<u8>),
    /// The connection broke, or its framing is wrong.
    Broken(Vec<u8>),
    /// A `Content-Encoding`: the bytes would not be the ones that were signed.
    Encoded,
}

/// Reads the whole body.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, BodyError> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(BodyError::Encoded);
    }
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(BodyError::TooLarge(Vec::new()));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default());
    let read = tokio::time::timeout(DEADLINE, fill(&mut body, payload)).await;
    match read {
        Ok(Ok(())) => {
            if let Some(place) = Place::of(request) {
                place.serve();
            }
            Ok(body)
        }
        Ok(Err(Stop::TooLarge)) => Err(BodyError::TooLarge(body)),
        Ok(Err(Stop::Broken)) => Err(BodyError::Broken(body)),
        Err(_) => Err(BodyError::TooSlow(body)),
    }
}

enum Stop {
    TooLarge,
    Broken,
}

async fn fill(body: &mut Vec<u8>, mut payload: Payload) -> Result<(), Stop> {
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Stop::Broken)?;
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Stop::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

/// A header that is there exactly once, as plain text.
pub fn single_header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok(),
        Some(_) => None,
    }
}

/// Whether the body is said to be JSON in UTF-8.
pub fn is_json(request: &HttpRequest) -> bool {
    let Some(value) = single_header(request, header::CONTENT_TYPE.as_str()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => charset
                .trim()
                .trim_matches('"')
                .eq_ignore_ascii_case("utf-8"),
            _ => true,
        })
}

/// A header as it is kept: cut, so that nobody can make us store more than his body.
pub fn kept_header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let value = single_header(request, name)?;
    // Text of a header is ASCII, so a byte is a character.
    Some(value.get(..HEADER_CHARS_MAX).unwrap_or(value))
}

/// The named headers as a JSON object, for keeping.
pub fn kept_headers(request: &HttpRequest, names: &[&str]) -> String {
    let kept: serde_json::Map<_, _> = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), kept_header(request, name)?.into())))
        .collect();
    serde_json::Value::Object(kept).to_string()
}
