//! Answers of `/livez` and `/readyz`.

use serde::Serialize;
use utoipa::ToSchema;

/// The answer of a probe.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// `/livez`: the process runs.
    Ok,
    /// `/readyz`: callbacks are accepted.
    Ready,
    /// `/readyz`: callbacks are not accepted.
    #[serde(rename = "not ready")]
    NotReady,
}

/// Whether evidence of rejected requests is stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceStatus {
    Ok,
    Failing,
    Off,
}

/// Whether accepted callbacks are applied in time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApplyingStatus {
    Ok,
    /// A lock, a slow store or too much load delays it. Callbacks are accepted all the same.
    Delayed,
}

/// What a probe says.
#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(inline)]
    pub status: HealthStatus,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    pub evidence: Option<EvidenceStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    pub applying: Option<ApplyingStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    pub replication: Option<ReplicationStatus>,
}

/// Whether commits wait for a second machine; absent if they never did since the process began.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplicationStatus {
    Synchronous,
    /// They did and do no more: what is acknowledged now is on one machine.
    Lost,
}
