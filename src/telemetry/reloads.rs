//! How reading the config again went.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::registered;

/// Labels of a counter of reloads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    /// `ok` or `failed`.
    outcome: &'static str,
}

/// How reading the config again went.
pub struct ReloadMetrics {
    outcomes: Family<OutcomeLabels, Counter>,
    last_success: Gauge,
    successful: Gauge,
}

impl ReloadMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "Times that the config was read again";
        let outcomes: Family<OutcomeLabels, Counter> = registered(registry, "reloads", help);
        let mut gauge = |name: &str, help: &str| registered(registry, name, help);
        let last_success = gauge(
            "last_reload_success_timestamp_seconds",
            "When the config in effect was read",
        );
        let successful = gauge(
            "last_reload_successful",
            "0 where the last config was refused",
        );
        for outcome in ["ok", "failed"] {
            // Shown from the start on, so that a rate can be taken of it.
            let _ = outcomes.get_or_create(&OutcomeLabels { outcome });
        }
        Self {
            outcomes,
            last_success,
            successful,
        }
    }

    /// The config of the start is in effect.
    pub fn started(&self, seconds: i64) {
        self.last_success.set(seconds);
        self.successful.set(1);
    }

    /// A reload is over.
    pub fn count(&self, is_ok: bool, seconds: i64) {
        let outcome = if is_ok { "ok" } else { "failed" };
        self.outcomes
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
        self.successful.set(i64::from(is_ok));
        if is_ok {
            self.last_success.set(seconds);
        }
    }
}
