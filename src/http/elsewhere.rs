//! Authentic notifications about something else than refunds: counted, and told of once a minute at most. They come to
//! the same URL as those about refunds, maybe many more of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::App;
use crate::domain::claim::Account;
use crate::domain::clock::Moment;
use crate::telemetry::AccountLabels;

/// Shortest time between two lines.
const QUIET: Duration = Duration::from_secs(60);

/// What was not told of yet.
#[derive(Debug, Default)]
pub struct Elsewhere(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    count: u64,
    told_at: Option<Moment>,
}

impl Elsewhere {
    /// Counts one; how many there were since the last line, if it is time for one.
    fn count(&self, now: Moment) -> Option<u64> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        untold.count += 1;
        let is_quiet = untold
            .told_at
            .is_some_and(|told_at| now < told_at.plus(QUIET));
        if is_quiet {
            return None;
        }
        untold.told_at = Some(now);
        Some(std::mem::take(&mut untold.count))
    }
}

/// Notes a notification that has no effect here.
pub fn note(app: &App, account: &Account) {
    let labels = AccountLabels {
        provider: account.provider.clone(),
        account: account.name.clone(),
    };
    app.metrics
        .notifications
        .elsewhere
        .get_or_create(&labels)
        .inc();
    if let Some(count) = app.elsewhere.count(app.clock.now()) {
        tracing::info!(
            provider = account.provider,
            account = account.name,
            since_the_last_line = count,
            "a notification about something else than a refund was acknowledged; it has no effect"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_line_a_minute_and_it_counts_them_all() {
        let elsewhere = Elsewhere::default();
        let at = |second: i64| elsewhere.count(Moment::from_millis(second * 1_000));
        assert_eq!(at(0), Some(1));
        assert_eq!([at(1), at(59)], [None, None]);
        assert_eq!(at(60), Some(3));
        assert_eq!(at(61), None);
    }
}
