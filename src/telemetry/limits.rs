//! What readers use of what they may.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::ReaderLabels;

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
        let limited = Family::default();
        let help = "Requests of readers above their limit";
        registry.register("limited_requests", help, limited.clone());
        let turned_away = Family::default();
        let help = "Requests of readers that had too many under way";
        registry.register("turned_away_requests", help, turned_away.clone());
        let connections = Family::default();
        let help = "Requests that a reader has under way, open streams among them";
        registry.register("reader_connections", help, connections.clone());
        let token_expiry = Family::default();
        let help = "Time until the token of a reader expires";
        registry.register("reader_token_expiry_seconds", help, token_expiry.clone());
        Self {
            limited,
            turned_away,
            connections,
            token_expiry,
        }
    }
}
