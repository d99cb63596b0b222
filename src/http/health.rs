//! Health, for orchestrators; no token needed.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use crate::store::Lane;

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
}

/// The process runs.
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "service",
    security(()),
    responses((status = 200, description = "It runs", body = Health))
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health {
        status: HealthStatus::Ok,
        reason: None,
        evidence: None,
    })
}

/// The process takes callbacks: its store works and it is not shutting down.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "service",
    security(()),
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "Not ready; reason says why", body = Health)
    )
)]
pub async fn ready(app: Data<App>) -> HttpResponse {
    let trouble = if *app.draining.borrow() {
        Some("shutting down")
    } else if app.store.stats().fatal().is_some() {
        Some("the store failed")
    } else if app.store.stats().is_in_trouble() && !can_write(&app).await {
        Some("nothing can be committed at the moment")
    } else if app
        .store
        .read_own(|snapshot| snapshot.last_sequence().map(drop))
        .await
        .is_err()
    {
        Some("the store cannot be read")
    } else {
        None
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
    })
}

/// Whether the trouble of the last transaction is over. Asked for, because a process that is not ready
/// gets no callbacks that would show it.
async fn can_write(app: &App) -> bool {
    app.store
        .write("probe", Lane::ORDERS, |tx| tx.rewrite_counter().map(drop))
        .await
        .is_ok()
}
