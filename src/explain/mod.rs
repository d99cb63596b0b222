//! Explains the effect of a callback. Nothing is stored for this: the history of its refund is replayed
//! through the state machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::api::explain::{CallbackView, ClaimView, ExplainedCallback, Explanation};
use crate::api::refund::{RefundView, RelayAnswer};
use crate::domain::claim::flaw::Unreadable;
use crate::domain::claim::{Claim, Outcome, Status};
use crate::domain::decision::DecisionRecord;
use crate::domain::ids::{CallbackId, RefundId};
use crate::domain::refund::Refund;
use crate::domain::refund::rule::Rule;
use crate::domain::time::Timestamp;
use crate::providers::epay::caller;
use crate::providers::{Form, Registry};
use crate::store::{CallbackClaim, CallbackRow, RefundRow, Snapshot, StoreError, read_claim};

/// Max callbacks of one refund that are replayed; a provider sends six.
const HISTORY_MAX: u32 = 1_000;

/// A stored callback as the API shows it.
pub fn callback_view(row: CallbackRow) -> CallbackView {
    let (body, body_base64) = match String::from_utf8(row.body) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    CallbackView {
        id: row.id,
        received_at: row.received_at,
        last_received_at: row.last_received_at,
        deliveries: row.deliveries,
        settled_at: row.settled_at,
        verdict: row.verdict,
        key_id: row.key_id,
        attempt_id: row.attempt_id,
        headers: serde_json::from_str(&row.headers).ok(),
        body,
        body_base64,
    }
}

/// One callback with everything that its explanation needs.
#[derive(Debug)]
pub struct Findings {
    row: CallbackRow,
    claim: Option<Claim>,
    refund: Option<RefundRow>,
    history: Vec<Event>,
    /// Decisions about questions that this callback raised.
    decisions: Vec<DecisionRecord>,
}

/// What moved a refund, in the order in which it took effect.
#[derive(Debug)]
enum Event {
    Callback(CallbackId, Box<Claim>, Timestamp),
    Decision(DecisionRecord),
}

struct Step {
    rule: Rule,
    before: Option<Status>,
    after: Status,
}

impl Findings {
    /// Reads everything that an explanation needs; `None` where there is no such callback.
    pub fn read(snapshot: &mut Snapshot<'_>, id: CallbackId) -> Result<Option<Self>, StoreError> {
        let Some(row) = snapshot.callback(id)? else {
            return Ok(None);
        };
        let claim = row.claim.as_deref().map(read_claim).transpose()?;
        let refund = match row.refund_id {
            Some(refund_id) => snapshot.refund(refund_id)?,
            None => None,
        };
        let (said, decisions) = match &refund {
            Some(row) => (
                snapshot.applied_claims(row.refund.id, HISTORY_MAX)?,
                snapshot.decisions_of_refund(row.refund.id, HISTORY_MAX)?,
            ),
            None => (Vec::new(), Vec::new()),
        };
        let decisions: Vec<_> = decisions.into_iter().map(|row| row.record).collect();
        Ok(Some(Self {
            history: history(&said, &decisions)?,
            decisions: decisions
                .into_iter()
                .filter(|record| record.ruling.callback_id == Some(id))
                .collect(),
            row,
            claim,
            refund,
        }))
    }

    /// The refund that it belongs to, once it is applied.
    pub fn refund_id(&self) -> Option<RefundId> {
        self.row.refund_id
    }

    /// `registry` knows the form of the bytes and its acknowledgement.
    pub fn explain(&self, registry: &Registry) -> ExplainedCallback<'_> {
        let account = &self.row.account;
        ExplainedCallback {
            callback: callback_view(self.row.clone()),
            provider: &account.provider,
            account: &account.name,
            claim: self.claim.as_ref().map(ClaimView::from),
            explanation: self.explanation(registry),
            decisions: self.decisions.iter().cloned().map(Into::into).collect(),
            refund: self.refund.as_ref().map(|row| {
                RefundView::new(&row.refund, row.close_out.as_ref(), row.request.as_ref())
            }),
        }
    }

    fn explanation(&self, registry: &Registry) -> Explanation {
        let form = if self.row.account.provider == caller::PROVIDER {
            Some(caller::FORM)
        } else {
            registry.form(&self.row.account, &self.row.body)
        };
        let step = self.step();
        let why = match (&step, &self.claim, self.row.settled_at) {
            (Some(step), _, _) => step.rule.why(),
            (None, None, _) => "it is authentic, but holds no claim that could take effect",
            (None, Some(_), None) => "it is stored and pending; applying it is retried",
            (None, Some(_), Some(_)) => {
                "it was applied together with others of the same refund, in an unknown order; \
                 the verdict tells its effect"
            }
        };
        Explanation {
            form: form.map(|form| form.name),
            proof: form.map(|form| form.proof),
            rule: step.as_ref().map(|step| step.rule.as_str()),
            why: self.with_unreadable(why),
            status_before: step.as_ref().and_then(|step| step.before),
            status_after: step.as_ref().map(|step| step.after),
            acknowledgement: form.and_then(|form| self.acknowledgement(form, step.as_ref())),
        }
    }

    /// Appends the unusable members to the sentence.
    fn with_unreadable(&self, why: &str) -> String {
        let claim = self.claim.as_ref();
        let unreadable = claim.map_or(&[][..], |claim| &claim.unreadable);
        let named: Vec<_> = unreadable.iter().map(Unreadable::to_string).collect();
        if named.is_empty() {
            return why.to_owned();
        }
        format!("{why}: {}", named.join("; "))
    }

    /// This callback's step of the history; `None` where it is pending, or where the replay does not give the
    /// stored verdict.
    fn step(&self) -> Option<Step> {
        let row = self.refund.as_ref()?;
        let step = replay(row, &self.history, self.row.id)?;
        (self.row.verdict.as_deref() == Some(step.rule.verdict().as_str())).then_some(step)
    }

    fn acknowledgement(&self, form: Form, step: Option<&Step>) -> Option<String> {
        if let Some(body) = form.acknowledgement {
            return Some(body.to_owned());
        }
        if self.row.account.provider == caller::PROVIDER {
            return None;
        }
        let row = self.refund.as_ref()?;
        relay_acknowledgement(row.refund.id, step?.after)
    }
}

fn relay_acknowledgement(refund_id: RefundId, status: Status) -> Option<String> {
    let answer = RelayAnswer {
        refund_id: Some(refund_id),
        status: Some(status),
    };
    serde_json::to_string(&answer).ok()
}

/// Callbacks and decisions in the order in which they took effect.
fn history(said: &[CallbackClaim], decisions: &[DecisionRecord]) -> Result<Vec<Event>, StoreError> {
    let mut history = Vec::new();
    for one in said {
        if let Some(json) = one.claim.as_deref() {
            let claim = Box::new(read_claim(json)?);
            let event = Event::Callback(one.id, claim, one.received_at);
            history.push((one.settled_at, event));
        }
    }
    for record in decisions {
        history.push((Some(record.at), Event::Decision(record.clone())));
    }
    // Stable: of one time the callbacks come first, which raised what was decided.
    history.sort_by_key(|(at, _)| *at);
    Ok(history.into_iter().map(|(_, event)| event).collect())
}

/// Replays the history up to this callback.
fn replay(row: &RefundRow, history: &[Event], id: CallbackId) -> Option<Step> {
    let refund = &row.refund;
    // The intent made the refund before any callback.
    let mut known = row.request.as_ref().map(Refund::requested);
    let mut last_move = None;
    for event in history {
        let (said, claim, received_at) = match event {
            Event::Callback(said, claim, received_at) => (*said, claim.as_ref(), *received_at),
            Event::Decision(record) => {
                if let Some(refund) = &mut known {
                    decide(refund, record, history);
                    if !record.ruling.decision.leaves_all() {
                        last_move = Some((record.status_after, record.at));
                    }
                }
                continue;
            }
        };
        let before = known.as_ref().map(|refund| refund.status);
        let (rule, after) = if let Some(refund) = &mut known {
            let claim = claim.bound_by(refund.status, last_move, row.request.as_ref());
            let rule = refund.judge(&claim);
            refund.apply(&claim, said, received_at);
            (rule, refund.status)
        } else {
            let account = refund.account.clone();
            let (first, _) = Refund::first(refund.id, account, claim, said, received_at);
            let rule = match claim.outcome {
                Outcome::Reported(_) => Rule::First,
                Outcome::Unclear(reason) => Rule::Unclear(reason),
            };
            (rule, known.insert(first).status)
        };
        if said == id {
            return Some(Step {
                rule,
                before,
                after,
            });
        }
    }
    None
}

/// Replays a decision.
fn decide(refund: &mut Refund, record: &DecisionRecord, history: &[Event]) {
    let accepted = history.iter().find_map(|event| match event {
        Event::Callback(id, claim, _) if Some(*id) == record.ruling.callback_id => {
            Some(claim.as_ref())
        }
        _ => None,
    });
    // What was allowed then may be no more, where the order is not known to the millisecond.
    refund
        .decide(None, &record.ruling, accepted, record.at)
        .ok();
}
