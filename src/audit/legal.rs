//! I6: only legal moves of the state machine. [`super::feed`] checks each move; this compares the refund's
//! status with the last one.

use super::facts::RefundFacts;

/// The status is that of the last event, and only a provider that reuses numbers reopens a refund.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let (status, told) = (facts.refund.status, facts.history.last);
    if told != Some(status) {
        let told = told.map_or("nothing", |status| status.as_str());
        problems.push(format!(
            "is {}, its last event says {told}",
            status.as_str()
        ));
    }
    let may_reopen = || {
        let mut claims = facts.said.iter().filter_map(|said| said.claim.as_ref());
        claims.any(|claim| claim.retry_reopens)
    };
    if facts.history.reopened && !may_reopen() {
        problems
            .push("moved on after failed, although its provider does not reuse numbers".to_owned());
    }
    problems
}
