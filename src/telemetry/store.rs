//! How the store is doing.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{ShownHistogram, registered, set};

/// Labels of the database server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    /// Where it is and since when it runs.
    server: String,
}

/// How the store is doing.
pub struct StoreMetrics {
    /// 1 while the circuit breaker answers callbacks with 503 at once.
    pub refuses: Gauge,
    /// Seconds since the last callback was committed; -1 before the first.
    pub since_commit: Gauge,
    /// Seconds since the last backup; -1 where none is known.
    pub backup_age: Gauge,
    /// 1 while applying lags.
    pub applying_delayed: Gauge,
    /// 1 where commits waited for a standby and do not any more.
    pub replication_lost: Gauge,
    /// Time of transactions.
    pub commit_duration: ShownHistogram,
    /// Jobs of each transaction.
    pub batch_jobs: ShownHistogram,
    /// Time in the queue of the oldest urgent job of each transaction.
    pub queue_wait: ShownHistogram,
    /// Time from the receipt of a callback until it is applied.
    pub apply_delay: ShownHistogram,
    commits: Counter,
    failed_commits: Counter,
    damaged_reads: Counter,
    /// The database server that takes writes.
    server: Family<ServerLabels, Gauge>,
    failovers: Counter,
    histories: Counter,
}

impl StoreMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "1 for the database server that takes writes";
        let server = registered(registry, "store_server", help);
        let mut histogram = |name: &str, help: &str| ShownHistogram::register(registry, name, help);
        let commit_duration = histogram("store_commit_seconds", "Time of a transaction");
        let batch_jobs = histogram("store_batch_jobs", "Jobs in a transaction");
        let help = "Time in the queue of the oldest urgent job of a transaction";
        let queue_wait = histogram("store_queue_wait_seconds", help);
        let help = "Time from the receipt of a callback until it is applied";
        let apply_delay = histogram("apply_delay_seconds", help);
        let mut counter = |name: &str, help: &str| registered(registry, name, help);
        let commits = counter("store_commits", "Transactions of the writers");
        let failed_commits = counter("store_failed_commits", "Transactions that failed");
        let damaged_reads = counter("store_damaged_reads", "Reads that met damage");
        let failovers = counter("store_failovers", "Changes of the server that takes writes");
        let histories = counter(
            "feed_histories",
            "New histories of the feed since the start",
        );
        let mut gauge = |name: &str, help: &str| registered(registry, name, help);
        let help = "Seconds since the last callback was committed";
        Self {
            refuses: gauge("store_refuses", "1 while callbacks get 503 at once"),
            since_commit: gauge("store_seconds_since_commit", help),
            backup_age: gauge("backup_age_seconds", "Seconds since the last backup"),
            applying_delayed: gauge("applying_delayed", "1 while applying lags"),
            replication_lost: gauge("store_replication_lost", "1 where no standby is waited for"),
            commit_duration,
            batch_jobs,
            queue_wait,
            apply_delay,
            commits,
            failed_commits,
            damaged_reads,
            server,
            failovers,
            histories,
        }
    }

    /// Shows counts of the writers and readers since the start.
    pub fn show_counts(&self, commits: u64, failed_commits: u64, damaged_reads: u64) {
        set(&self.commits, commits);
        set(&self.failed_commits, failed_commits);
        set(&self.damaged_reads, damaged_reads);
    }

    /// Shows how many new histories of the feed began.
    pub fn show_histories(&self, begun: u64) {
        set(&self.histories, begun);
    }

    /// Shows which database server takes writes, and how often that changed.
    pub fn show_server(&self, server: String, failovers: u64) {
        self.server.clear();
        self.server.get_or_create(&ServerLabels { server }).set(1);
        set(&self.failovers, failovers);
    }
}
