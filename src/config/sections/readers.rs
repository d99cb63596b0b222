//! Readers: which internal system may see what, until when, and how often it may ask.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

use crate::config::Checker;
use crate::config::file::{ReaderSection, Text};
use crate::config::shared::Holder;
use crate::crypto::TokenDigest;
use crate::domain::time::Timestamp;

/// So long before a token expires its operator is reminded of it.
const EXPIRY_NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Most requests that a limit can name; beyond it there is nothing left to limit.
const REQUESTS_MAX: u32 = 1_000_000;
/// What is hashed by mistake where a variable was to hold the token.
const NOTHING: [&str; 3] = ["", "\n", "\r\n"];
/// Requests that a reader may have under way where the config does not say.
const CONNECTIONS_DEFAULT: usize = 64;

/// What an internal system may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read refunds and orders.
    RefundsRead,
    /// Follow the feed.
    EventsRead,
    /// Request, ask about and cancel refunds.
    RefundsWrite,
    /// Register orders.
    OrdersWrite,
    /// See raw callbacks.
    CallbacksRead,
    /// See the pages of the console.
    ConsoleRead,
    /// Operate the service.
    Operate,
}

impl Scope {
    /// Every scope, in the order of the documents.
    pub const ALL: [Self; 7] = [
        Self::RefundsRead,
        Self::RefundsWrite,
        Self::EventsRead,
        Self::OrdersWrite,
        Self::CallbacksRead,
        Self::ConsoleRead,
        Self::Operate,
    ];

    /// The word in the config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefundsRead => "refunds:read",
            Self::RefundsWrite => "refunds:write",
            Self::EventsRead => "events:read",
            Self::OrdersWrite => "orders:write",
            Self::CallbacksRead => "callbacks:read",
            Self::ConsoleRead => "console:read",
            Self::Operate => "operate",
        }
    }
}

/// A word that is no scope; the text says which words are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no scope; there are {}", Scope::ALL.map(Scope::as_str).join(", "))]
pub struct NotAScope {
    word: String,
}

impl FromStr for Scope {
    type Err = NotAScope;
    fn from_str(word: &str) -> Result<Self, NotAScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == word);
        found.ok_or_else(|| NotAScope {
            word: word.to_owned(),
        })
    }
}

/// How often a reader may ask: so many requests in a window, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in each window.
    pub requests: u32,
    /// Length of the window in seconds: 1 or 60.
    pub window_seconds: u32,
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.window_seconds == 1 { 's' } else { 'm' };
        write!(f, "{}/{unit}", self.requests)
    }
}

/// A text that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be requests in a second or a minute, such as \"100/s\" or \"600/m\"")]
pub struct NotARate;

impl FromStr for RateLimit {
    type Err = NotARate;
    fn from_str(text: &str) -> Result<Self, NotARate> {
        let (requests, unit) = text.split_once('/').ok_or(NotARate)?;
        let window_seconds = match unit {
            "s" => 1,
            "m" => 60,
            _ => return Err(NotARate),
        };
        let is_plain = requests.bytes().all(|b| b.is_ascii_digit());
        let requests = requests.parse().ok().filter(|_| is_plain);
        let requests = requests.filter(|requests| (1..=REQUESTS_MAX).contains(requests));
        Ok(Self {
            requests: requests.ok_or(NotARate)?,
            window_seconds,
        })
    }
}

/// An internal system.
#[derive(Debug)]
pub struct Reader {
    /// Its name, for logs.
    pub name: String,
    /// The digest of its token.
    pub token: TokenDigest,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When its token expires; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How often it may ask; `None`: as often as it likes.
    pub rate_limit: Option<RateLimit>,
    /// How many requests it may have under way at once, open streams among them.
    pub max_connections: usize,
}

impl Checker {
    pub(in crate::config) fn readers(&mut self, sections: &[ReaderSection]) -> Vec<Reader> {
        let mut readers = Vec::new();
        for (index, section) in sections.iter().enumerate() {
            let key = format!("readers[{index}]");
            let earlier = &sections[..index];
            if earlier.iter().any(|other| other.name == section.name) {
                self.note(
                    format!("{key}.name"),
                    format!("{:?} is taken", section.name),
                );
            }
            let digest = section.token_sha256.to_lowercase();
            if earlier
                .iter()
                .any(|other| other.token_sha256.to_lowercase() == digest)
            {
                let what = "is the token of another reader; give each its own";
                self.note(format!("{key}.token_sha256"), what);
            }
            let reader = self.reader(&key, section);
            if let Some(reader) = &reader {
                let key = format!("{key}.token_sha256");
                self.hold(key, reader.token.bytes(), Holder::Reader);
            }
            readers.extend(reader);
        }
        readers
    }

    /// One reader; `None` with a problem noted.
    fn reader(&mut self, key: &str, section: &ReaderSection) -> Option<Reader> {
        let text = section.token_sha256.trim();
        let token = text.parse::<TokenDigest>();
        let wrong = match &token {
            Err(_) => Some("must be 64 hex digits: printf %s TOKEN | sha256sum"),
            Ok(_) if text != section.token_sha256 => {
                Some("begins or ends with white space; remove it")
            }
            Ok(digest) if NOTHING.iter().any(|nothing| digest.matches(nothing)) => {
                Some("is the SHA-256 of no token at all: printf %s TOKEN | sha256sum")
            }
            Ok(_) => None,
        };
        if let Some(what) = wrong {
            self.note(format!("{key}.token_sha256"), what);
        }
        let mut scopes = Vec::new();
        for word in &section.scopes {
            match word.parse() {
                Ok(scope) => scopes.push(scope),
                Err(error) => self.note(format!("{key}.scopes"), format!("{error}")),
            }
        }
        let expires_at = section
            .expires_at
            .as_ref()
            .and_then(|text| self.expiry(key, &section.name, text));
        let rate_limit = section.rate_limit.as_ref().and_then(|text| {
            text.parse()
                .map_err(|error| self.note(format!("{key}.rate_limit"), format!("{error}")))
                .ok()
        });
        let max_connections = self.max_connections(key, section.max_connections);
        Some(Reader {
            name: section.name.clone(),
            token: token.ok()?,
            scopes,
            expires_at,
            rate_limit,
            max_connections,
        })
    }

    fn max_connections(&mut self, key: &str, given: Option<Text<NonZeroU16>>) -> usize {
        let key = format!("{key}.max_connections");
        given.map_or_else(
            || {
                self.note_default(key, CONNECTIONS_DEFAULT);
                CONNECTIONS_DEFAULT
            },
            |given| usize::from(given.0.get()),
        )
    }

    fn expiry(&mut self, key: &str, name: &str, text: &str) -> Option<Timestamp> {
        let key = format!("{key}.expires_at");
        let Ok(expires_at) = text.parse::<jiff::Timestamp>() else {
            let what = format!("{text:?} is not RFC 3339, such as 2027-01-31T00:00:00Z");
            self.note(key, what);
            return None;
        };
        let (now, expires_at) = (Timestamp::from(self.now), Timestamp::from(expires_at));
        let renew = "make another with `refund-receiver token create`";
        if expires_at <= now {
            let what = format!("{key}: the token of {name:?} expired at {expires_at}; {renew}");
            self.warnings.push(what);
        } else if expires_at <= now.plus(EXPIRY_NOTICE) {
            let what = format!("{key}: the token of {name:?} expires at {expires_at}; {renew}");
            self.warnings.push(what);
        }
        Some(expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_whole_number_in_a_second_or_a_minute() {
        for (text, requests, window_seconds) in [
            ("1/s", 1, 1),
            ("600/m", 600, 60),
            ("1000000/s", 1_000_000, 1),
        ] {
            let rate = RateLimit {
                requests,
                window_seconds,
            };
            assert_eq!(text.parse(), Ok(rate));
            assert_eq!(rate.to_string(), text);
        }
        for bad in [
            "",
            "/s",
            "10",
            "10/",
            "10/h",
            "0/s",
            "+1/s",
            "1.5/s",
            "1000001/s",
            "10 /s",
            "-1/m",
        ] {
            assert_eq!(bad.parse::<RateLimit>(), Err(NotARate), "{bad:?}");
        }
    }
}
