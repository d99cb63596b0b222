//! Time and randomness come in through [`Clock`], so that tests can choose both.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z; shown as RFC 3339 in UTC with milliseconds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, format = DateTime, example = "2026-01-17T09:33:55.004Z")]
pub struct Moment(i64);

/// A text that is no RFC 3339 date and time with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date and time")]
pub struct NotAMoment;

impl Moment {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `duration` later, held at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The same moment for `jiff`; `None` outside the years that it knows.
    pub fn to_timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

impl From<jiff::Timestamp> for Moment {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_timestamp() {
            Some(timestamp) => write!(f, "{timestamp:.3}"),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        // jiff takes offsets of up to 25:59:59; no place is a day away from UTC.
        let hours = text
            .rfind(['+', '-'])
            .filter(|at| *at > "2026-01-31T".len())
            .and_then(|at| text.get(at + 1..at + 3)?.parse::<u8>().ok());
        if hours.is_some_and(|hours| hours > 23) {
            return Err(NotAMoment);
        }
        text.parse::<jiff::Timestamp>()
            .map(Self::from)
            .map_err(|_| NotAMoment)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = NotAMoment;
    fn try_from(text: String) -> Result<Self, NotAMoment> {
        text.parse()
    }
}

/// Where time and fresh ids come from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Moment;
    /// A new `UUIDv7`; later ones sort after earlier ones of the same process.
    fn new_uuid(&self) -> Uuid;
}

/// The machine's own clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    fn now(&self) -> Moment {
        Moment::from(jiff::Timestamp::now())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where random ids are made"
    )]
    fn new_uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_utc_with_milliseconds() {
        for (text, shown) in [
            ("2022-01-17T09:33:54.540+00:00", "2022-01-17T09:33:54.540Z"),
            ("2024-07-19T14:14:47+08:00", "2024-07-19T06:14:47.000Z"),
        ] {
            assert_eq!(
                text.parse::<Moment>().map(|m| m.to_string()),
                Ok(shown.to_owned())
            );
        }
        for text in [
            "2026-01-17T09:33:54+25:00",
            "2026-01-17T09:33:54-24:00",
            "2026-02-30T00:00:00Z",
            "2025-02-27T09:44:00",
            "",
            "yesterday",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<_> = (0..1000).map(|_| SystemClock.new_uuid()).collect();
        assert!(ids.is_sorted());
    }
}
