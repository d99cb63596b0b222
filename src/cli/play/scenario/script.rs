//! The file of a scenario, and those that are shipped.

use serde::Deserialize;
use toml::Table;

use super::stage::Which;
use crate::domain::time::span::Span;

/// In the order of `scenario list`.
pub const SHIPPED: [&str; 12] = [
    include_str!("files/happy.toml"),
    include_str!("files/partial.toml"),
    include_str!("files/timeout-after-accept.toml"),
    include_str!("files/timeout-before-accept.toml"),
    include_str!("files/callback-before-reply.toml"),
    include_str!("files/lost-callback.toml"),
    include_str!("files/late-failure.toml"),
    include_str!("files/duplicate-number.toml"),
    include_str!("files/balance-then-ok.toml"),
    include_str!("files/key-rotation.toml"),
    include_str!("files/provider-down-6h.toml"),
    include_str!("files/kill-9-during-send.toml"),
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub name: String,
    pub about: String,
    pub steps: Vec<Step>,
}

/// One step. A text may hold `{NAME.member}`: a member of the refund that a `create` step named.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Submits a refund.
    Create {
        /// What later steps call it.
        name: String,
        body: Table,
        #[serde(default = "accepted")]
        status: u16,
    },
    /// Looks once.
    Expect(Wanted),
    /// Looks until it is so.
    WaitFor(Wanted),
    /// An event in the feed, about a refund.
    ExpectEvent {
        refund: String,
        #[serde(rename = "type")]
        kind: String,
        #[serde(default = "usual")]
        within: Text<Span>,
    },
    /// Lets the sandbox's time pass.
    Advance {
        by: String,
    },
    /// Arms a fault of the sandbox: the members of `POST /sandbox/faults`.
    Arm {
        fault: Table,
    },
    /// Disarms all.
    Disarm,
    /// Limits a provider's balance in the sandbox.
    Balance {
        provider: String,
        amount: String,
    },
    /// A call that a person makes: `ask`, `cancel` or `resend`.
    Act {
        refund: String,
        call: String,
        body: Option<Table>,
        #[serde(default = "accepted")]
        status: u16,
    },
    Kill {
        what: Which,
    },
    Restart {
        what: Which,
    },
    Sleep {
        time: Text<Span>,
    },
    /// Replaces text in the config; the next start reads it.
    Config {
        replace: String,
        with: String,
    },
}

/// How a refund shall be; what is absent may be as it likes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub refund: String,
    /// Of the refund.
    pub status: Option<String>,
    /// Of the request.
    pub state: Option<String>,
    /// Reasons of open questions, all of them.
    pub attention: Option<Vec<String>>,
    /// Attempts to send.
    pub attempts: Option<u64>,
    /// How often money left, by the sandbox's ledger.
    pub moved: Option<u64>,
    /// Requests with the number that the provider took, or answered as known.
    pub requests: Option<u64>,
    #[serde(default = "usual")]
    pub within: Text<Span>,
}

/// A value that is written as text.
#[derive(Clone, Copy, Debug)]
pub struct Text<T>(pub T);

impl<'de, T: std::str::FromStr<Err = String>> Deserialize<'de> for Text<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

const fn accepted() -> u16 {
    202
}

const fn usual() -> Text<Span> {
    Text(Span(std::time::Duration::from_secs(45)))
}

impl Script {
    /// The error is for a person.
    pub fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_can_be_read_and_has_names_of_its_own() {
        let mut names: Vec<_> = SHIPPED
            .iter()
            .map(|text| Script::read(text).unwrap().name)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SHIPPED.len());
    }

    #[test]
    fn a_step_that_does_not_exist_is_named() {
        let why = Script::read("name=\"a\"\nabout=\"b\"\nsteps=[{do=\"hope\"}]").unwrap_err();
        assert!(why.contains("hope"), "{why}");
    }
}
