//! How a refund shall end, by a word at the end of its number or of its reason text, and what follows from
//! that in time.

use serde::{Deserialize, Serialize};

use super::ledger::State;

/// A moment later, in milliseconds.
const SOON: i64 = 1_000;
/// After the last attempt of every callback timetable.
const LATE: i64 = 14 * 3_600_000;
/// When a success turns.
const FLIP: i64 = 61_000;

/// What becomes of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    Fail,
    /// Open for ever.
    Pend,
    /// A success after the last callback could have come.
    Late,
    /// A success, and later a failure.
    Flip,
    /// A success that is never told: it has to be asked for.
    Lost,
    /// Every callback twice.
    Dup,
    /// A status word that no document lists; no money moves.
    Unk,
    /// Another amount than asked for.
    Amt,
    /// Another currency than asked for.
    Cur,
    Cancel,
}

/// Longest first, so that no word hides another.
const WORDS: [(&str, Outcome); 11] = [
    ("CANCEL", Outcome::Cancel),
    ("FAIL", Outcome::Fail),
    ("PEND", Outcome::Pend),
    ("LATE", Outcome::Late),
    ("FLIP", Outcome::Flip),
    ("LOST", Outcome::Lost),
    ("DUP", Outcome::Dup),
    ("UNK", Outcome::Unk),
    ("AMT", Outcome::Amt),
    ("CUR", Outcome::Cur),
    ("OK", Outcome::Ok),
];

/// Numbers that the product makes: 15 characters that begin so. They may end in `AMT` by chance.
const MADE_PREFIX: &str = "RF";
const MADE_CHARS: usize = 15;

/// How an outcome reaches the merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Accepted first; a callback tells the rest.
    Callback,
    /// The reply tells it; what stays open is asked for.
    Reply,
    /// The reply tells it, and it is there before the reply is lost.
    ReplyOnly,
}

impl Outcome {
    /// By the end of the number, else by the end of the reason.
    pub fn of(number: &str, reason: Option<&str>) -> Self {
        let is_made = number.len() == MADE_CHARS && number.starts_with(MADE_PREFIX);
        let ends = |text: &str| {
            let found = WORDS.iter().find(|(word, _)| text.ends_with(word));
            found.map(|(_, outcome)| *outcome)
        };
        let by_number = ends(number).filter(|_| !is_made);
        by_number
            .or_else(|| ends(reason?.trim_end()))
            .unwrap_or(Self::Ok)
    }

    /// The state at once, and what follows after how many milliseconds.
    pub fn plan(self, way: Way, can_cancel: bool) -> (State, Vec<(i64, State)>) {
        let canceled = if can_cancel {
            State::Canceled
        } else {
            State::Failed
        };
        let end = match self {
            Self::Pend => return (State::Pending, Vec::new()),
            Self::Late => return (State::Pending, vec![(LATE, State::Succeeded)]),
            Self::Ok | Self::Flip | Self::Lost | Self::Dup | Self::Amt | Self::Cur => {
                State::Succeeded
            }
            Self::Fail => State::Failed,
            Self::Unk => State::Odd,
            Self::Cancel => canceled,
        };
        let waits = match way {
            Way::Callback => true,
            Way::Reply => self == Self::Lost,
            Way::ReplyOnly => false,
        };
        let (at_once, mut plan) = if waits {
            (State::Pending, vec![(SOON, end)])
        } else {
            (end, Vec::new())
        };
        if self == Self::Flip {
            plan.push((FLIP, State::Failed));
        }
        (at_once, plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_number_beats_the_reason() {
        for (number, reason, outcome) in [
            ("R1FAIL", None, Outcome::Fail),
            ("R1FAIL", Some("please OK"), Outcome::Fail),
            ("R1", Some("customer asked: LOST "), Outcome::Lost),
            ("R1fail", None, Outcome::Ok),
            ("R1CANCEL", None, Outcome::Cancel),
            ("RF0000000000AMT", None, Outcome::Ok),
            ("RF0000000000AMT", Some("PEND"), Outcome::Pend),
            ("R1AMT", None, Outcome::Amt),
        ] {
            assert_eq!(Outcome::of(number, reason), outcome, "{number} {reason:?}");
        }
    }

    #[test]
    fn a_reply_that_is_the_only_news_holds_what_is_known() {
        let (state, plan) = Outcome::Ok.plan(Way::Reply, false);
        assert_eq!((state, plan), (State::Succeeded, Vec::new()));
        let (state, plan) = Outcome::Lost.plan(Way::Reply, false);
        assert_eq!(
            (state, plan),
            (State::Pending, vec![(SOON, State::Succeeded)])
        );
        let (state, plan) = Outcome::Flip.plan(Way::Callback, true);
        assert_eq!(state, State::Pending);
        assert_eq!(plan, [(SOON, State::Succeeded), (FLIP, State::Failed)]);
    }
}
