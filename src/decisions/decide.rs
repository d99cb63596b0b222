//! A decision: it takes effect, or waits for a second person.

use std::sync::Arc;

use serde_json::{Value, json};

use super::carry_out::{carry_out, claim_of};
use super::{DecideError, Decided, Decisions, NewDecision, SHOWN_MAX};
use crate::crypto::sha256;
use crate::domain::claim::Claim;
use crate::domain::decision::{Decision, DecisionRecord, Proposal, Ruling, SecondPerson};
use crate::domain::ids::DecisionId;
use crate::domain::money::Money;
use crate::domain::refund::{Attention, Refund, Waiting};
use crate::domain::time::Clock;
use crate::domain::trail::{About, Act};
use crate::failpoints::crash_point;
use crate::intake::Applying;
use crate::store::{Lane, StoreError, Tx};

impl Decisions {
    /// Answers an open question. Idempotent: the same again by the same reader has no second effect, and so has the
    /// same idempotency key.
    pub async fn decide(&self, new: NewDecision) -> Result<Decided, DecideError> {
        self.caught_up(new.refund_id).await?;
        let (clock, rule) = (Arc::clone(&self.clock), self.second_person());
        let done = self.store.write("decide", Lane::SHARED, move |tx| {
            crash_point!("decision-begun");
            decide(tx, &new, &rule, clock.as_ref())
        });
        let decided = done.await??;
        crash_point!("decision-committed");
        self.count(&decided);
        Ok(decided)
    }
}

type Outcome = Result<Decided, DecideError>;

/// What is returned here commits, so nothing is written before every guard has passed.
fn decide(
    tx: &mut Tx<'_>,
    new: &NewDecision,
    rule: &SecondPerson,
    clock: &dyn Clock,
) -> Result<Outcome, StoreError> {
    let Some(mut applying) = Applying::of_refund(tx, clock, new.refund_id)? else {
        return Ok(Err(DecideError::NoRefund));
    };
    match known_key(applying.tx(), new)? {
        KnownKey::None => {}
        KnownKey::Same => return said_before(applying.tx(), new),
        KnownKey::Other => return Ok(Err(DecideError::KeyReused)),
    }
    let open = match question(applying.refund(), &new.ruling) {
        Ok(open) => open.clone(),
        Err(DecideError::NoSuchQuestion) => return repeated(&mut applying, new),
        Err(error) => return Ok(Err(error)),
    };
    let ruling = Ruling {
        callback_id: open.callback_id,
        ..new.ruling
    };
    if let Some(waiting) = &open.approval {
        let is_same = waiting.by == new.by.reader && waiting.decision == ruling.decision;
        let proposal = applying.tx().snapshot().proposal(waiting.id)?;
        return match proposal {
            Some(proposal) if is_same && proposal.reason == new.reason => {
                waits(applying.tx(), proposal)
            }
            _ => Ok(Err(DecideError::Waits(waiting.id))),
        };
    }
    let claim = claim_of(applying.tx(), new.refund_id, &ruling)?;
    // On a copy: whether it is allowed is known before anything is written.
    let mut tried = applying.refund().clone();
    if let Err(error) = tried.decide(None, &ruling, claim.as_ref(), clock.now()) {
        return Ok(Err(error.into()));
    }
    let id = DecisionId::new(clock.new_uuid());
    if rule.is_needed(&sums(applying.refund(), &ruling, claim.as_ref())) {
        return propose(applying, new, (id, ruling), clock);
    }
    let who = (new.by.reader.as_str(), new.reason.as_str());
    let entry = new.by.did(
        Act::RefundDecided,
        About::refund(new.refund_id),
        clock.now(),
    );
    let entry = entry.because(&new.reason);
    let decided = carry_out(applying, (id, ruling), claim.as_ref(), who, None, entry)?;
    if decided.is_ok() {
        note_key(tx, new, clock)?;
    }
    Ok(decided)
}

/// The question that is to be answered.
fn question<'r>(refund: &'r Refund, ruling: &Ruling) -> Result<&'r Attention, DecideError> {
    let mut open = refund.open_questions(ruling.question, ruling.callback_id);
    let found = open.next().ok_or(DecideError::NoSuchQuestion)?;
    match open.next() {
        None => Ok(found),
        Some(_) => Err(DecideError::Ambiguous),
    }
}

/// The sums that a decision is about.
fn sums(refund: &Refund, ruling: &Ruling, claim: Option<&Claim>) -> [Option<Money>; 2] {
    let accepted = claim.filter(|_| ruling.decision == Decision::Accept);
    [refund.money, accepted.and_then(|claim| claim.money)]
}

/// The question is answered already: by the same decision of the same reader, or otherwise.
fn repeated(applying: &mut Applying<'_, '_>, new: &NewDecision) -> Result<Outcome, StoreError> {
    let tx = applying.tx();
    let newest = tx.snapshot().newest_decisions(new.refund_id, SHOWN_MAX)?;
    let mut of_question = newest.into_iter().filter(|one| answers(&one.ruling, new));
    let is_same = of_question
        .next()
        .is_some_and(|last| is_said(new, &last.ruling, (&last.by, &last.reason)));
    if is_same {
        return same(tx, new);
    }
    Ok(Err(DecideError::NoSuchQuestion))
}

/// A call whose idempotency key is known: what became of it since.
fn said_before(tx: &mut Tx<'_>, new: &NewDecision) -> Result<Outcome, StoreError> {
    let decided = tx.snapshot().newest_decisions(new.refund_id, SHOWN_MAX)?;
    let has_effect = |one: &DecisionRecord| is_said(new, &one.ruling, (&one.by, &one.reason));
    if decided.iter().any(has_effect) {
        return same(tx, new);
    }
    let mut proposed = tx.snapshot().newest_proposals(new.refund_id, SHOWN_MAX)?;
    proposed.retain(|one| is_said(new, &one.ruling, (&one.by, &one.reason)));
    match proposed.into_iter().next() {
        Some(proposal) => match &proposal.ended {
            None => waits(tx, proposal),
            Some(ended) => Ok(Err(DecideError::Ended(ended.how.as_str()))),
        },
        // So many came after it that it is not read any more.
        None => same(tx, new),
    }
}

/// Whether a ruling is about the question that the call answers.
fn answers(ruling: &Ruling, new: &NewDecision) -> bool {
    let callback_id = new.ruling.callback_id;
    ruling.question == new.ruling.question
        && (callback_id.is_none() || ruling.callback_id == callback_id)
}

/// Whether it is what the call says, by the same reader with the same reason.
fn is_said(new: &NewDecision, ruling: &Ruling, (by, reason): (&str, &str)) -> bool {
    answers(ruling, new)
        && ruling.decision == new.ruling.decision
        && by == new.by.reader
        && reason == new.reason
}

fn same(tx: &mut Tx<'_>, new: &NewDecision) -> Result<Outcome, StoreError> {
    let refund = tx.snapshot().known_refund(new.refund_id)?;
    Ok(Ok(Decided::Same { refund }))
}

fn waits(tx: &mut Tx<'_>, proposal: Proposal) -> Result<Outcome, StoreError> {
    let refund = tx.snapshot().known_refund(proposal.refund_id)?;
    Ok(Ok(Decided::Waits { refund, proposal }))
}

/// The decision waits; the open question shows it.
fn propose(
    mut applying: Applying<'_, '_>,
    new: &NewDecision,
    (id, ruling): (DecisionId, Ruling),
    clock: &dyn Clock,
) -> Result<Outcome, StoreError> {
    note_key(applying.tx(), new, clock)?;
    let now = applying.now();
    let proposal = Proposal {
        id,
        refund_id: new.refund_id,
        ruling,
        reason: new.reason.clone(),
        by: new.by.reader.clone(),
        at: now,
        ended: None,
    };
    applying.tx().insert_proposal(&proposal)?;
    let entry = new
        .by
        .did(Act::RefundDecided, About::refund(new.refund_id), now);
    let waits = json!({
        "decision_id": id, "question": ruling.question.as_str(), "decision": ruling.decision.as_str(), "waits": true
    });
    let entry = entry.because(&new.reason).changed(&Value::Null, &waits);
    applying.tx().append_act(entry);
    let waiting = Waiting {
        id,
        decision: ruling.decision,
        by: new.by.reader.clone(),
    };
    let (refund, _) = applying.refund_mut();
    refund.set_approval(&ruling, Some(&waiting), now);
    let refund = applying.finish_with_row(Vec::new())?;
    Ok(Ok(Decided::Waits { refund, proposal }))
}

/// What the caller's idempotency key brought before.
enum KnownKey {
    None,
    Same,
    Other,
}

fn known_key(tx: &mut Tx<'_>, new: &NewDecision) -> Result<KnownKey, StoreError> {
    let Some((key, body)) = &new.key else {
        return Ok(KnownKey::None);
    };
    let path = path(new);
    let known = tx.snapshot().known_key(&new.by.reader, &path, key)?;
    Ok(match known {
        None => KnownKey::None,
        Some(known) if known.body_hash == sha256(body) => KnownKey::Same,
        Some(_) => KnownKey::Other,
    })
}

fn note_key(tx: &mut Tx<'_>, new: &NewDecision, clock: &dyn Clock) -> Result<(), StoreError> {
    let Some((key, body)) = &new.key else {
        return Ok(());
    };
    let path = path(new);
    let place = (new.by.reader.as_str(), path.as_str(), key.as_str());
    let known = tx.note_key(place, &sha256(body), new.refund_id, clock.now())?;
    // Calls about one refund come one after the other: its lock is held.
    match known {
        None => Ok(()),
        Some(_) => Err(StoreError::Locked),
    }
}

/// The path that idempotency keys of this call are scoped to.
fn path(new: &NewDecision) -> String {
    format!("/v1/refunds/{}/decisions", new.refund_id)
}
