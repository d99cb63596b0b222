//! The shape of the file. Unknown keys are refused: a misspelt guard must not be a missing one.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU64};

use serde::{Deserialize, Deserializer};
use toml::Table;

use super::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub server: ServerSection,
    pub store: StoreSection,
    #[serde(default)]
    pub accounts: Vec<AccountSection>,
    pub epay: Option<EpaySection>,
    #[serde(default)]
    pub feed: FeedSection,
    #[serde(default)]
    pub readers: Vec<ReaderSection>,
    #[serde(default)]
    pub endpoints: Vec<EndpointSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerSection {
    pub listen: String,
    pub internal_listen: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSection {
    pub url: String,
    pub evidence: Option<String>,
    pub wait_at_start: Option<String>,
    pub may_lose_acknowledged_callbacks: Option<Text<bool>>,
    pub require_synchronous: Option<Text<bool>>,
}

/// Members of every kind of account; which ones apply is the adapter's business.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountSection {
    pub provider: String,
    pub account: String,
    pub merchant_no: Option<String>,
    pub app_id: Option<String>,
    pub public_keys: Option<Vec<KeySection>>,
    pub secret: Option<String>,
    pub currency: Option<String>,
    pub utc_offset: Option<String>,
    pub minor_digits: Option<Text<u8>>,
    pub relay_secrets: Option<Vec<String>>,
    pub allow_from: Option<Vec<String>>,
    pub path_secret: Option<String>,
    pub refund_no_prefix: Option<String>,
    pub allow_test_key: Option<Text<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySection {
    pub id: String,
    pub file: Option<String>,
    pub value: Option<String>,
    pub not_before: Option<String>,
    pub not_after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EpaySection {
    #[serde(default)]
    pub tokens: Vec<String>,
    #[serde(default)]
    pub allow_from: Vec<String>,
    pub trust_network: Option<Text<bool>>,
    pub retry_for_seconds: Option<Text<NonZeroU64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedSection {
    pub heartbeat_seconds: Option<Text<NonZeroU64>>,
    pub stalled_seconds: Option<Text<NonZeroU64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReaderSection {
    pub name: String,
    pub token_sha256: String,
    pub scopes: Vec<String>,
    pub expires_at: Option<String>,
    pub rate_limit: Option<String>,
    pub max_connections: Option<Text<NonZeroU16>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointSection {
    pub name: String,
    pub url: String,
    pub secrets: Vec<String>,
    pub headers: Option<BTreeMap<String, String>>,
    pub events: Option<Vec<String>>,
    pub allow_private: Option<Text<bool>>,
    pub ca_file: Option<String>,
    pub retry_schedule_seconds: Option<Vec<Text<NonZeroU64>>>,
    pub disable_after_seconds: Option<Text<NonZeroU64>>,
    pub max_in_flight: Option<Text<NonZeroU16>>,
}

/// A number or flag that may also stand as text, as an environment variable gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<T>(pub T);

impl Text<NonZeroU64> {
    pub(super) const fn get(self) -> u64 {
        self.0.get()
    }
}

impl<'de, T> Deserialize<'de> for Text<T>
where
    T: Deserialize<'de> + std::str::FromStr,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<T> {
            Typed(T),
            Text(String),
        }
        let wrong = || serde::de::Error::custom("is not a valid value, or out of range");
        match Either::deserialize(deserializer).map_err(|_: D::Error| wrong())? {
            Either::Typed(value) => Ok(Self(value)),
            Either::Text(text) => text.parse().map(Self).map_err(|_| wrong()),
        }
    }
}

/// A message about a value of a wrong type repeats the value, which may be a secret.
fn without_value(message: &str) -> String {
    let is_about_value =
        message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if is_about_value => format!("must be {expected}"),
        _ => message.to_owned(),
    }
}

/// Takes the sections out of the table.
pub(super) fn parse(table: Table) -> Result<File, Problem> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let path = error.path().to_string();
        let what = without_value(error.inner().message());
        Problem::new(
            if path == "." {
                "config".to_owned()
            } else {
                path
            },
            what,
        )
    })
}
