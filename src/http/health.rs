//! Health and metrics, for orchestrators and monitoring; no token needed.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::problem::{ApiError, Problem};
use crate::push::EndpointStatus;
use crate::store::{Lane, StoreError};
use crate::telemetry::{ConsumerLabels, EndpointLabels, EndpointMetrics};

/// Media type of `OpenMetrics` text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Consumers that are shown at most.
const CONSUMERS_MAX: u32 = 1_000;

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
        .read(|snapshot| snapshot.last_sequence().map(drop))
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

/// `OpenMetrics` text.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "service",
    security(()),
    responses(
        (status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json",
            headers(("Retry-After" = String, description = "Seconds")))
    )
)]
pub async fn metrics(app: Data<App>) -> HttpResponse {
    match gather(&app).await {
        Ok(text) => HttpResponse::Ok().content_type(OPENMETRICS).body(text),
        Err(error) => ApiError::Unavailable(error).response(),
    }
}

async fn gather(app: &App) -> Result<String, StoreError> {
    let ((unsettled, oldest), attention, (pending, parked), last_sequence, consumers) = app
        .store
        .read(|snapshot| {
            Ok((
                snapshot.count_unsettled()?,
                snapshot.count_attention()?,
                snapshot.count_close_outs()?,
                snapshot.last_sequence()?,
                snapshot.consumers(CONSUMERS_MAX)?,
            ))
        })
        .await?;
    let metrics = &app.metrics;
    let age = oldest.map_or(0, |since| app.clock.now().as_millis() - since.as_millis());
    metrics.unsettled.set(unsettled);
    metrics.unsettled_age.set(age / 1_000);
    metrics.attention.set(attention);
    metrics.close_outs_pending.set(pending);
    metrics.close_outs_parked.set(parked);
    metrics.last_sequence.set(last_sequence);
    // A consumer that was deleted must not be shown for ever.
    metrics.consumer_lag.clear();
    for consumer in consumers {
        let lag = last_sequence - consumer.acked_sequence;
        let (reader, consumer) = (consumer.reader, consumer.name);
        let labels = ConsumerLabels { reader, consumer };
        metrics.consumer_lag.get_or_create(&labels).set(lag);
    }
    for status in app.push.status().await? {
        show_endpoint(&metrics.endpoints, status);
    }
    let now = app.clock.now().as_millis();
    for (reader, expires_at) in app.readers.expiries() {
        metrics.token_expires_in(reader, (expires_at.as_millis() - now).div_euclid(1_000));
    }
    let stats = app.store.stats().now();
    metrics.streams.set(count(app.feed.open_streams() as u64));
    metrics.commits.set(count(stats.commits));
    metrics.failed_commits.set(count(stats.failed_commits));
    metrics.jobs.set(count(stats.jobs));
    metrics.commit_micros.set(count(stats.commit_micros));
    let dropped = app
        .evidence
        .as_ref()
        .map_or(0, crate::store::evidence::Evidence::dropped);
    metrics.evidence_dropped.set(count(dropped));
    metrics
        .encode()
        .map_err(|error| StoreError::Statement(error.to_string()))
}

fn show_endpoint(metrics: &EndpointMetrics, status: EndpointStatus<'_>) {
    let is_disabled = status.row.disabled.is_some();
    let labels = EndpointLabels {
        endpoint: status.row.name,
    };
    for (family, value) in [
        (&metrics.lag, status.lag),
        (&metrics.parked, status.parked),
        (&metrics.given_up, status.given_up),
        (&metrics.attempts, count(status.attempts)),
        (&metrics.failures, count(status.failures)),
        (&metrics.disabled, i64::from(is_disabled)),
    ] {
        family.get_or_create(&labels).set(value);
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
