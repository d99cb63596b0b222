//! I6: only moves of the state machine. Each move is checked as the feed tells it ([`super::feed`]); here
//! the refund is compared with where those moves lead.

use super::facts::RefundFacts;

/// A refund stands where the feed left it, and was reopened only by a provider that reuses numbers.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let (stands, told) = (facts.refund.status, facts.history.last);
    if told != Some(stands) {
        let told = told.map_or("nothing", |status| status.as_str());
        problems.push(format!("is {}, the feed told {told}", stands.as_str()));
    }
    let may_reopen = || {
        let mut claims = facts.said.iter().filter_map(|said| said.claim.as_ref());
        claims.any(|claim| claim.retry_reopens)
    };
    if facts.history.reopened && !may_reopen() {
        problems.push("went on after it had failed, which its provider cannot say".to_owned());
    }
    problems
}
