//! Ids and names, each with its own type: parsed once, valid from then on.

pub mod external_id;
pub mod text;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use external_id::ExternalId;
use external_id::is_plain;

/// Declares an id that is shown as a prefix and a `UUIDv7`.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Before the UUID, where the id is shown.
            pub const PREFIX: &str = $prefix;

            /// Wraps a fresh or stored UUID.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn uuid(&self) -> Uuid {
                self.0
            }

            /// As stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let uuid = text.strip_prefix($prefix).ok_or(NotAnId)?;
                // One spelling only: hyphenated lower case, as we write it.
                if uuid.len() != 36 || uuid.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(NotAnId);
                }
                Uuid::try_parse(uuid).map(Self).map_err(|_| NotAnId)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }
    };
}

/// A text that is not an id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

prefixed_id!(
    /// Our record of one refund.
    RefundId,
    "rf_"
);
prefixed_id!(
    /// One callback as received.
    CallbackId,
    "cb_"
);
prefixed_id!(
    /// One send or ask of ours.
    AttemptId,
    "at_"
);
prefixed_id!(
    /// One decision of a person.
    DecisionId,
    "dc_"
);
prefixed_id!(
    /// One entry of the feed.
    EventId,
    "evt_"
);

/// The name of an account, a consumer or an endpoint: 1 to 64 characters of `A-Z a-z 0-9 _ . : -`, so that it
/// needs no escaping in any log, path or config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

/// A text that cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters of A-Z a-z 0-9 _ . : -")]
pub struct NotAName;

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        if is_plain(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_ascii_of_at_most_64() {
        for good in ["main", "a", "a-b_c.d:e", &"9".repeat(64)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\0b", "а", "a/b", &"9".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_has_one_spelling_and_one_kind() {
        let id = RefundId::new(Uuid::nil());
        let text = id.to_string();
        assert_eq!(text.parse::<RefundId>(), Ok(id));
        assert!(text.parse::<CallbackId>().is_err());
        assert!(text.to_uppercase().parse::<RefundId>().is_err());
        assert!(text.replace('-', "").parse::<RefundId>().is_err());
    }
}
