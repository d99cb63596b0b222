//! I5: nothing is stuck without saying so. What is not final is young, or is tried again, or has an open
//! question that a person sees.

use std::time::Duration;

use super::facts::RefundFacts;
use crate::domain::close_out::Progress;
use crate::domain::time::Timestamp;
use crate::store::AuditedCallback;

/// A running service has applied what it accepted this long before something newer.
const APPLIED_WITHIN: Duration = Duration::from_secs(10);
/// After this many tries, some ten seconds, a notification that cannot be applied is stuck.
const ATTEMPTS_MAX: i64 = 4;

/// Whether a notification waits for transaction 2 for too long. A stopped store tells no time of its
/// own; its newest notification does: a service that took that was at work.
pub fn of_callback(callback: &AuditedCallback, newest: Option<Timestamp>) -> Vec<String> {
    if callback.verdict.is_some() {
        return Vec::new();
    }
    let since = callback.received_at;
    let is_late = newest.is_some_and(|newest| newest > since.plus(APPLIED_WITHIN));
    if is_late || callback.settle_attempts >= ATTEMPTS_MAX {
        let times = callback.settle_attempts;
        return vec![format!(
            "is not applied since {since}, after {times} failed tries"
        )];
    }
    Vec::new()
}

/// A close-out that is not done has the question that says why.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let refusal = match facts.close_out.as_ref().map(|this| this.progress) {
        Some(Progress::Pending(refusal) | Progress::Parked(refusal)) => refusal,
        Some(Progress::Done) | None => return Vec::new(),
    };
    let mut open = facts.refund.attention.iter();
    if open.any(|open| open.reason == refusal.reason()) {
        return Vec::new();
    }
    let reason = refusal.reason().as_str();
    vec![format!(
        "its close-out is not done, and no question {reason} is open"
    )]
}
