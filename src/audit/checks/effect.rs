//! I3: each callback is applied exactly once, however often it was delivered. The feed has one event per
//! effect, so its events are counted against the claims.

use std::collections::HashSet;

use crate::audit::facts::{OrderFacts, RefundFacts, Said};
use crate::domain::claim::{Outcome, Status};
use crate::domain::request::State;

/// A delivery is stored once, and each applied callback has one status event; so has what a request does by itself.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let keys: HashSet<_> = facts.said.iter().map(|said| &said.delivery_key).collect();
    if keys.len() != facts.said.len() {
        let times = facts.said.len() - keys.len();
        problems.push(format!("{times} of its callbacks are stored twice"));
    }
    if let Some(status) = facts.history.expected {
        let status = status.as_str();
        problems.push(format!("a decision made it {status}, and no event says so"));
    }
    let by_person = facts.decisions.iter().filter(|record| record.moved());
    if facts.refund.refund_no.is_none() {
        let moves = facts.history.moves();
        if usize::try_from(moves).is_ok_and(|moves| moves != 1 + by_person.count()) {
            problems.push(format!("has no number, but {moves} events of its status"));
        }
        return problems;
    }
    for status in Status::ALL {
        let said = facts.said.iter().filter(|said| has_applied(said, status));
        let decided = by_person
            .clone()
            .filter(|record| record.status_after == status);
        let said = said.count() + decided.count();
        let told = usize::from(facts.history.told(status));
        // An unclear first callback makes a pending refund without being applied.
        let by_unclear = usize::from(status == Status::Pending && began_unclear(facts));
        let by_request = said..=said + by_request(facts, status);
        if told != said && told != said + by_unclear && !by_request.contains(&told) {
            let status = status.as_str();
            problems.push(format!(
                "{told} events say {status}, {said} callbacks and decisions do"
            ));
        }
    }
    problems
}

fn has_applied(said: &Said, status: Status) -> bool {
    said.applied()
        .is_some_and(|claim| claim.outcome == Outcome::Reported(status))
}

/// Most events of this status that the request itself caused: the provider took it (a repeat for the refund, which
/// was pending), refused it, or it was withdrawn.
fn by_request(facts: &RefundFacts, status: Status) -> usize {
    let Some(request) = &facts.request else {
        return 0;
    };
    match status {
        Status::Pending => {
            let is_pending = |said: &&Said| {
                let claim = said.claim.as_ref();
                said.verdict.as_deref() == Some("repeat")
                    && claim.is_some_and(|claim| claim.outcome == Outcome::Reported(status))
            };
            facts.said.iter().filter(is_pending).count()
        }
        Status::Failed => usize::from(request.machine.sends),
        Status::Canceled => usize::from(request.machine.state == State::Canceled),
        Status::Succeeded => 0,
    }
}

fn began_unclear(facts: &RefundFacts) -> bool {
    let is_unclear = |said: &Said| {
        let claim = said.claim.as_ref();
        said.verdict.is_some()
            && claim.is_some_and(|claim| matches!(claim.outcome, Outcome::Unclear(_)))
    };
    facts.history.first == Some(Status::Pending) && facts.said.iter().any(is_unclear)
}

/// An order is closed once, an application handled once, and each has one event.
pub fn of_order(facts: &OrderFacts) -> Vec<String> {
    let mut problems = Vec::new();
    if facts.told_closed != u16::from(facts.closed_by_close_out) {
        let (times, is) = (facts.told_closed, facts.closed_by_close_out);
        problems.push(format!(
            "closed by a close-out: {is}; events that say so: {times}"
        ));
    }
    for application in &facts.handled {
        let batchno = &application.batchno;
        let told = facts.told_handled.iter().find(|(told, _)| told == batchno);
        let times = told.map_or(0, |(_, times)| *times);
        if times != 1 {
            problems.push(format!(
                "application {batchno} is handled; events that say so: {times}"
            ));
        }
    }
    for (batchno, _) in &facts.told_handled {
        if !facts.handled.iter().any(|known| known.batchno == *batchno) {
            problems.push(format!(
                "an event says application {batchno} is handled; it is not"
            ));
        }
    }
    problems
}
