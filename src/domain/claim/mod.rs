//! The claim: what a verified callback says about one refund, in the domain's terms.

pub mod flaw;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::ExternalId;
use super::money::{Amount, Money};
use super::time::Timestamp;
use flaw::Unreadable;

/// One provider account; `(provider, account)` is unique in the config and part of every key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Such as `payermax` or `epay`.
    pub provider: String,
    /// The account's name in the config; last part of the callback path.
    pub name: String,
}

/// `provider/account`, as people write it.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

/// Dedup key: deliveries with equal keys are repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryKey {
    /// SHA-256 of the body, all of which is signed.
    Body([u8; 32]),
    /// The signature covers a part of the body: the same part is a repeat, whatever the rest.
    Part {
        /// SHA-256 of the form's name and the part.
        part: [u8; 32],
        /// SHA-256 of the whole body, the key of releases up to schema 2.
        body: [u8; 32],
    },
    /// SHA-256 of a relayed message's id and body: the same message on any path is a repeat.
    Message([u8; 32]),
}

impl DeliveryKey {
    pub const fn digest(&self) -> &[u8; 32] {
        match self {
            Self::Body(digest) | Self::Part { part: digest, .. } | Self::Message(digest) => digest,
        }
    }
}

/// The merchant's refund number, unique within an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefundNo(String);

impl RefundNo {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ExternalId> for RefundNo {
    fn from(number: ExternalId) -> Self {
        Self(number.into())
    }
}

/// Identifies one `EPay` refund. Both are needed: a batch may hold several trades, and a trade may be
/// refunded in several batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOutKey {
    /// The refund batch; never holds a `/`.
    pub batchno: String,
    /// Trade number of the refunded payment.
    pub trandeno: String,
}

/// A batch number with a `/` would make `batchno/trandeno` ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch number is a text without '/'; both numbers are needed")]
pub struct AmbiguousKey;

impl CloseOutKey {
    pub fn new(batchno: String, trandeno: String) -> Result<Self, AmbiguousKey> {
        if batchno.is_empty() || trandeno.is_empty() || batchno.contains('/') {
            return Err(AmbiguousKey);
        }
        Ok(Self { batchno, trandeno })
    }

    /// `batchno/trandeno`, the refund number that readers see.
    pub fn refund_no(&self) -> RefundNo {
        RefundNo(format!("{}/{}", self.batchno, self.trandeno))
    }
}

/// The status of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not final.
    Pending,
    /// Final: refunded.
    Succeeded,
    /// Final: the provider could not refund.
    Failed,
    /// Final: withdrawn.
    Canceled,
}

impl Status {
    /// In the order of the documents.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Succeeded, Self::Failed, Self::Canceled];

    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// The word that readers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The type of the event of a move to it.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Pending => "refund.pending",
            Self::Succeeded => "refund.succeeded",
            Self::Failed => "refund.failed",
            Self::Canceled => "refund.canceled",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A question that only a person can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A callback contradicts a final status or a number.
    Conflict,
    /// The final callback names another amount than the pending one.
    AmountMismatch,
    /// The final callback names another currency than the pending one.
    CurrencyMismatch,
    /// More was refunded than was paid.
    OverRefund,
    /// A status word that no document lists.
    StatusUnknown,
    /// The provider itself does not know how the refund ended.
    OutcomeUnknown,
    /// No payment or refund application with this number is registered.
    OrderUnknown,
    /// The order is in a state that the close-out may not touch.
    OrderState,
    /// Authentic, but a member is missing or malformed.
    InvalidContent,
    /// No outcome of a request within the time that its provider needs.
    OutcomeOverdue,
    /// A request could not be sent for a day.
    CannotSend,
    /// The provider keeps not knowing a request that was sent again.
    NotTaken,
    /// A reply names another number, amount, currency or order than the request.
    ReplyMismatch,
    /// A reply of success without the signature that this provider's replies have.
    ReplyUnproven,
    /// A refund succeeded whose request had been refused.
    AcceptedAfterRefusal,
    /// The provider took a request and later did not know it.
    ProviderLostIt,
    /// A settlement file has another status.
    SettlementStatus,
    /// A settlement file has another amount.
    SettlementAmount,
    /// A settlement file has another currency.
    SettlementCurrency,
    /// The settlement file of the day on which the refund became final lacks it.
    SettlementMissing,
    /// A settlement file has several rows of the refund.
    SettlementDuplicate,
}

impl Reason {
    /// In the order of the contract.
    pub const ALL: [Self; 21] = [
        Self::Conflict,
        Self::AmountMismatch,
        Self::CurrencyMismatch,
        Self::OverRefund,
        Self::StatusUnknown,
        Self::OutcomeUnknown,
        Self::OrderUnknown,
        Self::OrderState,
        Self::InvalidContent,
        Self::OutcomeOverdue,
        Self::CannotSend,
        Self::NotTaken,
        Self::ReplyMismatch,
        Self::ReplyUnproven,
        Self::AcceptedAfterRefusal,
        Self::ProviderLostIt,
        Self::SettlementStatus,
        Self::SettlementAmount,
        Self::SettlementCurrency,
        Self::SettlementMissing,
        Self::SettlementDuplicate,
    ];

    /// The word that readers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::AmountMismatch => "amount_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::OverRefund => "over_refund",
            Self::StatusUnknown => "status_unknown",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::OrderUnknown => "order_unknown",
            Self::OrderState => "order_state",
            Self::InvalidContent => "invalid_content",
            Self::OutcomeOverdue => "outcome_overdue",
            Self::CannotSend => "cannot_send",
            Self::NotTaken => "not_taken",
            Self::ReplyMismatch => "reply_mismatch",
            Self::ReplyUnproven => "reply_unproven",
            Self::AcceptedAfterRefusal => "accepted_after_refusal",
            Self::ProviderLostIt => "provider_lost_it",
            Self::SettlementStatus => "settlement_status",
            Self::SettlementAmount => "settlement_amount",
            Self::SettlementCurrency => "settlement_currency",
            Self::SettlementMissing => "settlement_missing",
            Self::SettlementDuplicate => "settlement_duplicate",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// The outcome that a callback reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A known status.
    Reported(Status),
    /// Authentic, but without an effect on the status: `status_unknown`, `outcome_unknown` or
    /// `invalid_content`.
    Unclear(Reason),
}

/// Why the provider says a refund failed; free text of the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The provider's code, verbatim.
    pub code: Option<String>,
    /// The provider's text, verbatim.
    pub message: Option<String>,
}

/// What a verified callback says. Stored as JSON with the bytes, so that it can be applied after a crash
/// without the key that verified it. Holds nothing that differs between two deliveries of the same fact (no
/// send time), so that equal claims are equal texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// `None` where the bytes name no readable refund number.
    pub refund_no: Option<RefundNo>,
    /// The provider's refund number.
    pub provider_refund_no: Option<ExternalId>,
    pub order_no: Option<ExternalId>,
    pub outcome: Outcome,
    /// The provider's status word, verbatim.
    pub provider_status: Option<String>,
    pub money: Option<Money>,
    pub failure: Option<Failure>,
    /// As the provider says.
    pub finished_at: Option<Timestamp>,
    /// A question that the adapter raises although the claim takes effect.
    pub doubt: Option<Reason>,
    /// Members that cannot be used. Not empty for `invalid_content`, except for claims read by a release up
    /// to schema 2, which recorded none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Whether this provider reuses a refund number for a retry after a failure.
    pub retry_reopens: bool,
    /// The close-out that it asks for (`EPay`).
    pub close_out: Option<CloseOutKey>,
}

impl Claim {
    /// The claim of authentic bytes that cannot be read, except for the refund number at most: a person has
    /// to look at them.
    pub fn unreadable(refund_no: Option<RefundNo>, why: Unreadable) -> Self {
        Self {
            unreadable: vec![why],
            ..Self::of(refund_no, Outcome::Unclear(Reason::InvalidContent))
        }
    }

    /// A claim with nothing else in it.
    pub fn of(refund_no: Option<RefundNo>, outcome: Outcome) -> Self {
        Self {
            refund_no,
            provider_refund_no: None,
            order_no: None,
            outcome,
            provider_status: None,
            money: None,
            failure: None,
            finished_at: None,
            doubt: None,
            unreadable: Vec::new(),
            retry_reopens: false,
            close_out: None,
        }
    }

    /// The `EPay` claim: the call itself reports success.
    pub fn epay_success(key: CloseOutKey, amount: Amount) -> Self {
        let outcome = Outcome::Reported(Status::Succeeded);
        let claim = Self {
            money: Some(Money {
                amount,
                currency: super::money::Currency::CNY,
            }),
            ..Self::of(Some(key.refund_no()), outcome)
        };
        Self {
            close_out: Some(key),
            ..claim
        }
    }

    /// Whether an earlier release read this claim from bytes of which `now` is read today: it recorded no
    /// unusable members, and any of them made the outcome unclear.
    pub fn is_earlier_reading_of(&self, now: &Self) -> bool {
        // It held an outcome up for an event of PayCools that no document lists; that is a doubt today.
        let by_event = now.doubt == Some(Reason::StatusUnknown)
            && self.outcome == Outcome::Unclear(Reason::StatusUnknown);
        let held = by_event || self.outcome == Outcome::Unclear(Reason::InvalidContent);
        let mut expected = now.clone();
        expected.unreadable.clear();
        if expected.doubt == Some(Reason::InvalidContent) {
            expected.doubt = None;
        }
        if held {
            // It left unreadable members out, and the failure of an unclear outcome as well.
            expected.outcome = self.outcome;
            (expected.failure, expected.finished_at) = (None, self.finished_at);
            expected.doubt = self.doubt;
            keep_known(self.refund_no.as_ref(), &mut expected.refund_no);
            keep_known(
                self.provider_refund_no.as_ref(),
                &mut expected.provider_refund_no,
            );
            keep_known(self.order_no.as_ref(), &mut expected.order_no);
            keep_known(self.money.as_ref(), &mut expected.money);
        }
        // It took codes of a fault inside the bank (CCB) for failures; they leave the outcome open today.
        let why = self.failure.as_ref().and_then(|why| why.code.as_ref());
        let by_code = why.is_some()
            && why == now.provider_status.as_ref()
            && self.outcome == Outcome::Reported(Status::Failed)
            && now.outcome == Outcome::Unclear(Reason::OutcomeUnknown);
        if by_code {
            expected.outcome = self.outcome;
            expected.failure.clone_from(&self.failure);
        }
        self.unreadable.is_empty() && *self == expected
    }
}

fn keep_known<T>(known: Option<&T>, expected: &mut Option<T>) {
    if known.is_none() {
        *expected = None;
    }
}
