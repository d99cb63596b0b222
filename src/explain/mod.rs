//! Explains the effect of a callback. Nothing is stored for this: the history of its refund is replayed
//! through the state machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::RefundView;
use crate::domain::claim::{Claim, Failure, Outcome, Reason, RefundNo, Status};
use crate::domain::close_out::CloseOut;
use crate::domain::flaw::Unreadable;
use crate::domain::ids::{CallbackId, ExternalId, RefundId};
use crate::domain::money::Money;
use crate::domain::refund::Refund;
use crate::domain::refund::rule::Rule;
use crate::domain::time::Timestamp;
use crate::providers::epay::caller;
use crate::providers::{Form, Registry};
use crate::store::{CallbackClaim, CallbackRow, Snapshot, StoreError, read_claim};

/// Max callbacks of one refund that are replayed; a provider sends six.
const HISTORY_MAX: u32 = 1_000;

/// A callback as received and stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Callback)]
pub struct CallbackView {
    id: CallbackId,
    received_at: Timestamp,
    last_received_at: Timestamp,
    /// How often these bytes were delivered.
    deliveries: i64,
    /// When it was applied; `null` while it is pending.
    #[schema(required)]
    settled_at: Option<Timestamp>,
    #[schema(required)]
    verdict: Option<String>,
    key_id: String,
    /// The stored headers, names in lower case.
    #[schema(required, value_type = Option<HashMap<String, String>>)]
    headers: Option<Box<RawValue>>,
    /// The body, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body: Option<String>,
    /// The body, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body_base64: Option<String>,
}

impl From<CallbackRow> for CallbackView {
    fn from(row: CallbackRow) -> Self {
        let (body, body_base64) = match String::from_utf8(row.body) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        Self {
            id: row.id,
            received_at: row.received_at,
            last_received_at: row.last_received_at,
            deliveries: row.deliveries,
            settled_at: row.settled_at,
            verdict: row.verdict,
            key_id: row.key_id,
            headers: serde_json::from_str(&row.headers).ok(),
            body,
            body_base64,
        }
    }
}

/// What a callback says, in the terms of this API.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Claim)]
pub struct ClaimView<'a> {
    #[schema(required)]
    refund_no: Option<&'a str>,
    #[schema(required)]
    provider_refund_no: Option<&'a str>,
    #[schema(required)]
    order_no: Option<&'a str>,
    /// The status that it reports; `null` if it reports none.
    #[schema(required)]
    status: Option<Status>,
    /// Why it has no effect on the status; `null` if it has one.
    #[schema(required)]
    unclear: Option<Reason>,
    #[schema(required)]
    provider_status: Option<&'a str>,
    #[schema(required)]
    amount: Option<String>,
    #[schema(required)]
    currency: Option<&'static str>,
    #[schema(required)]
    failure: Option<&'a Failure>,
    #[schema(required)]
    finished_at: Option<Timestamp>,
    /// A question that it raised although it took effect.
    #[schema(required)]
    doubt: Option<Reason>,
    /// Members that cannot be used, and why.
    unreadable: Vec<UnreadableView<'a>>,
}

/// A member that cannot be used, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnreadableMember)]
struct UnreadableView<'a> {
    /// Its path: the names of the enclosing objects and its own.
    #[schema(example = "data.outTradeNo")]
    member: &'a str,
    /// Why it cannot be used, worded to follow its name.
    #[schema(example = "has more than 64 characters")]
    why: String,
}

impl<'a> From<&'a Unreadable> for UnreadableView<'a> {
    fn from(unreadable: &'a Unreadable) -> Self {
        Self {
            member: &unreadable.member,
            why: unreadable.flaw.to_string(),
        }
    }
}

impl<'a> From<&'a Claim> for ClaimView<'a> {
    fn from(claim: &'a Claim) -> Self {
        let (status, unclear) = match claim.outcome {
            Outcome::Reported(status) => (Some(status), None),
            Outcome::Unclear(reason) => (None, Some(reason)),
        };
        Self {
            refund_no: claim.refund_no.as_ref().map(RefundNo::as_str),
            provider_refund_no: claim.provider_refund_no.as_ref().map(ExternalId::as_str),
            order_no: claim.order_no.as_ref().map(ExternalId::as_str),
            status,
            unclear,
            provider_status: claim.provider_status.as_deref(),
            amount: claim.money.map(Money::amount_text),
            currency: claim.money.map(|money| money.currency.code()),
            failure: claim.failure.as_ref(),
            finished_at: claim.finished_at,
            doubt: claim.doubt,
            unreadable: claim.unreadable.iter().map(UnreadableView::from).collect(),
        }
    }
}

/// Why it had its effect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct Explanation {
    /// The provider's name for this kind of callback; `null` where the account is no longer configured.
    #[schema(required)]
    form: Option<&'static str>,
    /// What authenticated it.
    #[schema(required)]
    proof: Option<&'static str>,
    /// The rule of the state machine that decided; `null` while it is pending.
    #[schema(required)]
    rule: Option<&'static str>,
    /// The rule in one sentence, and the members that cannot be used.
    why: String,
    #[schema(required)]
    status_before: Option<Status>,
    #[schema(required)]
    status_after: Option<Status>,
    /// The exact body of the answer to its sender, where that is always the same.
    #[schema(required)]
    acknowledgement: Option<String>,
}

/// A callback, what it says, and why it had its effect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplainedCallback)]
pub struct ExplainedCallback<'a> {
    #[serde(flatten)]
    callback: CallbackView,
    provider: &'a str,
    account: &'a str,
    #[schema(required)]
    claim: Option<ClaimView<'a>>,
    explanation: Explanation,
    /// The present state of the refund; `null` where the bytes name none.
    #[schema(required)]
    refund: Option<RefundView<'a>>,
}

/// One callback with everything that its explanation needs.
#[derive(Debug)]
pub struct Findings {
    row: CallbackRow,
    claim: Option<Claim>,
    refund: Option<(Refund, Option<CloseOut>)>,
    history: Vec<(CallbackId, Claim, Timestamp)>,
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
        let history = match &refund {
            Some((refund, _)) => snapshot.applied_claims(refund.id, HISTORY_MAX)?,
            None => Vec::new(),
        };
        let history = history.iter().filter_map(|said: &CallbackClaim| {
            let claim = read_claim(said.claim.as_deref()?);
            Some(claim.map(|claim| (said.id, claim, said.received_at)))
        });
        Ok(Some(Self {
            history: history.collect::<Result<_, StoreError>>()?,
            row,
            claim,
            refund,
        }))
    }

    /// `registry` knows the form of the bytes and its acknowledgement.
    pub fn explain(&self, registry: &Registry) -> ExplainedCallback<'_> {
        let account = &self.row.account;
        ExplainedCallback {
            callback: CallbackView::from(self.row.clone()),
            provider: &account.provider,
            account: &account.name,
            claim: self.claim.as_ref().map(ClaimView::from),
            explanation: self.explanation(registry),
            refund: self
                .refund
                .as_ref()
                .map(|(refund, close_out)| RefundView::new(refund, close_out.as_ref())),
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
        let (refund, _) = self.refund.as_ref()?;
        let step = replay(refund, &self.history, self.row.id)?;
        (self.row.verdict.as_deref() == Some(step.rule.verdict().as_str())).then_some(step)
    }

    fn acknowledgement(&self, form: Form, step: Option<&Step>) -> Option<String> {
        if let Some(body) = form.acknowledgement {
            return Some(body.to_owned());
        }
        if self.row.account.provider == caller::PROVIDER {
            return None;
        }
        let (refund, _) = self.refund.as_ref()?;
        relay_acknowledgement(refund.id, step?.after)
    }
}

/// The answer to a relay.
fn relay_acknowledgement(refund_id: RefundId, status: Status) -> Option<String> {
    #[derive(Serialize)]
    struct Answer {
        refund_id: RefundId,
        status: Status,
    }
    serde_json::to_string(&Answer { refund_id, status }).ok()
}

/// Replays the history up to this callback.
fn replay(
    refund: &Refund,
    history: &[(CallbackId, Claim, Timestamp)],
    id: CallbackId,
) -> Option<Step> {
    let mut known: Option<Refund> = None;
    for (said, claim, received_at) in history {
        let before = known.as_ref().map(|refund| refund.status);
        let (rule, after) = if let Some(refund) = &mut known {
            let rule = refund.judge(claim);
            refund.apply(claim, *said, *received_at);
            (rule, refund.status)
        } else {
            let account = refund.account.clone();
            let (first, _) = Refund::first(refund.id, account, claim, *said, *received_at);
            let rule = match claim.outcome {
                Outcome::Reported(_) => Rule::First,
                Outcome::Unclear(reason) => Rule::Unclear(reason),
            };
            (rule, known.insert(first).status)
        };
        if *said == id {
            return Some(Step {
                rule,
                before,
                after,
            });
        }
    }
    None
}
