//! The state machine of a refund: one record, and one function that applies a claim to it.
//!
//! The table is in `docs/state-machine.md`; the test below reads it. The principle: the first final status
//! wins, and anything that contradicts it becomes a question for a person, never a silent change.

mod decide;
pub mod parity;
pub mod rule;

use serde::{Deserialize, Serialize};

use super::claim::{Account, Claim, Failure, Outcome, Reason, RefundNo, Status};
use super::decision::Decision;
use super::ids::{CallbackId, DecisionId, ExternalId, RefundId};
use super::money::Money;
use super::request::Request;
use super::time::Timestamp;
pub use decide::NotAllowed;
use rule::Rule;

/// Max open questions of one kind on one refund; the rest is in the callbacks.
pub const ATTENTION_MAX: usize = 5;

/// An open question for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// The kind of question.
    pub reason: Reason,
    /// Open since.
    pub since: Timestamp,
    /// The callback that raised it; `None`: the request of ours did, by silence or by an unproven reply, or a
    /// settlement file.
    pub callback_id: Option<CallbackId>,
    /// Members of that callback that cannot be used; with `invalid_content` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// A decision about it that waits for a second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Waiting>,
}

/// A decision that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub id: DecisionId,
    pub decision: Decision,
    /// Who decided; another one has to agree.
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: RefundId,
    pub account: Account,
    /// The merchant's number; `None` where the only callback was unreadable.
    pub refund_no: Option<RefundNo>,
    /// The provider's number.
    pub provider_refund_no: Option<ExternalId>,
    pub order_no: Option<ExternalId>,
    pub status: Status,
    /// The provider's word, verbatim.
    pub provider_status: Option<String>,
    pub money: Option<Money>,
    pub failure: Option<Failure>,
    /// As the provider says.
    pub finished_at: Option<Timestamp>,
    /// Of the first callback.
    pub received_at: Timestamp,
    pub updated_at: Timestamp,
    pub attention: Vec<Attention>,
}

/// The effect of one callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The refund was created or moved.
    Applied,
    /// It says what is known.
    Repeat,
    /// Late: pending after a final status.
    Stale,
    /// It contradicts the refund: stored, no effect.
    Conflict,
    /// It raised a question: stored, the status did not move.
    Questioned(Reason),
}

impl Verdict {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeat => "repeat",
            Self::Stale => "stale",
            Self::Conflict => "conflict",
            Self::Questioned(Reason::InvalidContent) => "invalid",
            Self::Questioned(_) => "questioned",
        }
    }
}

impl Refund {
    /// The record that a first callback creates. An unclear one creates a pending refund with an open
    /// question, so that an operator sees it.
    pub fn first(
        id: RefundId,
        account: Account,
        claim: &Claim,
        callback_id: CallbackId,
        received_at: Timestamp,
    ) -> (Self, Verdict) {
        let mut refund = Self {
            id,
            account,
            refund_no: claim.refund_no.clone(),
            provider_refund_no: None,
            order_no: None,
            status: Status::Pending,
            provider_status: None,
            money: None,
            failure: None,
            finished_at: None,
            received_at,
            updated_at: received_at,
            attention: Vec::new(),
        };
        let verdict = match claim.outcome {
            Outcome::Reported(status) => {
                refund.take(claim, status);
                Verdict::Applied
            }
            Outcome::Unclear(reason) => {
                refund.fill_in(claim);
                refund.raise(reason, callback_id, received_at);
                Verdict::Questioned(reason)
            }
        };
        refund.raise_doubt(claim, callback_id, received_at);
        (refund, verdict)
    }

    /// The record that an intent creates, before anything is sent.
    pub fn requested(request: &Request) -> Self {
        Self {
            id: request.refund_id,
            account: request.account.clone(),
            refund_no: Some(request.refund_no.clone()),
            provider_refund_no: None,
            // As its callbacks name it.
            order_no: request.intent.payment().cloned(),
            status: Status::Pending,
            provider_status: None,
            money: Some(request.intent.money),
            failure: None,
            finished_at: None,
            received_at: request.requested_at,
            updated_at: request.requested_at,
            attention: Vec::new(),
        }
    }

    /// The provider did not take the request: shown as failed, with its reason. A later proven success still
    /// takes effect ([`Self::reopen_after_refusal`]).
    pub fn refuse(&mut self, failure: Failure, now: Timestamp) {
        self.status = Status::Failed;
        self.failure = Some(failure);
        self.finished_at = None;
        self.updated_at = now;
    }

    /// The provider took the request: what its pending claim says is noted.
    pub fn note_acceptance(&mut self, claim: &Claim, now: Timestamp) {
        let known = self.clone();
        self.fill_in(claim);
        if *self != known {
            self.updated_at = now;
        }
    }

    /// Withdrawn before it was sent.
    pub fn cancel(&mut self, now: Timestamp) {
        self.status = Status::Canceled;
        self.updated_at = now;
    }

    /// The refused request may have been taken after all, or is sent again: open for what is claimed next.
    pub fn reopen_after_refusal(&mut self) {
        self.status = Status::Pending;
        self.failure = None;
    }

    /// Applies a further claim by the table.
    pub fn apply(&mut self, claim: &Claim, callback_id: CallbackId, now: Timestamp) -> Verdict {
        let verdict = self.judge(claim).verdict();
        match (verdict, claim.outcome) {
            (Verdict::Applied, Outcome::Reported(status)) => {
                self.take(claim, status);
                self.answer_unclear();
                self.raise_doubt(claim, callback_id, now);
            }
            (Verdict::Conflict, _) => self.raise(Reason::Conflict, callback_id, now),
            (Verdict::Questioned(reason), _) => {
                self.raise(reason, callback_id, now);
                self.raise_unreadable(claim, callback_id, now);
            }
            (Verdict::Applied | Verdict::Repeat | Verdict::Stale, _) => {}
        }
        if verdict != Verdict::Stale && verdict != Verdict::Repeat {
            self.updated_at = now;
        }
        verdict
    }

    /// Adds an open question, unless the same callback raised it before.
    pub fn raise(
        &mut self,
        reason: Reason,
        callback_id: impl Into<Option<CallbackId>>,
        since: Timestamp,
    ) {
        let callback_id = callback_id.into();
        let of_kind = || self.attention.iter().filter(|open| open.reason == reason);
        let is_known = of_kind().any(|open| open.callback_id == callback_id);
        if !is_known && of_kind().count() < ATTENTION_MAX {
            self.attention.push(Attention {
                reason,
                since,
                callback_id,
                members: Vec::new(),
                approval: None,
            });
        }
    }

    /// Adds a question about the unusable members of a callback.
    fn raise_unreadable(&mut self, claim: &Claim, callback_id: CallbackId, since: Timestamp) {
        if claim.unreadable.is_empty() {
            return;
        }
        let reason = Reason::InvalidContent;
        self.raise(reason, callback_id, since);
        let mut open = self.attention.iter_mut();
        let open = open.find(|open| open.reason == reason && open.callback_id == Some(callback_id));
        if let Some(open) = open {
            let members = claim.unreadable.iter().map(|one| one.member.clone());
            open.members = members.collect();
        }
    }

    /// Closes what was unclear about the outcome, which is known now.
    fn answer_unclear(&mut self) {
        self.answer(Reason::StatusUnknown);
        self.answer(Reason::OutcomeUnknown);
        self.answer(Reason::InvalidContent);
    }

    /// Closes every open question of this kind.
    pub fn answer(&mut self, reason: Reason) {
        self.attention.retain(|open| open.reason != reason);
    }

    /// The rule that decides about a further claim.
    pub fn judge(&self, claim: &Claim) -> Rule {
        let status = match claim.outcome {
            Outcome::Unclear(Reason::OutcomeUnknown) if self.status.is_final() => {
                return Rule::LostTrack;
            }
            Outcome::Unclear(reason) => return Rule::Unclear(reason),
            Outcome::Reported(status) => status,
        };
        if !self.same_numbers(claim) {
            return Rule::OtherNumbers;
        }
        let retried = claim.retry_reopens && self.status == Status::Failed;
        match (self.status, status) {
            (Status::Failed, Status::Succeeded | Status::Pending) if retried => {
                self.other_money(claim).unwrap_or(Rule::Retried)
            }
            (Status::Pending, Status::Pending) => {
                self.other_money(claim).unwrap_or(Rule::StillPending)
            }
            (Status::Pending, _) => self.other_money(claim).unwrap_or(Rule::Ends),
            (_, Status::Pending) => Rule::Late,
            (known, said) if known == said && self.other_money(claim).is_none() => Rule::SameEnd,
            _ => Rule::OtherEnd,
        }
    }

    /// `None` where the amounts agree or one side is silent.
    fn other_money(&self, claim: &Claim) -> Option<Rule> {
        let (known, said) = (self.money?, claim.money?);
        if known.currency != said.currency {
            Some(Rule::OtherCurrency)
        } else if known.amount != said.amount {
            Some(Rule::OtherAmount)
        } else {
            None
        }
    }

    fn same_numbers(&self, claim: &Claim) -> bool {
        agree(self.order_no.as_ref(), claim.order_no.as_ref())
            && agree(
                self.provider_refund_no.as_ref(),
                claim.provider_refund_no.as_ref(),
            )
    }

    fn take(&mut self, claim: &Claim, status: Status) {
        self.status = status;
        self.provider_status.clone_from(&claim.provider_status);
        self.failure.clone_from(&claim.failure);
        self.finished_at = claim.finished_at;
        self.fill_in(claim);
    }

    /// Fills in the fields that were empty.
    fn fill_in(&mut self, claim: &Claim) {
        fill(
            &mut self.provider_refund_no,
            claim.provider_refund_no.as_ref(),
        );
        fill(&mut self.order_no, claim.order_no.as_ref());
        fill(&mut self.money, claim.money.as_ref());
        fill(&mut self.provider_status, claim.provider_status.as_ref());
        fill(&mut self.finished_at, claim.finished_at.as_ref());
    }

    fn raise_doubt(&mut self, claim: &Claim, callback_id: CallbackId, since: Timestamp) {
        if let Some(reason) = claim.doubt {
            self.raise(reason, callback_id, since);
        }
        self.raise_unreadable(claim, callback_id, since);
    }
}

fn agree<T: PartialEq>(known: Option<&T>, said: Option<&T>) -> bool {
    match (known, said) {
        (Some(known), Some(said)) => known == said,
        _ => true,
    }
}

fn fill<T: Clone>(known: &mut Option<T>, said: Option<&T>) {
    if known.is_none() {
        *known = said.cloned();
    }
}

#[cfg(test)]
#[path = "table_test.rs"]
mod table;
