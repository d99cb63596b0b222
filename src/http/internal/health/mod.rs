//! Health, for orchestrators; no token needed.

pub mod metrics;
pub mod scrape;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::store::Replication;

/// How the process is, in one word.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    /// `/livez`: it runs.
    Ok,
    /// `/readyz`: it takes callbacks.
    Ready,
    /// `/readyz`: it does not.
    #[serde(rename = "not ready")]
    NotReady,
}

/// Whether evidence of refused requests is kept.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EvidenceStatus {
    Ok,
    Failing,
    Off,
}

/// Whether what was accepted takes effect in time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ApplyingStatus {
    Ok,
    /// Something holds it up: a lock, a slow store, too much at once. Callbacks are accepted all the same.
    Delayed,
}

/// How the process is.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(inline)]
    status: HealthStatus,
    /// Why it is not ready, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    evidence: Option<EvidenceStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    applying: Option<ApplyingStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    replication: Option<ReplicationStatus>,
}

/// Whether commits wait for a second machine; absent where they never did while this process looked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ReplicationStatus {
    Synchronous,
    /// They did and do not any more: what is acknowledged now is on one machine.
    Lost,
}

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

/// The process takes callbacks: its store works and it is not shutting down.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "service",
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "Not ready; reason says why", body = Health)
    )
)]
pub async fn ready(app: Data<App>) -> HttpResponse {
    // Asked of what the writers note as they work: nothing here waits, least of all for the store.
    let trouble = if *app.draining.borrow() {
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
    let (mut response, status) = match trouble {
        None => (HttpResponse::Ok(), HealthStatus::Ready),
        Some(_) => (HttpResponse::ServiceUnavailable(), HealthStatus::NotReady),
    };
    response.json(Health {
        status,
        reason: trouble,
        evidence: Some(evidence),
        applying: Some(applying),
        replication: replication(&app),
    })
}
