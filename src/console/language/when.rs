//! Times as a reader sees them: in the reader's own zone, and how long ago.

use std::fmt;

use jiff::tz::{Offset, TimeZone};

use crate::console::language::lang::Lang;
use crate::domain::time::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Furthest offset from UTC that is in use.
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// How times are shown on this page.
#[derive(Clone, Copy, Debug)]
pub struct Clocked {
    pub lang: Lang,
    pub now: Timestamp,
    /// The reader's offset from UTC.
    pub offset_minutes: i32,
}

/// A time, ready for a template.
#[derive(Clone, Debug)]
pub struct When {
    /// RFC 3339, for machines.
    pub iso: String,
    /// In the reader's zone.
    pub local: String,
    /// Such as `3 min ago`.
    pub ago: String,
}

impl Clocked {
    /// Reads the cookie that the script sets.
    pub fn new(lang: Lang, now: Timestamp, zone: Option<&str>) -> Self {
        let minutes = zone.and_then(|text| text.parse().ok());
        let minutes = minutes.filter(|minutes: &i32| minutes.abs() <= OFFSET_MINUTES_MAX);
        Self {
            lang,
            now,
            offset_minutes: minutes.unwrap_or(0),
        }
    }

    pub fn when(&self, moment: Timestamp) -> When {
        When {
            iso: moment.to_string(),
            local: self.local(moment),
            ago: self.ago(moment),
        }
    }

    fn local(&self, moment: Timestamp) -> String {
        let offset = Offset::from_seconds(self.offset_minutes * 60).unwrap_or(Offset::UTC);
        moment.to_timestamp().map_or_else(
            || moment.to_string(),
            |at| {
                let at = at.to_zoned(TimeZone::fixed(offset));
                at.strftime("%Y-%m-%d %H:%M:%S").to_string()
            },
        )
    }

    /// Such as `UTC+08:00`.
    pub fn zone_name(&self) -> String {
        let minutes = self.offset_minutes;
        let sign = if minutes < 0 { '-' } else { '+' };
        match minutes.abs() {
            0 => "UTC".to_owned(),
            of => format!("UTC{sign}{:02}:{:02}", of / 60, of % 60),
        }
    }

    fn ago(&self, moment: Timestamp) -> String {
        let seconds = (self.now.as_millis() - moment.as_millis()) / 1_000;
        let (is_past, seconds) = (seconds >= 0, seconds.abs());
        let span = Span {
            lang: self.lang,
            seconds,
        };
        match (self.lang, is_past) {
            (Lang::En, true) => format!("{span} ago"),
            (Lang::En, false) => format!("in {span}"),
            (Lang::Zh, true) => format!("{span}前"),
            (Lang::Zh, false) => format!("{span}后"),
        }
    }

    /// How long something has lasted.
    pub fn span_since(&self, moment: Timestamp) -> String {
        let seconds = (self.now.as_millis() - moment.as_millis()).max(0) / 1_000;
        let span = Span {
            lang: self.lang,
            seconds,
        };
        span.to_string()
    }
}

/// A span in its largest unit.
struct Span {
    lang: Lang,
    seconds: i64,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, en, zh) = match self.seconds {
            s if s < MINUTE => (s, "s", "秒"),
            s if s < HOUR => (s / MINUTE, "min", "分钟"),
            s if s < 2 * DAY => (s / HOUR, "h", "小时"),
            s => (s / DAY, "d", "天"),
        };
        match self.lang {
            Lang::En => write!(f, "{number} {en}"),
            Lang::Zh => write!(f, "{number} {zh}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_readers_zone_and_how_long_ago() {
        let moment: Timestamp = "2026-01-17T20:33:54.540Z".parse().unwrap();
        let later = |seconds: u64| moment.plus(std::time::Duration::from_secs(seconds));
        let shown = |lang, now, zone| Clocked::new(lang, now, zone).when(moment);
        let when = shown(Lang::En, later(59), Some("480"));
        assert_eq!(
            (when.local.as_str(), when.ago.as_str()),
            ("2026-01-18 04:33:54", "59 s ago")
        );
        assert_eq!(when.iso, "2026-01-17T20:33:54.540Z");
        assert_eq!(shown(Lang::Zh, later(7_300), Some("x")).ago, "2 小时前");
        assert_eq!(
            shown(Lang::En, later(200_000), Some("99999")).local,
            "2026-01-17 20:33:54"
        );
        assert_eq!(shown(Lang::En, later(200_000), None).ago, "2 d ago");
        let before = moment.minus(std::time::Duration::from_secs(120));
        assert_eq!(shown(Lang::Zh, before, None).ago, "2 分钟后");
        assert_eq!(
            Clocked::new(Lang::En, moment, Some("-210")).zone_name(),
            "UTC-03:30"
        );
    }
}
