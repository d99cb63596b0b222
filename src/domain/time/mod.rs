//! Time and random ids come from [`Clock`], so that tests can control both.

pub mod corrected;
pub mod span;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A timestamp in milliseconds since 1970-01-01T00:00:00Z; shown as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 date and time with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date and time")]
pub struct InvalidTimestamp;

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Parses an RFC 3339 date-time (§5.6) and nothing else: a query of a reader must be unambiguous.
    /// Truncates to milliseconds. [`FromStr`] accepts more spellings, for providers.
    pub fn from_rfc3339(text: &str) -> Result<Self, InvalidTimestamp> {
        read_rfc3339(text).map(Self).ok_or(InvalidTimestamp)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// `None` outside the range of `jiff`.
    pub fn to_timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_timestamp() {
            Some(timestamp) => write!(f, "{timestamp:.3}"),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        // jiff accepts offsets of up to 25:59:59; real ones stay below a day.
        let hours = text
            .rfind(['+', '-'])
            .filter(|at| *at > "2026-01-31T".len())
            .and_then(|at| text.get(at + 1..at + 3)?.parse::<u8>().ok());
        if hours.is_some_and(|hours| hours > 23) {
            return Err(InvalidTimestamp);
        }
        text.parse::<jiff::Timestamp>()
            .map(Self::from)
            .map_err(|_| InvalidTimestamp)
    }
}

/// Milliseconds since the epoch. Not by `jiff::Timestamp`, which ends a day before the year 9999 does.
fn read_rfc3339(text: &str) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked("2026-01-31T00:00:00".len())?;
    let (date, time) = date_time.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
        None => ("0", rest),
    };
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok();
    let millis = millis.filter(|_| !fraction.is_empty())?;
    let offset_minutes = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        ("+", offset) => minutes(offset)?,
        ("-", offset) => -minutes(offset)?,
        _ => return None,
    };
    let [month, day, hour, minute] = [month, day, hour, minute].map(|n| i8::try_from(n).ok());
    // A leap second counts as the second before it, as on the machine's clock.
    let second = i8::try_from(if second == 60 { 59 } else { second }).ok()?;
    let civil = DateTime::new(year, month?, day?, hour?, minute?, second, 0).ok()?;
    let seconds = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    Some((seconds.as_secs() - offset_minutes * 60) * 1_000 + millis)
}

/// `hh:mm` of an offset.
fn minutes(text: &str) -> Option<i64> {
    let [hours, minutes] = numbers(text, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then(|| i64::from(hours) * 60 + i64::from(minutes))
}

/// Numbers with exactly these counts of digits, separated by `between`.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i16; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let is_plain = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        *number = part.parse().ok().filter(|_| is_plain)?;
    }
    parts.next().is_none().then_some(numbers)
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;
    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        text.parse()
    }
}

/// Source of time and new ids.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
    /// A new `UUIDv7`; later ones sort after earlier ones of the same process.
    fn new_uuid(&self) -> Uuid;
}

/// The machine's clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::from(jiff::Timestamp::now())
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
                text.parse::<Timestamp>().map(|m| m.to_string()),
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
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn readers_write_rfc3339_and_nothing_else() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:01z", 1_000),
            ("1970-01-01T00:00:00.1Z", 100),
            ("1970-01-01T00:00:00.0019999999999Z", 1),
            ("1970-01-01T08:00:00.25+08:00", 250),
            ("1969-12-31T16:00:00-08:00", 0),
            ("1969-12-31T23:59:59.999-00:00", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("0000-01-01T00:00:00+23:59", -62_167_305_540_000),
        ] {
            let moment = Timestamp::from_rfc3339(text);
            assert_eq!(moment, Ok(Timestamp::from_millis(millis)), "{text}");
        }
        for text in [
            "2026-11-22T17:57Z",
            "20261122T175707Z",
            "2026-11-22T175707Z",
            "2026-11-22T17:57:07Z[UTC]",
            "2026-11-22T17:57:07-00",
            "2026-11-22T17:57:07+0800",
            "2026-11-22T17:57:07+08:00:00",
            "2026-11-22T17:57:07+24:00",
            "2026-11-22T17:57:07+08:60",
            "2026-11-22T17:57:07",
            "2026-11-22 17:57:07Z",
            "2026-11-22T17:57:07.Z",
            "2026-11-22T17:57:07,5Z",
            "2026-11-22T17:57:07.5",
            "2026-11-22T17:57:07Zz",
            "2026-11-22T24:00:00Z",
            "2026-11-22T17:57:61Z",
            "2026-02-29T00:00:00Z",
            "+002026-11-22T17:57:07Z",
            "-026-11-22T17:57:07Z",
            "2026-11-22T+7:57:07Z",
            "2026-11-22T17:57:0\u{661}Z",
            "2026-11-22",
            "",
        ] {
            assert_eq!(
                Timestamp::from_rfc3339(text),
                Err(InvalidTimestamp),
                "{text}"
            );
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<_> = (0..1000).map(|_| SystemClock.new_uuid()).collect();
        assert!(ids.is_sorted());
    }
}
