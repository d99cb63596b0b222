//! The settings of one endpoint, checked.

use std::time::Duration;

use crate::crypto::WebhookSecrets;
use crate::domain::event::EventKind;

use super::headers::Headers;
use crate::outbound::address::EndpointUrl;
use crate::outbound::agent::CaCertificates;

/// Backoff that Standard Webhooks recommends: about three days in all.
const PAUSES_SECONDS: [u64; 9] = [
    5,
    5 * 60,
    30 * 60,
    2 * 3_600,
    5 * 3_600,
    10 * 3_600,
    14 * 3_600,
    20 * 3_600,
    24 * 3_600,
];

/// One endpoint's settings.
#[derive(Debug)]
pub struct Endpoint {
    /// Used in logs, metrics and the store.
    pub name: String,
    pub url: EndpointUrl,
    /// Extra headers, such as the key of a gateway.
    pub headers: Headers,
    /// Signing secrets; two during a rotation.
    pub secrets: WebhookSecrets,
    /// Subscribed event kinds; empty: all.
    pub kinds: Vec<EventKind>,
    /// Whether its address may be private (not globally reachable).
    pub allow_private: bool,
    /// Trusted CA certificates; `None`: the public ones.
    pub roots: Option<CaCertificates>,
    pub schedule: Schedule,
    /// Disabled after this long without a success.
    pub disable_after: Duration,
    /// Max concurrent attempts.
    pub max_in_flight: usize,
}

impl Endpoint {
    /// Whether both have the same settings.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        // Secrets cannot be compared; their signatures can.
        let proof = |of: &Self| of.secrets.sign("", 0, b"");
        self.name == other.name
            && self.url == other.url
            && self.headers == other.headers
            && self.kinds == other.kinds
            && self.allow_private == other.allow_private
            && self.roots == other.roots
            && self.schedule == other.schedule
            && self.disable_after == other.disable_after
            && proof(self) == proof(other)
    }

    pub(super) fn wants(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted.as_str() == kind)
    }
}

/// Backoff: the pauses after the first failure, the second and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        Self(PAUSES_SECONDS.map(Duration::from_secs).to_vec())
    }
}

impl Schedule {
    /// `None` if there is no pause.
    pub fn new(pauses: Vec<Duration>) -> Option<Self> {
        (!pauses.is_empty()).then_some(Self(pauses))
    }

    /// Without jitter.
    pub fn pauses(&self) -> &[Duration] {
        &self.0
    }

    /// The pause after this many failed attempts, with a jitter of ±10 % so that events that failed together
    /// are not retried together; `None` after the last one.
    pub(super) fn pause(&self, attempts: u32, jitter: u8) -> Option<Duration> {
        let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
        let pause = self.0.get(index)?;
        Some(*pause * 9 / 10 + *pause / 5 * u32::from(jitter) / 255)
    }

    /// The last pause, for events that are not given up.
    pub(super) fn last_pause(&self, jitter: u8) -> Duration {
        let attempts = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.pause(attempts, jitter).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_table_within_a_tenth_and_end() {
        let schedule = Schedule::default();
        let total: Duration = (1..=9)
            .map(|attempts| {
                let least = schedule.pause(attempts, 0).unwrap();
                let most = schedule.pause(attempts, 255).unwrap();
                let middle = Duration::from_secs(PAUSES_SECONDS[attempts as usize - 1]);
                assert_eq!((least, most), (middle * 9 / 10, middle * 11 / 10));
                middle
            })
            .sum();
        assert!((70..80).contains(&(total.as_secs() / 3_600)), "{total:?}");
        assert_eq!(schedule.pause(10, 0), None);
        assert_eq!(schedule.last_pause(255), Duration::from_secs(95_040));
    }
}
