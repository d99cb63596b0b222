//! Histograms of latency, and those whose buckets another module counts.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

use super::registered;

/// Upper bounds in seconds. An ack takes milliseconds; 4 s is the deadline, 5 s what providers wait.
const BOUNDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.0, 5.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: String,
}

/// Labels of a request; each is one of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// `public` or `internal`.
    pub listener: &'static str,
    /// An HTTP method that some route takes, or `other`.
    pub method: &'static str,
    /// The pattern of the route, or `other`.
    pub route: Cow<'static, str>,
    /// The status code of the response.
    pub status: u16,
}

/// Latency of requests and of acknowledgements.
pub struct LatencyMetrics {
    acks: Family<ProviderLabels, Histogram>,
    requests: Family<RequestLabels, Histogram>,
}

impl LatencyMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let acks = Family::new_with_constructor(histogram as fn() -> Histogram);
        let requests = Family::new_with_constructor(histogram as fn() -> Histogram);
        let help = "Time from the whole body of a callback to its success answer";
        registry.register("callback_ack_seconds", help, acks.clone());
        let help = "Time from the head of a request to the head of its response";
        registry.register("http_request_seconds", help, requests.clone());
        Self { acks, requests }
    }

    /// Records a callback that was acknowledged.
    pub fn acked(&self, provider: &str, took: Duration) {
        let provider = provider.to_owned();
        self.acks
            .get_or_create(&ProviderLabels { provider })
            .observe(took.as_secs_f64());
    }

    /// Records a request that was answered.
    pub fn answered(&self, labels: &RequestLabels, took: Duration) {
        self.requests
            .get_or_create(labels)
            .observe(took.as_secs_f64());
    }
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

/// A histogram that is counted elsewhere and shown here.
#[derive(Clone, Debug, Default)]
pub struct ShownHistogram(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    sum: f64,
    buckets: Vec<(f64, u64)>,
}

impl ShownHistogram {
    pub(super) fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        registered(registry, name, help)
    }

    /// Shows this sum and these counts, each of the values up to its bound and above the one before; the last
    /// bound is infinite.
    pub fn show(&self, sum: f64, buckets: Vec<(f64, u64)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Counted { sum, buckets };
    }
}

impl TypedMetric for ShownHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for ShownHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counted.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(counted.sum, count, &counted.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
