//! How the store is doing.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::registered;

/// Labels of the database server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    /// Where it is and since when it runs.
    server: String,
}

/// How the store is doing.
pub struct StoreMetrics {
    /// 1 where callbacks are put off at once, because the store is known to take nothing.
    pub refuses: Gauge,
    /// Seconds since the last callback was committed; -1 before the first.
    pub since_commit: Gauge,
    /// 1 where what was accepted takes effect late.
    pub applying_delayed: Gauge,
    /// Reads that met a damaged part of the store.
    pub damaged_reads: Gauge,
    /// 1 where commits waited for a standby and do not any more.
    pub replication_lost: Gauge,
    /// The database server that takes writes.
    server: Family<ServerLabels, Gauge>,
    /// How often it was another one.
    failovers: Gauge,
}

impl StoreMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "1 for the database server that takes writes";
        let server = registered(registry, "store_server", help);
        let mut gauge = |name: &str, help: &str| registered(registry, name, help);
        let help = "Seconds since the last callback was committed";
        Self {
            refuses: gauge("store_refuses", "1 where callbacks are put off at once"),
            since_commit: gauge("store_seconds_since_commit", help),
            applying_delayed: gauge("applying_delayed", "1 where callbacks take effect late"),
            damaged_reads: gauge("store_damaged_reads", "Reads that met damage"),
            replication_lost: gauge("store_replication_lost", "1 where no standby is waited for"),
            failovers: gauge("store_failovers", "Times that another server took writes"),
            server,
        }
    }

    /// Shows which database server takes writes, and how often it was another one.
    pub fn show_server(&self, server: String, failovers: i64) {
        self.server.clear();
        self.server.get_or_create(&ServerLabels { server }).set(1);
        self.failovers.set(failovers);
    }
}
