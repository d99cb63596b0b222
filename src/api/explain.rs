//! A stored callback, what it says, and why it had its effect.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::refund::RefundView;
use super::refund::decision::DatedDecision;
use crate::domain::claim::flaw::Unreadable;
use crate::domain::claim::{Claim, Failure, Outcome, Reason, RefundNo, Status};
use crate::domain::ids::{AttemptId, CallbackId, ExternalId};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

/// A callback as received and stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Callback)]
pub struct CallbackView {
    pub id: CallbackId,
    pub received_at: Timestamp,
    pub last_received_at: Timestamp,
    /// How often these bytes were delivered.
    pub deliveries: i64,
    /// When it was applied; `null` while it is pending.
    #[schema(required)]
    pub settled_at: Option<Timestamp>,
    #[schema(required)]
    pub verdict: Option<String>,
    pub key_id: String,
    /// The send or ask of ours whose reply it is; `null` where the provider or a relay sent it.
    #[schema(required)]
    pub attempt_id: Option<AttemptId>,
    /// The stored headers, names in lower case.
    #[schema(required, value_type = Option<HashMap<String, String>>)]
    pub headers: Option<Box<RawValue>>,
    /// The body, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub body: Option<String>,
    /// The body, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub body_base64: Option<String>,
}

/// A page of the callbacks of a refund.
#[derive(Serialize, ToSchema)]
pub struct CallbackPage {
    pub data: Vec<CallbackView>,
    /// What to ask for next: `cursor=next_cursor`.
    #[schema(required)]
    pub next_cursor: Option<CallbackId>,
    pub has_more: bool,
}

/// What a callback says, in the terms of this API.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Claim)]
pub struct ClaimView<'a> {
    #[schema(required)]
    pub refund_no: Option<&'a str>,
    #[schema(required)]
    pub provider_refund_no: Option<&'a str>,
    #[schema(required)]
    pub order_no: Option<&'a str>,
    /// The status that it reports; `null` if it reports none.
    #[schema(required)]
    pub status: Option<Status>,
    /// Why it has no effect on the status; `null` if it has one.
    #[schema(required)]
    pub unclear: Option<Reason>,
    #[schema(required)]
    pub provider_status: Option<&'a str>,
    #[schema(required)]
    pub amount: Option<String>,
    #[schema(required)]
    pub currency: Option<&'static str>,
    #[schema(required)]
    pub failure: Option<&'a Failure>,
    #[schema(required)]
    pub finished_at: Option<Timestamp>,
    /// A question that it raised although it took effect.
    #[schema(required)]
    pub doubt: Option<Reason>,
    /// Members that cannot be used, and why.
    pub unreadable: Vec<UnreadableView<'a>>,
}

/// A member that cannot be used, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnreadableMember)]
pub struct UnreadableView<'a> {
    /// Its path: the names of the enclosing objects and its own.
    #[schema(example = "data.outTradeNo")]
    pub member: &'a str,
    /// Why it cannot be used, worded to follow its name.
    #[schema(example = "has more than 64 characters")]
    pub why: String,
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
    pub form: Option<&'static str>,
    /// What authenticated it.
    #[schema(required)]
    pub proof: Option<&'static str>,
    /// The rule of the state machine that decided; `null` while it is pending.
    #[schema(required)]
    pub rule: Option<&'static str>,
    /// The rule in one sentence, and the members that cannot be used.
    pub why: String,
    #[schema(required)]
    pub status_before: Option<Status>,
    #[schema(required)]
    pub status_after: Option<Status>,
    /// The exact body of the answer to its sender, where that is always the same.
    #[schema(required)]
    pub acknowledgement: Option<String>,
}

/// A callback, what it says, and why it had its effect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplainedCallback)]
pub struct ExplainedCallback<'a> {
    #[serde(flatten)]
    pub callback: CallbackView,
    pub provider: &'a str,
    pub account: &'a str,
    #[schema(required)]
    pub claim: Option<ClaimView<'a>>,
    pub explanation: Explanation,
    /// What persons decided about the questions that it raised.
    pub decisions: Vec<DatedDecision>,
    /// The present state of the refund; `null` where the bytes name none.
    #[schema(required)]
    pub refund: Option<RefundView<'a>>,
}
