//! A second person's word on a decision that waits: it takes effect, or its question stays open.

use std::sync::Arc;

use serde_json::{Value, json};

use super::carry_out::{carry_out, claim_of};
use super::{DecideError, Decided, Decisions, Opinion};
use crate::domain::decision::{Agreed, Ended, Ending, Proposal};
use crate::domain::refund::Refund;
use crate::domain::time::Clock;
use crate::domain::trail::{About, Act, Entry};
use crate::intake::Applying;
use crate::store::{Lane, RefundRow, StoreError, Tx};

impl Decisions {
    /// A decision that waits takes effect. The reader is another one than the reader who decided.
    pub async fn approve(&self, opinion: Opinion) -> Result<Decided, DecideError> {
        self.caught_up(opinion.refund_id).await?;
        let clock = Arc::clone(&self.clock);
        let done = self
            .store
            .write("approve decision", Lane::SHARED, move |tx| {
                approve(tx, &opinion, clock.as_ref())
            });
        let decided = done.await??;
        self.count(&decided);
        Ok(decided)
    }

    /// A decision that waits is dropped; its question stays open.
    pub async fn reject(&self, opinion: Opinion) -> Result<Box<RefundRow>, DecideError> {
        let clock = Arc::clone(&self.clock);
        let done = self
            .store
            .write("reject decision", Lane::SHARED, move |tx| {
                reject(tx, &opinion, clock.as_ref())
            });
        done.await?
    }
}

/// A proposal under the lock of its refund.
enum Found<'a, 'd> {
    Waiting(Box<Applying<'a, 'd>>, Proposal),
    /// This reader said the same before.
    Same(Box<RefundRow>),
}

fn find<'a, 'd>(
    tx: &'a mut Tx<'d>,
    opinion: &Opinion,
    how: Ending,
    clock: &'a dyn Clock,
) -> Result<Result<Found<'a, 'd>, DecideError>, StoreError> {
    let Some(mut applying) = Applying::of_refund(tx, clock, opinion.refund_id)? else {
        return Ok(Err(DecideError::NoRefund));
    };
    let proposal = applying.tx().snapshot().proposal(opinion.decision_id)?;
    let proposal = proposal.filter(|proposal| proposal.refund_id == opinion.refund_id);
    let Some(proposal) = proposal else {
        return Ok(Err(DecideError::NoProposal));
    };
    if proposal.by == opinion.by.reader {
        return Ok(Err(DecideError::SamePerson));
    }
    Ok(match &proposal.ended {
        None => Ok(Found::Waiting(Box::new(applying), proposal)),
        Some(ended) if ended.how == how && ended.by == opinion.by.reader => Ok(Found::Same(
            applying.tx().snapshot().known_refund(opinion.refund_id)?,
        )),
        Some(ended) => Err(DecideError::Ended(ended.how.as_str())),
    })
}

fn approve(
    tx: &mut Tx<'_>,
    opinion: &Opinion,
    clock: &dyn Clock,
) -> Result<Result<Decided, DecideError>, StoreError> {
    let (mut applying, proposal) = match find(tx, opinion, Ending::Approved, clock)? {
        Ok(Found::Waiting(applying, proposal)) => (applying, proposal),
        Ok(Found::Same(refund)) => return Ok(Ok(Decided::Same { refund })),
        Err(error) => return Ok(Err(error)),
    };
    if !is_open(applying.refund(), &proposal) {
        end(&mut applying, opinion, Ending::Obsolete, clock)?;
        return Ok(Err(DecideError::Ended(Ending::Obsolete.as_str())));
    }
    let claim = claim_of(applying.tx(), proposal.refund_id, &proposal.ruling)?;
    let mut tried = applying.refund().clone();
    let allowed = tried.decide(None, &proposal.ruling, claim.as_ref(), clock.now());
    if let Err(error) = allowed {
        // It may still be rejected, and decided otherwise.
        return Ok(Err(error.into()));
    }
    let agreed = Agreed {
        by: opinion.by.reader.clone(),
        reason: opinion.reason.clone(),
    };
    let who = (proposal.by.as_str(), proposal.reason.as_str());
    let what = (proposal.id, proposal.ruling);
    let id = opinion.decision_id;
    let ended = ended(opinion, Ending::Approved, clock);
    let entry = entry(opinion, Act::DecisionApproved, clock);
    let decided = carry_out(*applying, what, claim.as_ref(), who, Some(agreed), entry)?;
    if decided.is_ok() {
        tx.end_proposal(id, &ended)?;
    }
    Ok(decided)
}

fn reject(
    tx: &mut Tx<'_>,
    opinion: &Opinion,
    clock: &dyn Clock,
) -> Result<Result<Box<RefundRow>, DecideError>, StoreError> {
    let (mut applying, proposal) = match find(tx, opinion, Ending::Rejected, clock)? {
        Ok(Found::Waiting(applying, proposal)) => (applying, proposal),
        Ok(Found::Same(refund)) => return Ok(Ok(refund)),
        Err(error) => return Ok(Err(error)),
    };
    end(&mut applying, opinion, Ending::Rejected, clock)?;
    let rejected = json!({ "decision_id": proposal.id, "waits": false });
    let entry = entry(opinion, Act::DecisionRejected, clock).changed(&Value::Null, &rejected);
    applying.tx().append_act(entry);
    let (refund, _) = applying.refund_mut();
    refund.set_approval(&proposal.ruling, None, clock.now());
    applying.finish_with_row(Vec::new()).map(Ok)
}

fn entry(opinion: &Opinion, act: Act, clock: &dyn Clock) -> Entry {
    let about = About::refund(opinion.refund_id);
    opinion
        .by
        .did(act, about, clock.now())
        .because(&opinion.reason)
}

/// Whether the question that it answers still waits for it.
fn is_open(refund: &Refund, proposal: &Proposal) -> bool {
    let mut open = refund.attention.iter();
    open.any(|open| {
        let waiting = open.approval.as_ref();
        waiting.is_some_and(|waiting| waiting.id == proposal.id)
    })
}

fn end(
    applying: &mut Applying<'_, '_>,
    opinion: &Opinion,
    how: Ending,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let ended = ended(opinion, how, clock);
    applying.tx().end_proposal(opinion.decision_id, &ended)
}

fn ended(opinion: &Opinion, how: Ending, clock: &dyn Clock) -> Ended {
    Ended {
        at: clock.now(),
        by: opinion.by.reader.clone(),
        how,
        reason: opinion.reason.clone(),
    }
}
