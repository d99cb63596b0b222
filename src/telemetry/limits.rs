//! What readers use of what they may.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{ReaderLabels, registered};

/// What each reader uses of its limits.
pub(super) struct LimitMetrics {
    /// Requests above its limit.
    pub(super) limited: Family<ReaderLabels, Counter>,
    /// Requests while it had too many under way.
    pub(super) turned_away: Family<ReaderLabels, Counter>,
    /// Requests that it has under way.
    pub(super) connections: Family<ReaderLabels, Gauge>,
    /// Seconds until a reader's token expires; negative once it has.
    pub(super) token_expiry: Family<ReaderLabels, Gauge>,
}

impl LimitMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "Requests of readers above their limit";
        let limited = registered(registry, "rate_limited_requests", help);
        let help = "Requests of readers that had too many under way";
        let turned_away = registered(registry, "connection_limited_requests", help);
        let help = "Requests that a reader has under way, open streams among them";
        let connections = registered(registry, "reader_connections", help);
        let help = "Time until the token of a reader expires";
        let token_expiry = registered(registry, "reader_token_expiry_seconds", help);
        Self {
            limited,
            turned_away,
            connections,
            token_expiry,
        }
    }
}
