//! Outgoing refunds: open requests, calls to providers, stopped accounts.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{AccountLabels, registered, set};

/// Labels of open requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestStateLabels {
    pub provider: String,
    /// `queued`, `sending`, `unknown` or `accepted`.
    pub state: &'static str,
}

/// Labels of calls to providers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    pub provider: String,
    /// `refund`, `query`, `login` or `probe`.
    pub call: &'static str,
    /// What the reply meant.
    pub class: &'static str,
}

/// Labels of outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    pub provider: String,
    /// `callback`, `reply`, `ask` or `person`: an `ask` means that no callback came before.
    pub source: &'static str,
}

/// What is told of outgoing refunds.
pub struct RequestMetrics {
    open: Family<RequestStateLabels, Gauge>,
    oldest: Family<RequestStateLabels, Gauge>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<CallLabels, Counter<f64, AtomicU64>>,
    outcomes: Family<OutcomeLabels, Counter>,
    stopped: Family<AccountLabels, Gauge>,
    skew: Family<AccountLabels, Gauge<f64, AtomicU64>>,
}

impl RequestMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "Requests without an outcome";
        let open = registered(registry, "requests_open", help);
        let help = "Age of the oldest request without an outcome";
        let oldest = registered(registry, "request_oldest_seconds", help);
        let help = "Calls to providers, by what the reply meant";
        let calls = registered(registry, "provider_calls", help);
        let help = "Time that calls to providers took";
        let call_seconds = registered(registry, "provider_call_seconds", help);
        let help = "Outcomes of requests, by what told us first";
        let outcomes = registered(registry, "request_outcomes", help);
        let help = "1 where nothing is sent for the account: it is stopped or paused";
        let stopped = registered(registry, "account_stopped", help);
        let help = "Time by which the provider's clock is ahead of ours";
        Self {
            open,
            oldest,
            calls,
            call_seconds,
            outcomes,
            stopped,
            skew: registered(registry, "provider_clock_skew_seconds", help),
        }
    }

    /// Forgets what was told of states and accounts that may be gone.
    pub fn clear(&self) {
        self.open.clear();
        self.oldest.clear();
        self.stopped.clear();
    }

    pub fn show_open(&self, labels: &RequestStateLabels, requests: i64, oldest_seconds: i64) {
        self.open.get_or_create(labels).set(requests);
        self.oldest.get_or_create(labels).set(oldest_seconds);
    }

    pub fn show_calls(&self, labels: &CallLabels, times: u64, seconds: f64) {
        set(&self.calls.get_or_create(labels), times);
        let bits = seconds.to_bits();
        let counter = self.call_seconds.get_or_create(labels);
        counter
            .inner()
            .store(bits, std::sync::atomic::Ordering::Relaxed);
    }

    pub fn show_outcomes(&self, labels: &OutcomeLabels, times: u64) {
        set(&self.outcomes.get_or_create(labels), times);
    }

    pub fn show_account(&self, labels: &AccountLabels, is_stopped: bool, skew_ms: Option<i64>) {
        self.stopped
            .get_or_create(labels)
            .set(i64::from(is_stopped));
        if let Some(skew) = skew_ms {
            // For people to look at.
            let millis = i32::try_from(skew).unwrap_or(i32::MAX);
            let seconds = f64::from(millis) / 1_000.0;
            self.skew.get_or_create(labels).set(seconds);
        }
    }
}
