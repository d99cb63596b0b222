//! Decisions of persons: the row is as it was stored (I1), has one event (I3), points to its refund (I4), and made only
//! moves that its question allows (I6).

use crate::audit::facts::{RefundFacts, Said};
use crate::audit::feed::Feed;
use crate::crypto::sha256;
use crate::domain::claim::{Outcome, Status};
use crate::domain::decision::{Decision, DecisionRecord};
use crate::store::DecisionRow;

/// The row has the digest that was stored with it.
pub fn digest(row: &DecisionRow) -> Vec<String> {
    let is_right = row.digest == sha256(row.record.sealed_text().as_bytes());
    told(is_right, "is not what was stored when it was made")
}

/// Its event is there and tells the same.
pub fn event(record: &DecisionRecord, feed: &Feed) -> Vec<String> {
    let Some(event) = feed.decision(record.id) else {
        return vec!["has no refund.decided event".to_owned()];
    };
    let is_right = event.refund_id == record.refund_id
        && event.before == Some(record.status_before)
        && event.after == record.status_after;
    told(is_right, "its event tells of another refund or status")
}

/// Each decision is one that its question takes, and made the move that it means; each event of one has its row.
pub fn of_refund(facts: &RefundFacts) -> Vec<String> {
    let mut problems = Vec::new();
    let (told, stored) = (usize::from(facts.history.decided), facts.decisions.len());
    if told != stored {
        problems.push(format!(
            "{told} events tell of decisions, {stored} are stored"
        ));
    }
    for record in &facts.decisions {
        if !is_legal(record, &facts.said) {
            let (question, decision) = (record.ruling.question, record.ruling.decision);
            let (before, after) = (record.status_before, record.status_after);
            problems.push(format!(
                "{} answers {} with {} and moves from {} to {}",
                record.id,
                question.as_str(),
                decision.as_str(),
                before.as_str(),
                after.as_str()
            ));
        }
    }
    problems
}

fn is_legal(record: &DecisionRecord, said: &[Said]) -> bool {
    let (before, after) = (record.status_before, record.status_after);
    let moves = match record.ruling.decision {
        Decision::Keep | Decision::Dismiss => !record.moved(),
        Decision::Accept => {
            let mut said = said.iter();
            let accepted = said.find(|said| Some(said.id) == record.ruling.callback_id);
            let claim = accepted.and_then(|said| said.claim.as_ref());
            claim.is_some_and(|claim| claim.outcome == Outcome::Reported(after))
        }
        stated => before == Status::Pending && stated.stated() == Some(after),
    };
    let has_second = record.agreed.as_ref();
    let is_alone = has_second.is_some_and(|agreed| agreed.by == record.by);
    record.ruling.decision.answers(record.ruling.question) && moves && !is_alone
}

fn told(is_right: bool, wrong: &str) -> Vec<String> {
    if is_right {
        Vec::new()
    } else {
        vec![wrong.to_owned()]
    }
}
