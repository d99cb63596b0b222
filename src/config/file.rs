//! The shape of the file. Unknown keys are rejected: a misspelt guard must not be a missing one.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU64};

use serde::Deserialize;
use toml::Table;

use super::Problem;
use super::sections::console::ConsoleSection;
pub(super) use crate::providers::accounts::settings::{AccountSection, Text};
use crate::providers::epay::settings::EpaySection;

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
    #[serde(default)]
    pub operate: OperateSection,
    #[serde(default)]
    pub console: ConsoleSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperateSection {
    pub second_person_above: Option<Limits>,
}

/// One limit for every currency, or one for each.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Limits {
    One(String),
    Each(BTreeMap<String, String>),
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
