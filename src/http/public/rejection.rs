//! A rejected request is counted, stored as evidence and logged, within the budget of `budget.rs`. Beyond it a
//! rejection is only counted, and answered late.

use std::net::SocketAddr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::budget::PENALTY;
use super::error::{PublicError, of_body};
use super::not_found::{first_part, shown_path};
use crate::crypto;
use crate::domain::ids::CallbackId;
use crate::http::App;
use crate::http::server::body;
use crate::http::server::connections::Slot;
use crate::http::server::headers::evident_header;
use crate::http::server::peer::Peer;
use crate::http::server::unread_head::UnreadHead;
use crate::providers::SYSTEMS;
use crate::providers::wire::text::printable;
use crate::rejected::{HEAD_BYTES_MAX, Reason, RejectedRequest};
use crate::store::LogLimit;
use crate::telemetry::RejectionLabels;

/// Log lines about callbacks that could not be stored; the store itself logs why, once.
static UNSTORED: LogLimit = LogLimit::new();
/// Log lines about 404 and 405, which any client can cause.
static LOST: LogLimit = LogLimit::new();
/// Log lines about heads that cannot be read.
static UNREAD: LogLimit = LogLimit::new();
/// Headers stored as evidence, with those that carry a signature. The sender may have made them up.
const KEPT_HEADERS: [&str; 10] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-forwarded-for",
];

/// Reads the body; one that cannot be read is a rejection.
pub async fn read_or_reject(
    app: &App,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Vec<u8>, PublicError> {
    match body::read(request, payload).await {
        Ok(body) => Ok(body),
        Err(error) => {
            let (error, read) = of_body(error);
            note(app, request, &error, read).await;
            Err(error)
        }
    }
}

/// Rejects a request for its head alone, without reading on: where its body ends is not known.
pub fn of_head(request: &HttpRequest, why: &str) -> HttpResponse {
    let error = PublicError::Malformed(why.to_owned());
    if let Some(app) = request.app_data::<Data<App>>() {
        count(app, &error);
        if is_within_budget(app, request) {
            keep(app, request, shown_path(request.path()), &error, &[]);
        }
    }
    error.response()
}

/// Records a request whose head the framework rejected. It has no headers and no body for us; where its path is
/// below ours it is evidence all the same.
pub fn of_unread_head(app: &App, head: &UnreadHead<'_>) {
    let (reason, why) = head.cause();
    count_reason(app, reason.as_str());
    if !peer_is_within_budget(app, head.peer) {
        return;
    }
    let path = shown_path(head.path);
    let peer = head.peer.map(|peer| peer.to_string()).unwrap_or_default();
    if let Some(kept_back) = UNREAD.may_say() {
        tracing::warn!(
            path,
            peer,
            status = head.status,
            reason = reason.as_str(),
            why,
            kept_back,
            "a request was rejected before its head could be read"
        );
    }
    if first_part(head.path).is_some() {
        let headers = serde_json::json!({ "why": why }).to_string();
        write(app, peer, reason, path, headers, &[]);
    }
}

fn count(app: &App, error: &PublicError) {
    count_reason(app, error.word());
}

fn count_reason(app: &App, reason: &'static str) {
    let labels = RejectionLabels { reason };
    app.metrics.rejected.get_or_create(&labels).inc();
}

fn is_within_budget(app: &App, request: &HttpRequest) -> bool {
    peer_is_within_budget(app, request.peer_addr())
}

fn peer_is_within_budget(app: &App, peer: Option<SocketAddr>) -> bool {
    let peer = peer.map(Peer::from);
    let is_within = app.rejection_budget.allows(peer, app.clock.now());
    if !is_within {
        app.metrics.rejected_delayed.inc();
    }
    is_within
}

/// Records a rejection, and returns when it may be answered.
pub async fn note(app: &App, request: &HttpRequest, error: &PublicError, body: Vec<u8>) {
    count(app, error);
    let path = shown_path(request.path());
    if let PublicError::Unavailable(cause) = error {
        if let Some(kept_back) = UNSTORED.may_say() {
            tracing::error!(path, error = %cause, kept_back, "a callback could not be stored");
        }
        return;
    }
    if is_within_budget(app, request) {
        keep(app, request, path, error, &body);
        return;
    }
    drop(body);
    sit_out(app, request).await;
}

fn keep(app: &App, request: &HttpRequest, path: String, error: &PublicError, body: &[u8]) {
    let Some(reason) = error.reason() else {
        return;
    };
    let why = error.cause();
    say(request, &path, reason, &why, body.len());
    let headers = evidence_headers(request, &why);
    write(app, peer_of(request), reason, path, headers, body);
}

fn say(request: &HttpRequest, path: &str, reason: Reason, why: &str, bytes: usize) {
    let reason_word = reason.as_str();
    if !matches!(reason, Reason::NotFound | Reason::MethodNotAllowed) {
        tracing::info!(
            path,
            reason = reason_word,
            why,
            bytes,
            "a request was rejected"
        );
        return;
    }
    if let Some(kept_back) = LOST.may_say() {
        let method = printable(request.method().as_str());
        tracing::warn!(
            method,
            path,
            reason = reason_word,
            why,
            bytes,
            kept_back,
            "a request came to a URL that nothing serves"
        );
    }
}

/// Adds a stored callback that cannot be applied to the evidence, for the operator. The store has the bytes too.
pub fn keep_unreadable(
    app: &App,
    request: &HttpRequest,
    why: &str,
    callback_id: CallbackId,
    body: &[u8],
) {
    let path = shown_path(request.path());
    let why = format!("{why}; stored as {callback_id}");
    let headers = evidence_headers(request, &why);
    let peer = peer_of(request);
    write(app, peer, Reason::InvalidContent, path, headers, body);
}

fn peer_of(request: &HttpRequest) -> String {
    let peer = request.peer_addr().map(|peer| peer.to_string());
    peer.unwrap_or_default()
}

fn write(app: &App, peer: String, reason: Reason, path: String, headers: String, body: &[u8]) {
    let Some(evidence) = &app.evidence else {
        return;
    };
    evidence.keep(RejectedRequest {
        received_at: app.clock.now(),
        reason,
        path,
        peer,
        headers,
        body_sha256: crypto::sha256(body),
        body_length: body.len(),
        body_head: body[..body.len().min(HEAD_BYTES_MAX)].to_vec(),
    });
}

/// Waits until the penalty is over, the connection is evicted, or the service stops.
async fn sit_out(app: &App, request: &HttpRequest) {
    let mut draining = app.draining.subscribe();
    let evicted = async {
        match Slot::of(request) {
            Some(slot) => {
                slot.wait();
                slot.evicted().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = tokio::time::sleep(PENALTY) => {}
        () = evicted => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

fn evidence_headers(request: &HttpRequest, why: &str) -> String {
    let mut kept = serde_json::Map::new();
    kept.insert("why".to_owned(), why.into());
    let signatures = SYSTEMS.iter().flat_map(|system| system.headers);
    for name in signatures.chain(&KEPT_HEADERS) {
        if let Some(value) = evident_header(request, name) {
            kept.insert((*name).to_owned(), value.into());
        }
    }
    serde_json::Value::Object(kept).to_string()
}
