//! The intent: what a caller wants refunded. Immutable once committed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ids::ExternalId;
use crate::domain::money::{Amount, Money};
use crate::domain::time::Timestamp;

/// Max entries of `metadata`, and max characters of each text (contract §6).
pub const METADATA_MAX: usize = 16;
pub const METADATA_CHARS_MAX: usize = 256;

/// Stored as JSON. Two intents with equal texts are the same intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    pub order_no: Option<ExternalId>,
    /// The provider's number of the payment.
    pub provider_payment_no: Option<ExternalId>,
    pub money: Money,
    /// What was paid, where the caller knows it; the currency is that of `money`.
    pub order_amount: Option<Amount>,
    pub paid_at: Option<Timestamp>,
    /// Sent to the provider where it takes one.
    pub reason: Option<String>,
    /// Given back to readers, never sent.
    pub metadata: BTreeMap<String, String>,
    /// Members that only one provider knows, as its page lists them.
    pub provider_fields: BTreeMap<String, serde_json::Value>,
}

impl Intent {
    /// The number that names the payment at the provider.
    pub fn payment(&self) -> Option<&ExternalId> {
        self.provider_payment_no.as_ref().or(self.order_no.as_ref())
    }

    /// A text among the provider's own members.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.provider_fields.get(name)?.as_str()
    }
}

/// What is wrong with a member of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body of the call.
    pub pointer: String,
    /// One sentence.
    pub detail: String,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }

    /// Of a member of `provider_fields`.
    pub fn of_provider_field(name: &str, detail: impl Into<String>) -> Self {
        Self::new(
            format!("/provider_fields/{}", reference_token(name)),
            detail,
        )
    }
}

/// A name as it stands in a JSON pointer (RFC 6901 §3).
pub fn reference_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
