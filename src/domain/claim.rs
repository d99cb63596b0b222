//! What a verified notification says about one refund, in our words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::flaw::Unreadable;
use super::ids::ExternalId;
use super::money::{Amount, Money};
use super::time::Timestamp;

/// One provider account; `(provider, account)` is unique in the config and part of every key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// The system: `payermax`, `epay` and so on.
    pub provider: String,
    /// The merchant's name for its account there; last part of the callback path.
    pub name: String,
}

/// What makes two deliveries the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryKey {
    /// SHA-256 of the body, all of which is proven: the same bytes about the same refund.
    Body([u8; 32]),
    /// A proof that covers a part of the body: the same part is the same delivery, whatever else came
    /// with it.
    Part {
        /// SHA-256 of the form's name and the part.
        part: [u8; 32],
        /// SHA-256 of the whole body, by which releases up to schema 2 knew it.
        body: [u8; 32],
    },
    /// SHA-256 of a relay's message, id and body: the same message, whatever path it comes on.
    Message([u8; 32]),
}

impl DeliveryKey {
    /// The digest that is stored.
    pub const fn digest(&self) -> &[u8; 32] {
        match self {
            Self::Body(digest) | Self::Part { part: digest, .. } | Self::Message(digest) => digest,
        }
    }
}

/// The merchant's number of a refund, unique within an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefundNo(String);

impl RefundNo {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ExternalId> for RefundNo {
    fn from(number: ExternalId) -> Self {
        Self(number.into())
    }
}

/// Names one `EPay` refund: the pair, because a batch may hold several trades and a trade may be
/// refunded in several batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOutKey {
    /// The refund batch; never holds a `/`.
    pub batchno: String,
    /// The payment that is refunded.
    pub trandeno: String,
}

/// A batch number with a `/` would make `batchno/trandeno` ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch number is a text without '/'; both numbers are needed")]
pub struct AmbiguousKey;

impl CloseOutKey {
    /// Pairs the two numbers.
    pub fn new(batchno: String, trandeno: String) -> Result<Self, AmbiguousKey> {
        if batchno.is_empty() || trandeno.is_empty() || batchno.contains('/') {
            return Err(AmbiguousKey);
        }
        Ok(Self { batchno, trandeno })
    }

    /// `batchno/trandeno`, the number of the refund that readers see.
    pub fn refund_no(&self) -> RefundNo {
        RefundNo(format!("{}/{}", self.batchno, self.trandeno))
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RefundStatus)]
pub enum Status {
    /// Not final yet.
    Pending,
    /// The money went back.
    Succeeded,
    /// The provider could not refund.
    Failed,
    /// The refund was withdrawn.
    Canceled,
}

impl Status {
    /// Every status, in the order of the documents.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Succeeded, Self::Failed, Self::Canceled];

    /// Whether nothing more is expected.
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

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A question that only a person can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AttentionReason)]
pub enum Reason {
    /// A final status or a number was contradicted.
    Conflict,
    /// The final notification names another amount than the pending one.
    AmountMismatch,
    /// The final notification names another currency than the pending one.
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
}

impl Reason {
    /// Every reason, in the order of the contract.
    pub const ALL: [Self; 9] = [
        Self::Conflict,
        Self::AmountMismatch,
        Self::CurrencyMismatch,
        Self::OverRefund,
        Self::StatusUnknown,
        Self::OutcomeUnknown,
        Self::OrderUnknown,
        Self::OrderState,
        Self::InvalidContent,
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
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// How the notification says the refund ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A status that we understand.
    Reported(Status),
    /// Authentic, but not to be acted upon; the reason is `status_unknown`, `outcome_unknown` or
    /// `invalid_content`.
    Unclear(Reason),
}

/// Why the provider says a refund failed; free text of the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The provider's code, verbatim.
    #[schema(required)]
    pub code: Option<String>,
    /// The provider's text, verbatim.
    #[schema(required)]
    pub message: Option<String>,
}

/// What a verified notification says. Stored as JSON beside the bytes, so that applying can be
/// finished after a crash without the key that verified them; holds nothing that changes between
/// two deliveries of the same fact (no send time), so that equal claims are equal texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which refund; `None` where the authentic bytes do not name one that we can read.
    pub refund_no: Option<RefundNo>,
    /// The provider's own number of the refund.
    pub provider_refund_no: Option<ExternalId>,
    /// The merchant's order.
    pub order_no: Option<ExternalId>,
    /// How it ended.
    pub outcome: Outcome,
    /// The provider's status word, verbatim.
    pub provider_status: Option<String>,
    /// How much.
    pub money: Option<Money>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When the provider says it ended.
    pub finished_at: Option<Timestamp>,
    /// A doubt of the adapter that does not stop the claim from taking effect.
    pub doubt: Option<Reason>,
    /// Members that cannot be used; not empty where the content is invalid, unless a release up to schema 2 read
    /// it, which noted none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Whether this provider reuses a refund number for a second try after a failure.
    pub retry_reopens: bool,
    /// What to close out on the order's side (`EPay`).
    pub close_out: Option<CloseOutKey>,
}

impl Claim {
    /// The claim of authentic bytes in which nothing can be used but, at most, which refund they are about:
    /// somebody has to look.
    pub fn unreadable(refund_no: Option<RefundNo>, why: Unreadable) -> Self {
        Self {
            unreadable: vec![why],
            ..Self::of(refund_no, Outcome::Unclear(Reason::InvalidContent))
        }
    }

    /// A claim that says nothing else.
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

    /// The `EPay` claim: the call itself says that the money has moved.
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

    /// Whether this is what an earlier release read from bytes of which `now` is read today: it noted no member that
    /// cannot be used, and held an outcome up for any of them.
    pub fn is_earlier_reading_of(&self, now: &Self) -> bool {
        let held = self.outcome == Outcome::Unclear(Reason::InvalidContent);
        let mut expected = now.clone();
        expected.unreadable.clear();
        if expected.doubt == Some(Reason::InvalidContent) {
            expected.doubt = None;
        }
        if held {
            // What it could not read it left out, and of a failure that it held up it told nothing.
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
        self.unreadable.is_empty() && *self == expected
    }
}

fn keep_known<T>(known: Option<&T>, expected: &mut Option<T>) {
    if known.is_none() {
        *expected = None;
    }
}
