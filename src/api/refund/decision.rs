//! A decision of a person about an open question, inside its list and the timeline.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::domain::claim::{Reason, Status};
use crate::domain::decision::{Decision, DecisionRecord, Ending, Proposal};
use crate::domain::ids::{CallbackId, DecisionId};
use crate::domain::refund::Refund;
use crate::domain::time::Timestamp;

/// A decision, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionView {
    pub id: DecisionId,
    /// `done`: it took effect. `waiting`: a second person has to agree. `rejected`: a second person did not.
    /// `obsolete`: the question was answered otherwise while it waited.
    #[schema(schema_with = states)]
    pub state: &'static str,
    pub question: Reason,
    /// The callback that raised the question; null: our request did.
    #[schema(required)]
    pub callback_id: Option<CallbackId>,
    pub decision: Decision,
    pub reason: String,
    /// The reader who decided.
    pub by: String,
    /// Null unless it took effect.
    #[schema(required)]
    pub status_before: Option<Status>,
    /// Null unless it took effect.
    #[schema(required)]
    pub status_after: Option<Status>,
    /// The second person; null where none was needed, or none has said anything yet.
    #[schema(required)]
    pub second_person: Option<SecondPersonView>,
}

/// What a second person said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecondPerson)]
pub struct SecondPersonView {
    /// The reader.
    pub by: String,
    pub reason: String,
}

/// A decision with its time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DatedDecision)]
pub struct DatedDecision {
    /// When it took effect; where it did not, when it was made.
    pub at: Timestamp,
    #[serde(flatten)]
    pub decision: DecisionView,
}

/// All decisions about a refund, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionList {
    pub data: Vec<DatedDecision>,
    /// The open questions of the refund, each with the decisions that it takes.
    pub open: Vec<OpenQuestion>,
}

/// An open question.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenQuestion {
    pub question: Reason,
    #[schema(required)]
    pub callback_id: Option<CallbackId>,
    pub since: Timestamp,
    /// What may be decided, as far as the question tells; `decision_not_allowed` tells the rest.
    pub decisions: Vec<Decision>,
    /// The decision that waits for a second person.
    #[schema(required)]
    pub waiting: Option<DecisionId>,
}

fn states() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["done", "waiting", "rejected", "obsolete"]))
        .build()
}

impl From<DecisionRecord> for DatedDecision {
    fn from(record: DecisionRecord) -> Self {
        Self {
            at: record.at,
            decision: DecisionView {
                id: record.id,
                state: "done",
                question: record.ruling.question,
                callback_id: record.ruling.callback_id,
                decision: record.ruling.decision,
                reason: record.reason,
                by: record.by,
                status_before: Some(record.status_before),
                status_after: Some(record.status_after),
                second_person: record.agreed.map(|agreed| SecondPersonView {
                    by: agreed.by,
                    reason: agreed.reason,
                }),
            },
        }
    }
}

impl DatedDecision {
    /// A decision that has not taken effect; `None` where it has, so that its record tells of it.
    pub fn of_proposal(proposal: Proposal, refund: &Refund) -> Option<Self> {
        let waits = || {
            let mut open = refund.attention.iter();
            open.any(|open| {
                open.approval
                    .as_ref()
                    .is_some_and(|one| one.id == proposal.id)
            })
        };
        let state = match proposal.ended.as_ref().map(|ended| ended.how) {
            Some(Ending::Approved) => return None,
            Some(Ending::Rejected) => "rejected",
            None if waits() => "waiting",
            Some(Ending::Obsolete) | None => "obsolete",
        };
        let said = proposal.ended.filter(|_| state == "rejected");
        Some(Self {
            at: proposal.at,
            decision: DecisionView {
                id: proposal.id,
                state,
                question: proposal.ruling.question,
                callback_id: proposal.ruling.callback_id,
                decision: proposal.ruling.decision,
                reason: proposal.reason,
                by: proposal.by,
                status_before: None,
                status_after: None,
                second_person: said.map(|ended| SecondPersonView {
                    by: ended.by,
                    reason: ended.reason,
                }),
            },
        })
    }
}

impl DecisionList {
    pub fn new(refund: &Refund, records: Vec<DecisionRecord>, proposals: Vec<Proposal>) -> Self {
        let mut data: Vec<_> = records.into_iter().map(DatedDecision::from).collect();
        let waiting = proposals.into_iter();
        data.extend(waiting.filter_map(|one| DatedDecision::of_proposal(one, refund)));
        data.sort_by_key(|one| one.at);
        let open = refund.attention.iter().map(|open| OpenQuestion {
            question: open.reason,
            callback_id: open.callback_id,
            since: open.since,
            decisions: Decision::of_question(open.reason).collect(),
            waiting: open.approval.as_ref().map(|waiting| waiting.id),
        });
        Self {
            open: open.collect(),
            data,
        }
    }
}
