//! Health, for orchestrators; without a token.

pub mod metrics;
pub mod scrape;

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::health::{ApplyingStatus, EvidenceStatus, Health, HealthStatus, ReplicationStatus};
use crate::http::App;
use crate::store::Replication;

fn replication(app: &App) -> Option<ReplicationStatus> {
    match app.store.replication() {
        Replication::Unset => None,
        Replication::Synchronous => Some(ReplicationStatus::Synchronous),
        Replication::Lost => Some(ReplicationStatus::Lost),
    }
}

/// The process runs.
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "service",
    responses((status = 200, description = "It runs", body = Health))
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health {
        status: HealthStatus::Ok,
        reason: None,
        evidence: None,
        applying: None,
        replication: None,
    })
}

/// Callbacks are accepted: the store works, and no shutdown has begun.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "service",
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "Not ready; reason says why", body = Health)
    )
)]
pub async fn ready(app: Data<App>) -> HttpResponse {
    // Reads what the writers have noted: nothing here waits for the store.
    let not_ready = if *app.draining.borrow() {
        Some("shutting down")
    } else {
        app.store.trouble()
    };
    let applying = if app.store.applying_is_delayed() {
        ApplyingStatus::Delayed
    } else {
        ApplyingStatus::Ok
    };
    let evidence = match &app.evidence {
        Some(evidence) if evidence.failure().is_some() => EvidenceStatus::Failing,
        Some(_) => EvidenceStatus::Ok,
        None => EvidenceStatus::Off,
    };
    let (mut response, status) = match not_ready {
        None => (HttpResponse::Ok(), HealthStatus::Ready),
        Some(_) => (HttpResponse::ServiceUnavailable(), HealthStatus::NotReady),
    };
    response.json(Health {
        status,
        reason: not_ready,
        evidence: Some(evidence),
        applying: Some(applying),
        replication: replication(&app),
    })
}
