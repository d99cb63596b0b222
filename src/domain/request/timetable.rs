//! When an open request is asked about, and what "not found" proves: data, one table a provider.

use std::time::Duration;

use super::machine::Proof;
use super::{Progress, State};
use crate::domain::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// First pause after a try that was put off; doubles up to `PUT_OFF_MAX`.
const PUT_OFF_FIRST: Duration = Duration::from_secs(30);
pub const PUT_OFF_MAX: Duration = HOUR;
/// Longest pause before an ask that a provider may want.
pub const ASK_AFTER_MAX: Duration = DAY;
/// When a request that keeps being put off asks a person.
pub const CANNOT_SEND_AFTER: Duration = DAY;

/// A step of a timetable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This long after the state began.
    After(Duration),
    /// 09:00 +08:00 of the day after the state began.
    NextMorning,
}

impl When {
    fn offset(self, began: Timestamp) -> Duration {
        match self {
            Self::After(offset) => offset,
            Self::NextMorning => until_next_morning(began),
        }
    }
}

/// What "not found" proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFoundRule {
    /// Nothing: a delayed request may still be taken.
    NeverProves,
    /// That the number was not taken: this many answers, the last of them at least this long after the first
    /// (`over`) and after the last send (`after_send`).
    Proves {
        answers: u32,
        over: Duration,
        after_send: Duration,
    },
}

/// One provider's timetable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    /// Asks in the state `unknown`.
    pub unknown: Vec<When>,
    /// Asks in the state `accepted`.
    pub accepted: Vec<When>,
    /// How long after the last send an open request raises `outcome_overdue`.
    pub overdue: Duration,
    /// How long after it asking stops.
    pub stop: Duration,
    pub not_found: NotFoundRule,
}

impl Timetable {
    /// From offsets in seconds.
    pub fn of_seconds(
        unknown: &[u64],
        accepted: &[u64],
        (overdue_days, stop_days): (u32, u32),
        not_found: NotFoundRule,
    ) -> Self {
        let steps = |seconds: &[u64]| {
            let steps = seconds.iter().copied().map(Duration::from_secs);
            steps.map(When::After).collect()
        };
        Self {
            unknown: steps(unknown),
            accepted: steps(accepted),
            overdue: DAY * overdue_days,
            stop: DAY * stop_days,
            not_found,
        }
    }

    /// The same with the caller's own offsets for both states.
    #[must_use]
    pub fn with_offsets(mut self, offsets: &[Duration]) -> Self {
        let steps: Vec<_> = offsets.iter().copied().map(When::After).collect();
        self.unknown.clone_from(&steps);
        self.accepted = steps;
        self
    }

    /// When the request is asked about next. `None`: no longer, or not in this state. `jitter` from 0 to 255
    /// adds up to a tenth.
    pub fn next_ask(
        &self,
        (state, progress): (State, &Progress),
        (requested_at, last_attempt_at): (Timestamp, Option<Timestamp>),
        now: Timestamp,
        jitter: u8,
    ) -> Option<Timestamp> {
        let steps = self.steps(state)?;
        let began = progress.since.unwrap_or(requested_at);
        if now >= self.stops_at(progress, requested_at) {
            return None;
        }
        let (offset, from) = match steps.get(progress.asks as usize) {
            Some(when) => (when.offset(began), began),
            // The list is used up: daily.
            None => (DAY, last_attempt_at.unwrap_or(began)),
        };
        let jitter = offset.min(HOUR) * u32::from(jitter) / 2_550;
        let at = from.plus(offset + jitter);
        Some(at.max(now))
    }

    /// After an outage the steps that were missed are one ask, not several.
    pub fn skip_missed(&self, state: State, progress: &mut Progress, now: Timestamp) {
        let (Some(steps), Some(began)) = (self.steps(state), progress.since) else {
            return;
        };
        while let Some(when) = steps.get(progress.asks as usize)
            && began.plus(when.offset(began)) <= now
        {
            progress.asks += 1;
        }
    }

    fn steps(&self, state: State) -> Option<&[When]> {
        match state {
            State::Unknown => Some(&self.unknown),
            State::Accepted => Some(&self.accepted),
            _ => None,
        }
    }

    /// When the question `outcome_overdue` is due: after a person left the request open not sooner than the next day.
    pub fn overdue_at(&self, progress: &Progress, requested_at: Timestamp) -> Timestamp {
        match progress.kept_at {
            Some(kept_at) => kept_at.plus(self.overdue.max(DAY)),
            None => progress
                .counted_since
                .unwrap_or(requested_at)
                .plus(self.overdue),
        }
    }

    fn stops_at(&self, progress: &Progress, requested_at: Timestamp) -> Timestamp {
        let since = progress.kept_at.or(progress.counted_since);
        since.unwrap_or(requested_at).plus(self.stop)
    }

    /// Whether the answers "not found" so far, the last of them now, prove that the number was not taken.
    pub fn proof(
        &self,
        progress: &Progress,
        last_sent_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Proof {
        let NotFoundRule::Proves {
            answers,
            over,
            after_send,
        } = self.not_found
        else {
            return Proof::NotReached;
        };
        let spans = |since: Option<Timestamp>, span| since.is_some_and(|at| now >= at.plus(span));
        let is_reached = progress.not_found >= answers
            && spans(progress.not_found_since, over)
            && spans(last_sent_at, after_send);
        if is_reached {
            Proof::Reached
        } else {
            Proof::NotReached
        }
    }
}

/// The pause before a try that was put off `times` times in a row.
pub fn put_off(times: u32) -> Duration {
    let doubled = PUT_OFF_FIRST.saturating_mul(1 << times.saturating_sub(1).min(10));
    doubled.min(PUT_OFF_MAX)
}

/// From a time to 09:00 +08:00 of the next day there.
fn until_next_morning(from: Timestamp) -> Duration {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let hour = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    let local = from.as_millis() + 8 * hour;
    let next = (local.div_euclid(day) + 1) * day + 9 * hour;
    Duration::from_millis(u64::try_from(next - local).unwrap_or(0))
}

/// Shorthand for tables: minutes as seconds.
pub const fn minutes(minutes: u64) -> u64 {
    minutes * MINUTE.as_secs()
}

/// Shorthand for tables: hours as seconds.
pub const fn hours(hours: u64) -> u64 {
    hours * HOUR.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVES: NotFoundRule = NotFoundRule::Proves {
        answers: 2,
        over: Duration::ZERO,
        after_send: Duration::from_secs(300),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn progress(asks: u32) -> Progress {
        Progress {
            since: Some(at(1_000)),
            asks,
            ..Progress::default()
        }
    }

    #[test]
    fn asks_follow_the_table_and_then_come_daily_until_they_stop() {
        let table = Timetable::of_seconds(&[20, minutes(5)], &[hours(2)], (7, 180), PROVES);
        let next = |state, asks, now| {
            let times = (at(1_000), Some(at(1_300)));
            let next = table.next_ask((state, &progress(asks)), times, at(now), 0);
            next.map(|at| at.as_millis() / 1_000)
        };
        assert_eq!(next(State::Unknown, 0, 1_000), Some(1_020));
        assert_eq!(next(State::Unknown, 1, 1_020), Some(1_300));
        assert_eq!(next(State::Unknown, 2, 1_300), Some(1_300 + 86_400));
        assert_eq!(next(State::Accepted, 0, 1_000), Some(8_200));
        assert_eq!(
            next(State::Unknown, 0, 5_000),
            Some(5_000),
            "never in the past"
        );
        assert_eq!(next(State::Unknown, 9, 1_000 + 180 * 86_400), None);
        assert_eq!(next(State::Queued, 0, 1_000), None);
        let jittered = (State::Unknown, &progress(0));
        let late = table.next_ask(jittered, (at(1_000), None), at(1_000), 255);
        assert_eq!(late, Some(Timestamp::from_millis(1_022_000)));
    }

    #[test]
    fn what_is_sent_again_or_left_open_is_overdue_later_and_asked_about_longer() {
        let day = 86_400;
        let table = Timetable::of_seconds(&[], &[], (7, 180), PROVES);
        let overdue = |progress: &Progress, requested| {
            table.overdue_at(progress, at(requested)).as_millis() / 1_000
        };
        let mut progress = progress(0);
        assert_eq!(overdue(&progress, 0), 7 * day);
        progress.counted_since = Some(at(100 * day));
        assert_eq!(overdue(&progress, 0), 107 * day);
        let asks = |progress: &Progress, now| {
            let times = (at(0), Some(at(now)));
            let next = table.next_ask((State::Unknown, progress), times, at(now), 0);
            next.is_some()
        };
        assert!(asks(&progress, 279 * day) && !asks(&progress, 280 * day));
        progress.kept_at = Some(at(300 * day));
        assert_eq!(overdue(&progress, 0), 307 * day);
        assert!(asks(&progress, 479 * day) && !asks(&progress, 480 * day));
        // Where the question comes at once, a person has a day's rest.
        let at_once = Timetable::of_seconds(&[], &[], (0, 30), PROVES);
        let again = at_once.overdue_at(&progress, at(0));
        assert_eq!(again, at(301 * day));
    }

    #[test]
    fn not_found_proves_only_by_the_rule() {
        let table = Timetable::of_seconds(&[20], &[20], (7, 180), PROVES);
        let found = |answers, sent, now| {
            let progress = Progress {
                not_found: answers,
                not_found_since: Some(at(50)),
                ..Progress::default()
            };
            table.proof(&progress, Some(at(sent)), at(now))
        };
        assert_eq!(found(2, 0, 300), Proof::Reached);
        assert_eq!(found(1, 0, 300), Proof::NotReached);
        assert_eq!(found(2, 0, 299), Proof::NotReached);
        let never = Timetable {
            not_found: NotFoundRule::NeverProves,
            ..table.clone()
        };
        assert_eq!(
            never.proof(
                &Progress {
                    not_found: 99,
                    ..Progress::default()
                },
                Some(at(0)),
                at(9_999_999)
            ),
            Proof::NotReached
        );
    }

    #[test]
    fn the_bank_is_asked_at_nine_in_the_morning_of_its_next_day() {
        for (from, expected) in [
            ("2026-11-27T00:00:00+08:00", "2026-11-28T09:00:00+08:00"),
            ("2026-11-27T23:59:59+08:00", "2026-11-28T09:00:00+08:00"),
        ] {
            let from: Timestamp = from.parse().unwrap();
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(from.plus(until_next_morning(from)), expected);
        }
    }

    #[test]
    fn tries_are_put_off_twice_as_long_each_time_up_to_an_hour() {
        let seconds: Vec<_> = (1..=9).map(|times| put_off(times).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }
}
