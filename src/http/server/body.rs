//! Reads a body: the bytes as received, bounded in size and time. Nothing is decoded, because a signature covers
//! the bytes that were sent.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt as _;

use super::connections::Slot;
use super::headers::changing_encoding;

/// Largest body on either listener (contract §3).
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Timeout for the whole body.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why a body was not read, with what was read, for evidence.
#[derive(Debug)]
pub enum BodyError {
    /// Longer than [`BodyLimits::bytes`].
    TooLarge(Vec<u8>),
    /// Timed out.
    TooSlow(Vec<u8>),
    /// Truncated, or wrong framing.
    Broken(Vec<u8>),
    /// This `Content-Encoding` changes the bytes that were signed.
    Encoded(String, Vec<u8>),
}

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub bytes: usize,
    pub time: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            bytes: BODY_BYTES_MAX,
            time: DEADLINE,
        }
    }
}

/// Reads the whole body.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, BodyError> {
    read_within(request, payload, BodyLimits::default()).await
}

/// Reads the whole body, within other limits.
pub async fn read_within(
    request: &HttpRequest,
    payload: Payload,
    limits: BodyLimits,
) -> Result<Vec<u8>, BodyError> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.bytes) {
        return Err(BodyError::TooLarge(Vec::new()));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default());
    let read = tokio::time::timeout(limits.time, fill(&mut body, payload, limits.bytes)).await;
    match read {
        Ok(Ok(())) => {
            if let Some(slot) = Slot::of(request) {
                slot.serve();
            }
            match changing_encoding(request) {
                None => Ok(body),
                // It was read all the same: as evidence, and to keep the connection usable.
                Some(value) => Err(BodyError::Encoded(value, body)),
            }
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

async fn fill(body: &mut Vec<u8>, mut payload: Payload, bytes_max: usize) -> Result<(), Stop> {
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Stop::Broken)?;
        if body.len() + chunk.len() > bytes_max {
            return Err(Stop::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}
