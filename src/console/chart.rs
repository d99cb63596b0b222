//! Bars by the hour, drawn on the server as SVG: no script, no style of their own, and their sums in words.

use std::time::Duration;

use super::frame::Frame;
use crate::console::language::text::Text;
use crate::domain::time::Timestamp;
use crate::store::Outcome;

const HOURS: usize = 24;
const HOUR_MS: i64 = 3_600_000;
/// In units of the drawing.
const HEIGHT: usize = 24;
const STEP: usize = 4;

/// How long a chart goes back.
pub const SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// One hour: those that took effect, on top of them those that did not.
pub struct Bar {
    pub x: usize,
    pub good: usize,
    pub good_y: usize,
    pub other: usize,
    pub other_y: usize,
}

pub struct Chart {
    pub bars: Vec<Bar>,
    pub says: String,
}

/// Callbacks of an account in the last day; `None` where there was none.
pub fn of_account(frame: &Frame, outcomes: &[Outcome], account: &str) -> Option<Chart> {
    let mut hours = [(0_usize, 0_usize); HOURS];
    for outcome in outcomes {
        let is_its = account == outcome.account.to_string();
        if let Some(hour) = hour_of(outcome.received_at, frame.clocked.now).filter(|_| is_its) {
            let (good, other) = &mut hours[hour];
            *(if outcome.asks() { other } else { good }) += 1;
        }
    }
    let sum = |of: fn(&(usize, usize)) -> usize| hours.iter().map(of).sum::<usize>();
    let (all, others) = (sum(|hour| hour.0 + hour.1), sum(|hour| hour.1));
    let most = hours.iter().map(|hour| hour.0 + hour.1).max();
    let most = most.filter(|most| *most > 0)?;
    let scaled = |count: usize| (count * HEIGHT).div_ceil(most);
    let bar = |(number, (good, other)): (usize, &(usize, usize))| {
        let (good, both) = (scaled(*good), scaled(good + other));
        Bar {
            x: number * STEP,
            good,
            good_y: HEIGHT - good,
            other: both - good,
            other_y: HEIGHT - both,
        }
    };
    let says = frame.with(Text::CallbacksOfDay, all);
    Some(Chart {
        bars: hours.iter().enumerate().map(bar).collect(),
        says: says.replacen("{}", &others.to_string(), 1),
    })
}

/// The bar of a moment, the last one being the present hour.
fn hour_of(at: Timestamp, now: Timestamp) -> Option<usize> {
    let hour = |moment: Timestamp| moment.as_millis().div_euclid(HOUR_MS);
    let ago = usize::try_from(hour(now) - hour(at)).ok()?;
    (HOURS - 1).checked_sub(ago)
}
