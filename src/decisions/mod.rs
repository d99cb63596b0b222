//! Decisions: what an operator answers to the open questions of a refund. API, command and console call these
//! functions alone.
//!
//! A decision is one commit under the lock of its refund: the immutable row, what it changes (refund, request,
//! close-out), `refund.decided`, and one `refund.<status>` where the status moved. It makes no call to a provider and
//! changes no callback and no attempt.
//!
//! | the process dies | on disk | the operator saw | cured by |
//! |---|---|---|---|
//! | before the commit | nothing | no answer | the same call again |
//! | after it | everything | no answer | the same call again: 200, no second effect |
//!
//! Above a configured amount a decision waits (`proposals`) until another reader agrees; nothing has changed until
//! then but that the open question shows it.

mod agree;
mod carry_out;
mod close_out;
mod decide;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::domain::claim::Status;
use crate::domain::decision::{DecisionRecord, Proposal, Ruling, SecondPerson};
use crate::domain::ids::{DecisionId, RefundId};
use crate::domain::refund::NotAllowed;
use crate::domain::time::Clock;
use crate::domain::trail::Actor;
use crate::intake::Intake;
use crate::store::{RefundRow, Store, StoreError};

/// Decisions and proposals about one refund that are read at once.
pub const SHOWN_MAX: u32 = 500;

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct NewDecision {
    pub refund_id: RefundId,
    /// Its callback may be `None` where one question of this kind is open; not to accept.
    pub ruling: Ruling,
    pub reason: String,
    pub by: Actor,
    /// The caller's idempotency key, and the body that it came with.
    pub key: Option<(String, Vec<u8>)>,
}

/// What became of it. The refund is as of its commit.
#[derive(Debug)]
pub enum Decided {
    /// It took effect.
    Done {
        refund: Box<RefundRow>,
        record: DecisionRecord,
    },
    /// The same reader decided the same before: nothing has changed.
    Same { refund: Box<RefundRow> },
    /// A second person has to agree.
    Waits {
        refund: Box<RefundRow>,
        proposal: Proposal,
    },
}

/// A second person's word on a decision that waits.
#[derive(Clone, Debug)]
pub struct Opinion {
    pub refund_id: RefundId,
    pub decision_id: DecisionId,
    pub reason: String,
    pub by: Actor,
}

/// Why nothing was decided; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("there is no such refund")]
    NoRefund,
    #[error("no decision with this id waits or waited")]
    NoProposal,
    /// It was never open, or is answered.
    #[error("no such question is open")]
    NoSuchQuestion,
    /// Several questions of this kind are open.
    #[error("several questions of this kind are open: name the callback of one")]
    Ambiguous,
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error("{0} waits for a second person: it has to be approved or rejected first")]
    Waits(DecisionId),
    #[error("another person has to agree")]
    SamePerson,
    /// It was approved or rejected before, or its question is answered.
    #[error("the decision waits no more: it is {0}")]
    Ended(&'static str),
    /// The close-out would take back more than was paid.
    #[error("more than was paid would be taken back")]
    OverRefund,
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// The refund has no close-out, or it is done.
    #[error("nothing is to be closed out")]
    NothingToCloseOut,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The acts over one store.
pub struct Decisions {
    store: Arc<Store>,
    intake: Arc<Intake>,
    clock: Arc<dyn Clock>,
    second_person: RwLock<Arc<SecondPerson>>,
    /// Decisions that took effect since the start, by question and decision.
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Decisions {
    pub fn new(
        store: &Arc<Store>,
        intake: &Arc<Intake>,
        clock: &Arc<dyn Clock>,
        second_person: SecondPerson,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            intake: Arc::clone(intake),
            clock: Arc::clone(clock),
            second_person: RwLock::new(Arc::new(second_person)),
            counts: Mutex::default(),
        }
    }

    /// Question, decision, and how often it took effect since the start of the process.
    pub fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let all = counts.iter();
        all.map(|((question, decision), times)| (*question, *decision, *times))
            .collect()
    }

    /// Sets from which amount on a second person is needed; what waits already still waits.
    pub fn set_second_person(&self, rule: SecondPerson) {
        let mut known = self
            .second_person
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(rule);
    }

    pub fn second_person(&self) -> Arc<SecondPerson> {
        let known = self
            .second_person
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }

    /// Waits until the callbacks of a refund that were acknowledged before have taken effect.
    async fn caught_up(&self, id: RefundId) -> Result<(), DecideError> {
        let found = self.store.read(move |snapshot| snapshot.refund(id)).await?;
        let row = found.ok_or(DecideError::NoRefund)?;
        let refund_no = row.refund.refund_no.as_ref();
        self.intake
            .caught_up_with(&row.refund.account, refund_no)
            .await;
        Ok(())
    }

    /// Counts a decision, and the outcome that a person told by it.
    fn count(&self, decided: &Decided) {
        let Decided::Done { refund, record } = decided else {
            return;
        };
        let ruling = record.ruling;
        let words = (ruling.question.as_str(), ruling.decision.as_str());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(words).or_default() += 1;
        drop(counts);
        let was_open = record.status_before == Status::Pending && record.moved();
        if was_open && refund.request.is_some() {
            let provider = &refund.refund.account.provider;
            self.intake.outcomes().count(provider, "person");
        }
    }
}
