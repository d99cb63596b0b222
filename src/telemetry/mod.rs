//! Logs and metrics. One line an event, ids as fields, never a body, a key or a token.

mod classic;
mod latency;
mod limits;
mod process;
mod questions;
mod readers;
mod reloads;
mod requests;
mod store;

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, FilterFn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub use latency::{LatencyMetrics, RequestLabels, ShownHistogram};
use limits::LimitMetrics;
use process::ProcessMetrics;
pub use questions::{AccountLabels, QuestionMetrics};
pub use readers::{KeyLabels, ReaderMetrics};
pub use reloads::ReloadMetrics;
pub use requests::{CallLabels, OutcomeLabels, RequestMetrics, RequestStateLabels};
pub use store::StoreMetrics;

/// Begins the names of our own metrics.
const PREFIX: &str = "refund_receiver";
/// Where our own lines come from.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// Sends logs to stderr: readable on a terminal, one JSON object a line otherwise. `RUST_LOG` sets
/// the level of our own lines (default `info`).
pub fn start_logging() {
    // What actix calls an error of its dispatcher is a malformed request, which any sender can make. What a
    // database server says when it ends a connection is told by the error that follows.
    let usual = "info,actix_http=off,tokio_postgres=warn";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    // A full or closed stderr loses log lines, but must not end the service: complaining about
    // it on stderr would.
    let lines = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let lines = if std::io::stderr().is_terminal() {
        lines.compact().boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    };
    let started = tracing_subscriber::registry()
        .with(lines.with_filter(filter.and(libraries_say_little())))
        .try_init();
    // A second start (tests, demo inside serve) keeps the first one.
    drop(started);
}

/// Libraries log what passes through them, bodies and credentials included, from `debug` on. No filter of
/// `RUST_LOG` opens that.
fn libraries_say_little() -> FilterFn {
    let is_shown: fn(&Metadata<'_>) -> bool = |line| {
        let of_ours = line.target().strip_prefix(OURS);
        *line.level() <= Level::INFO
            || of_ours.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    FilterFn::new(is_shown).with_max_level_hint(LevelFilter::TRACE)
}

/// Labels of a counter of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallbackLabels {
    /// The system.
    pub provider: String,
    /// The account there.
    pub account: String,
    /// `new` or `repeat`.
    pub delivery: &'static str,
}

/// Labels of rejected requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RejectionLabels {
    /// One of a closed set of words.
    pub reason: &'static str,
}

/// Labels of a counter of reports that name money and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct InvalidReportLabels {
    /// `batchno`, `trandeno`, `refundmoney` or `body`.
    pub reason: &'static str,
}

/// Labels of a consumer's lag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConsumerLabels {
    /// The reader that it belongs to.
    pub reader: String,
    /// Its name.
    pub consumer: String,
}

/// Labels of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// Its name in the config.
    pub endpoint: String,
}

/// What is known of endpoints that events are pushed to.
pub struct EndpointMetrics {
    /// Events that are not delivered and not parked.
    pub lag: Family<EndpointLabels, Gauge>,
    /// Events that are tried again, or wait behind such a one.
    pub parked: Family<EndpointLabels, Gauge>,
    /// Events that are not tried again by themselves.
    pub given_up: Family<EndpointLabels, Gauge>,
    /// Attempts of this process.
    attempts: Family<EndpointLabels, Counter>,
    /// Those that failed.
    failures: Family<EndpointLabels, Counter>,
    /// 1 where nothing is tried until an operator recovers it.
    pub disabled: Family<EndpointLabels, Gauge>,
}

impl EndpointMetrics {
    /// Forgets what was told of endpoints that may be gone.
    pub fn clear(&self) {
        for family in [&self.lag, &self.parked, &self.given_up, &self.disabled] {
            family.clear();
        }
        self.attempts.clear();
        self.failures.clear();
    }

    /// Shows how many attempts there were, and how many of them failed.
    pub fn attempted(&self, labels: &EndpointLabels, attempts: u64, failures: u64) {
        set(&self.attempts.get_or_create(labels), attempts);
        set(&self.failures.get_or_create(labels), failures);
    }

    fn register(registry: &mut Registry) -> Self {
        let help = "Attempts to push an event";
        let attempts = registered(registry, "endpoint_attempts", help);
        let help = "Attempts to push an event that failed";
        let failures = registered(registry, "endpoint_failures", help);
        let mut family = |name: &str, help: &str| registered(registry, name, help);
        Self {
            lag: family("endpoint_lag_events", "Events not delivered, not parked"),
            parked: family("endpoint_parked_events", "Events that are tried again"),
            given_up: family("endpoint_given_up_events", "Events not tried again"),
            attempts,
            failures,
            disabled: family("endpoint_disabled", "1 where the endpoint is disabled"),
        }
    }
}

/// Labels of what is told of each reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReaderLabels {
    /// Its name in the config.
    pub reader: String,
}

/// What the operator's monitoring reads.
pub struct Metrics {
    registry: Registry,
    /// Callbacks acknowledged.
    pub callbacks: Family<CallbackLabels, Counter>,
    /// Requests rejected on the public listener.
    pub rejected: Family<RejectionLabels, Counter>,
    /// Reports of `EPay` that were answered with errcode 1.
    pub invalid_reports: Family<InvalidReportLabels, Counter>,
    /// Rejections beyond the budget: answered late, without evidence.
    pub rejected_delayed: Counter,
    limits: LimitMetrics,
    /// Seconds by which this machine's clock is ahead of the database's.
    clock_skew: Gauge<f64, AtomicU64>,
    /// Seconds since the store was last read for the gauges that show what it holds.
    pub store_read_age: Gauge,
    /// How the store is doing.
    pub store: StoreMetrics,
    /// Latency of requests and acks.
    pub latency: LatencyMetrics,
    process: ProcessMetrics,
    /// Callbacks that are stored and not applied.
    pub unapplied: Gauge,
    /// Age of the oldest of them, in seconds.
    pub unapplied_age: Gauge,
    /// Open questions, and callbacks without a refund.
    pub questions: QuestionMetrics,
    /// Close-outs that are tried again.
    pub close_outs_pending: Gauge,
    /// Close-outs that wait for an operator.
    pub close_outs_parked: Gauge,
    /// Number of the last event.
    pub last_sequence: Gauge,
    /// Rejected requests of which no evidence was kept.
    evidence_dropped: Counter,
    /// Events that each consumer has not acknowledged.
    pub consumer_lag: Family<ConsumerLabels, Gauge>,
    /// Endpoints that events are pushed to.
    pub endpoints: EndpointMetrics,
    /// Readers that follow the feed on an open stream.
    pub streams: Gauge,
    /// Outgoing refunds.
    pub requests: RequestMetrics,
    /// How reading the config again went.
    pub reloads: ReloadMetrics,
    /// Rejected requests of readers, and their acts.
    pub readers: ReaderMetrics,
}

/// Shows a count that is kept elsewhere.
fn set(counter: &Counter, count: u64) {
    counter.inner().store(count, Ordering::Relaxed);
}

/// A metric, registered.
fn registered<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        let mut root = Registry::default();
        let process = ProcessMetrics::register(&mut root, PREFIX);
        let registry = root.sub_registry_with_prefix(PREFIX);
        let help = "Callbacks stored and acknowledged";
        let callbacks = registered(registry, "callbacks", help);
        let help = "Requests rejected on the public listener";
        let rejected = registered(registry, "rejected_requests", help);
        let help = "Requests rejected beyond the budget, without evidence";
        let rejected_delayed = registered(registry, "rejected_requests_delayed", help);
        let help = "Events that a consumer has not acknowledged";
        let consumer_lag = registered(registry, "consumer_lag_events", help);
        let endpoints = EndpointMetrics::register(registry);
        let limits = LimitMetrics::register(registry);
        let help = "Time by which this machine's clock is ahead of the database's";
        let clock_skew = registered(registry, "clock_skew_seconds", help);
        let help = "Reports of EPay with a member that cannot be read, by member";
        let invalid_reports = registered(registry, "epay_invalid_requests", help);
        let store = StoreMetrics::register(registry);
        let help = "Rejected requests of which no evidence was kept";
        let evidence_dropped = registered(registry, "evidence_dropped", help);
        let latency = LatencyMetrics::register(registry);
        let questions = QuestionMetrics::register(registry);
        let requests = RequestMetrics::register(registry);
        let reloads = ReloadMetrics::register(registry);
        let readers = ReaderMetrics::register(registry);
        let mut gauge = |name: &str, help: &str| registered(registry, name, help);
        Self {
            unapplied: gauge("unapplied_callbacks", "Stored callbacks without effect yet"),
            unapplied_age: gauge("unapplied_age_seconds", "Age of the oldest of them"),
            close_outs_pending: gauge("close_outs_pending", "Close-outs that are tried again"),
            close_outs_parked: gauge("close_outs_parked", "Close-outs waiting for an operator"),
            last_sequence: gauge("last_event_sequence", "Sequence number of the last event"),
            evidence_dropped,
            streams: gauge("event_streams", "Open streams of events"),
            callbacks,
            rejected,
            invalid_reports,
            rejected_delayed,
            consumer_lag,
            endpoints,
            store,
            store_read_age: gauge(
                "store_read_age_seconds",
                "Age of what is shown of the store's contents",
            ),
            clock_skew,
            limits,
            questions,
            requests,
            reloads,
            readers,
            latency,
            process,
            registry: root,
        }
    }
}

impl Metrics {
    /// Notes how far this machine's clock is ahead of the database's.
    pub fn set_clock_skew(&self, ahead_millis: i64) {
        // For people to look at: no figure that anything is decided by.
        let millis = i32::try_from(ahead_millis).unwrap_or(i32::MAX);
        self.clock_skew.set(f64::from(millis) / 1_000.0);
    }

    /// Shows of how many rejected requests no evidence was kept.
    pub fn set_evidence_dropped(&self, requests: u64) {
        set(&self.evidence_dropped, requests);
    }

    /// Reads what the system says of the process.
    pub fn refresh_process(&self) {
        self.process.refresh();
    }

    /// Counts a request that was one too many.
    pub fn limited(&self, reader: &str) {
        let reader = reader.to_owned();
        self.limits
            .limited
            .get_or_create(&ReaderLabels { reader })
            .inc();
    }

    /// Counts a request of a reader that had too many under way.
    pub fn turned_away(&self, reader: &str) {
        let reader = reader.to_owned();
        self.limits
            .turned_away
            .get_or_create(&ReaderLabels { reader })
            .inc();
    }

    /// Notes how many requests a reader has under way.
    pub fn reader_holds(&self, reader: String, requests: i64) {
        self.limits
            .connections
            .get_or_create(&ReaderLabels { reader })
            .set(requests);
    }

    /// Forgets what was told of readers and keys that may be gone.
    pub fn forget_readers(&self) {
        self.limits.token_expiry.clear();
        self.readers.key_expiry.clear();
    }

    /// Notes how long the token of a reader is still good.
    pub fn token_expires_in(&self, reader: &str, seconds: i64) {
        let reader = reader.to_owned();
        self.limits
            .token_expiry
            .get_or_create(&ReaderLabels { reader })
            .set(seconds);
    }

    /// Prometheus text, version 0.0.4.
    pub fn encode_classic(&self) -> Result<String, std::fmt::Error> {
        Ok(classic::of(&self.encode()?))
    }

    /// `OpenMetrics` text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
