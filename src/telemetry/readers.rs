//! Rejected requests of readers, their acts, and how long keys are still valid.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::registered;

/// Labels of a counter of refusals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    /// One of a closed set of words.
    reason: &'static str,
    /// Its name in the config; empty where it is not known.
    reader: String,
}

/// Labels of a counter of acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActLabels {
    /// One of a closed set of words.
    act: &'static str,
    /// Its name in the config.
    reader: String,
}

/// Labels of what is told of each key that ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KeyLabels {
    /// The system.
    pub provider: String,
    /// The account there.
    pub account: String,
    /// The id of the key.
    pub key: String,
}

/// What readers are refused, and what they change; how long keys are still good.
pub struct ReaderMetrics {
    refused: Family<RefusedLabels, Counter>,
    acts: Family<ActLabels, Counter>,
    /// Seconds until a provider's key is believed no more; negative once it is not.
    pub key_expiry: Family<KeyLabels, Gauge>,
}

impl ReaderMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "Requests rejected on the internal listener";
        let refused = registered(registry, "reader_requests_rejected", help);
        let acts = registered(registry, "reader_acts", "What readers have changed");
        let help = "Time until a key of an account is believed no more";
        let key_expiry = registered(registry, "key_expiry_seconds", help);
        Self {
            refused,
            acts,
            key_expiry,
        }
    }

    /// Counts a request that was refused.
    pub fn refused(&self, reason: &'static str, reader: &str) {
        let reader = reader.to_owned();
        self.refused
            .get_or_create(&RefusedLabels { reason, reader })
            .inc();
    }

    /// Counts something that a reader has changed.
    pub fn acted(&self, act: &'static str, reader: &str) {
        let reader = reader.to_owned();
        self.acts.get_or_create(&ActLabels { act, reader }).inc();
    }
}
