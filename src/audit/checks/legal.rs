//! I6: only legal moves of the state machine. [`crate::audit::feed`] checks each move; this compares the refund's
//! status with the last one.

use crate::audit::facts::RefundFacts;
use crate::domain::claim::Status;
use crate::domain::request::{Request, State};

/// The status is that of the last event and of the request, and only a request or a provider that reuses numbers
/// reopens a refund.
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
    if facts.history.reopened && facts.request.is_none() && !may_reopen() {
        problems
            .push("moved on after failed, although its provider does not reuse numbers".to_owned());
    }
    let request = facts.request.as_ref();
    if let Some(request) = request.filter(|request| !agrees(request, status)) {
        let state = request.machine.state.as_str();
        problems.push(format!("is {}, its request is {state}", status.as_str()));
    }
    problems
}

/// Whether a refund with this status may have the request as it is.
fn agrees(request: &Request, status: Status) -> bool {
    match request.machine.state {
        State::Queued | State::Sending | State::Unknown | State::Accepted => {
            status == Status::Pending
        }
        State::Done => status == Status::Succeeded,
        State::Refused => status == Status::Failed,
        State::Failed => matches!(status, Status::Failed | Status::Canceled),
        State::Canceled => status == Status::Canceled,
    }
}
