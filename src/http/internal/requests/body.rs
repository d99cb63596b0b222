//! The body of a request for a refund: each member that is wrong is named, all of them at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::claim::{Account, RefundNo};
use crate::domain::ids::ExternalId;
use crate::domain::ids::text::is_deceptive;
use crate::domain::money::decimal::Spelling;
use crate::domain::money::{Amount, Currency, DECIMALS_MAX, Money};
use crate::domain::request::Mode;
use crate::domain::request::intent::{Intent, METADATA_CHARS_MAX, METADATA_MAX, reference_token};
use crate::domain::time::Timestamp;
use crate::domain::trail::Actor;
use crate::http::internal::problem::ApiError;
use crate::http::internal::request::members::Members;
use crate::requests::NewRequest;

/// Longest reason of any provider.
const PROVIDER_REASON_CHARS_MAX: usize = 512;

/// A refund to submit or to watch. Only described here: [`read`] names every member that is wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefundRequest)]
#[expect(dead_code, reason = "it is only described")]
pub struct RequestBody {
    #[schema(example = "payermax")]
    provider: String,
    #[schema(example = "main")]
    account: String,
    /// Absent: one is made, and `Idempotency-Key` is required.
    #[schema(example = "R1642411016202")]
    refund_no: Option<String>,
    #[schema(example = "P1642410680681")]
    order_no: Option<String>,
    /// The provider's number of the payment; `paycools` needs it.
    provider_payment_no: Option<String>,
    /// Decimal text in major units.
    #[schema(example = "10000.00")]
    amount: String,
    #[schema(example = "IDR")]
    currency: String,
    /// What was paid; then no more than that is refunded.
    order_amount: Option<String>,
    /// What the caller believes can still be refunded; another amount is 409.
    amount_available: Option<String>,
    /// When the payment succeeded; then a refund outside of the provider's window is refused at once.
    paid_at: Option<Timestamp>,
    reason: Option<String>,
    /// Default: submit.
    mode: Option<Mode>,
    /// At most 16 texts of at most 256 characters, given back and never sent.
    metadata: Option<BTreeMap<String, String>>,
    /// What only the provider's page lists.
    #[schema(value_type = Option<Object>)]
    provider_fields: Option<Map<String, Value>>,
}

/// Reads the members one by one.
pub fn read(bytes: &[u8], by: Actor) -> Result<NewRequest, ApiError> {
    let mut members = Members::of(bytes)?;
    let new = members.request(by);
    let errors = members.errors();
    match new {
        Some(new) if errors.is_empty() => Ok(new),
        _ => Err(ApiError::InvalidRefund(errors)),
    }
}

impl Members {
    fn request(&mut self, by: Actor) -> Option<NewRequest> {
        let provider = self.required_text("provider");
        let account = self.required_text("account");
        let refund_no = self.number("refund_no");
        let order_no = self.number("order_no");
        let provider_payment_no = self.number("provider_payment_no");
        let amount = self.amount("amount", true);
        let currency = self.required_text("currency");
        let currency = currency.and_then(|code| self.currency(&code));
        let order_amount = self.amount("order_amount", false);
        let amount_available = self.amount_or_zero("amount_available");
        let paid_at = self.time("paid_at");
        let reason = self.reason();
        let mode = self.mode();
        let metadata = self.metadata();
        let provider_fields = self.provider_fields();
        Some(NewRequest {
            account: Account {
                provider: provider?,
                name: account?,
            },
            mode: mode?,
            refund_no: refund_no.map(RefundNo::from),
            intent: Intent {
                order_no,
                provider_payment_no,
                money: Money {
                    amount: amount?,
                    currency: currency?,
                },
                order_amount,
                paid_at,
                reason,
                metadata,
                provider_fields,
            },
            amount_available,
            by,
            key: None,
        })
    }

    fn number(&mut self, name: &str) -> Option<ExternalId> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(number) => Some(number),
            Err(flaw) => self.fail(name, format!("{flaw}")),
        }
    }

    fn amount(&mut self, name: &str, is_required: bool) -> Option<Amount> {
        let text = if is_required {
            self.required_text(name)?
        } else {
            self.text(name)?
        };
        match Amount::read(&text, Spelling::Text, DECIMALS_MAX) {
            Ok(amount) => Some(amount),
            Err(flaw) => self.fail(name, format!("{flaw}; it is a text such as \"30.00\"")),
        }
    }

    fn amount_or_zero(&mut self, name: &str) -> Option<Amount> {
        let text = self.text(name)?;
        match Amount::parse(&text) {
            Ok(amount) => Some(amount),
            Err(flaw) => self.fail(name, format!("{flaw}; it is a text such as \"30.00\"")),
        }
    }

    fn currency(&mut self, code: &str) -> Option<Currency> {
        match code.parse() {
            Ok(currency) => Some(currency),
            Err(why) => self.fail("currency", format!("is {why}")),
        }
    }

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        match Timestamp::from_rfc3339(&text) {
            Ok(time) => Some(time),
            Err(_) => self.fail(name, "is not RFC 3339, such as 2026-01-31T00:00:00Z"),
        }
    }

    fn reason(&mut self) -> Option<String> {
        let text = self.text("reason")?;
        if text.is_empty() || text.chars().count() > PROVIDER_REASON_CHARS_MAX {
            let what = format!("must be 1 to {PROVIDER_REASON_CHARS_MAX} characters");
            return self.fail("reason", what);
        }
        if text.chars().any(is_deceptive) {
            return self.fail("reason", "holds a control, format or direction character");
        }
        Some(text)
    }

    fn mode(&mut self) -> Option<Mode> {
        let Some(word) = self.take("mode") else {
            return Some(Mode::Submit);
        };
        let mode = word.as_str().and_then(Mode::from_word);
        if mode.is_none() {
            return self.fail("mode", "must be submit or watch");
        }
        mode
    }

    fn metadata(&mut self) -> BTreeMap<String, String> {
        let Some(value) = self.take("metadata") else {
            return BTreeMap::new();
        };
        let Value::Object(texts) = value else {
            self.fail::<()>("metadata", "must be an object of texts");
            return BTreeMap::new();
        };
        if texts.len() > METADATA_MAX {
            self.fail::<()>("metadata", format!("has more than {METADATA_MAX} members"));
        }
        let mut metadata = BTreeMap::new();
        for (name, value) in texts {
            let fits = |text: &str| text.chars().count() <= METADATA_CHARS_MAX;
            match value {
                Value::String(text) if fits(&text) && fits(&name) && !text.contains('\0') => {
                    metadata.insert(name, text);
                }
                _ => {
                    let what = format!("must be a text of at most {METADATA_CHARS_MAX} characters");
                    self.fail::<()>(&format!("metadata/{}", reference_token(&name)), what);
                }
            }
        }
        metadata
    }

    fn provider_fields(&mut self) -> BTreeMap<String, Value> {
        match self.take("provider_fields") {
            None => BTreeMap::new(),
            Some(Value::Object(fields)) => fields.into_iter().collect(),
            Some(_) => {
                self.fail::<()>("provider_fields", "must be an object");
                BTreeMap::new()
            }
        }
    }
}
