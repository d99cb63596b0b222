//! I5: nothing is stuck silently. What is not final is recent, or is retried, or has an open question for a
//! person.

use std::time::Duration;

use crate::audit::facts::RefundFacts;
use crate::domain::decision::DecisionRecord;
use crate::domain::order::close_out::Progress;
use crate::domain::time::Timestamp;
use crate::store::CallbackRow;

/// A running service applies a callback within this time, measured to the newest callback.
const APPLIED_WITHIN: Duration = Duration::from_secs(10);
/// A callback that cannot be applied after this many attempts (some ten seconds) is stuck.
const ATTEMPTS_MAX: i64 = 4;

/// Whether a callback waits too long for transaction 2. The newest callback serves as the clock, so that a
/// stopped store reports nothing.
pub fn of_callback(callback: &CallbackRow, newest: Option<Timestamp>) -> Vec<String> {
    if callback.verdict.is_some() {
        return Vec::new();
    }
    let since = callback.received_at;
    let is_late = newest.is_some_and(|newest| newest > since.plus(APPLIED_WITHIN));
    if is_late || callback.settle_attempts >= ATTEMPTS_MAX {
        let times = callback.settle_attempts;
        return vec![format!(
            "is pending since {since}, after {times} failed attempts"
        )];
    }
    Vec::new()
}

/// An open request is due at some time or has an open question, and only its last attempt may have no end: an
/// earlier one ends with the next. A close-out that is not done has an open question with the reason.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = of_close_out(facts);
    let Some(request) = &facts.request else {
        return problems;
    };
    let is_open = !request.machine.state.is_final();
    let is_answered = facts
        .decisions
        .iter()
        .any(|one| one.ruling.decision.leaves_all());
    let is_asked = is_answered || !facts.refund.attention.is_empty();
    if is_open && request.next_at.is_none() && !is_asked {
        let state = request.machine.state.as_str();
        problems.push(format!(
            "its request is {state}, is never due, and no question is open"
        ));
    }
    let open = facts.open_attempts.iter();
    let earlier = open.filter(|fence| **fence != request.fence).count();
    if earlier > 0 {
        problems.push(format!(
            "{earlier} earlier attempts of its request have no end"
        ));
    }
    problems
}

fn of_close_out(facts: &RefundFacts) -> Vec<String> {
    let refusal = match facts.close_out.as_ref().map(|this| this.progress) {
        Some(Progress::Pending(refusal) | Progress::Parked(refusal)) => refusal,
        Some(Progress::Done) | None => return Vec::new(),
    };
    let mut open = facts.refund.attention.iter();
    if open.any(|open| open.reason == refusal.reason()) {
        return Vec::new();
    }
    let is_answered = |record: &DecisionRecord| {
        record.ruling.question == refusal.reason() && record.ruling.decision.leaves_all()
    };
    if facts.decisions.iter().any(is_answered) {
        return Vec::new();
    }
    let reason = refusal.reason().as_str();
    vec![format!(
        "its close-out is not done, and no question {reason} is open"
    )]
}
