//! Health of a lane: kept by its thread, read by `/readyz` without waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::{StoreError, monotonic};

/// A job that waits longer, or a batch that takes longer, is too slow for the sender of a callback.
pub(in crate::store) const SLOW: Duration = Duration::from_secs(3);
/// A lane that has met contention for longer without one commit is failing.
const CONTENDED_MAX: Duration = Duration::from_secs(2);
/// How long health reports work that was left to resume.
const LEFT_SHOWN: Duration = Duration::from_secs(15);

/// Health of a lane.
#[derive(Debug, Default)]
pub(in crate::store) struct Condition(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the running batch began.
    busy_since: Option<Instant>,
    /// First failed attempt since the last commit.
    failing_since: Option<Instant>,
    /// Whether the cause would hit any other job.
    is_down: bool,
    succeeded_at: Option<Instant>,
    /// When work was last left to resume.
    left_at: Option<Instant>,
}

impl Condition {
    /// A batch is running.
    pub(in crate::store) fn begin(&self) {
        self.lock().busy_since = Some(monotonic());
    }

    /// No batch is running.
    pub(in crate::store) fn end(&self) {
        self.lock().busy_since = None;
    }

    /// Something was committed.
    pub(in crate::store) fn succeed(&self) {
        let mut state = self.lock();
        state.failing_since = None;
        state.is_down = false;
        state.succeeded_at = Some(monotonic());
    }

    /// Nothing could be committed.
    pub(in crate::store) fn fail(&self, error: &StoreError) {
        let mut state = self.lock();
        if matches!(error, StoreError::Locked) {
            return; // Its row is taken; anything else could be committed.
        }
        let is_contention = error.is_contention();
        if error.blames_one_job() && !is_contention {
            return;
        }
        state.failing_since.get_or_insert_with(monotonic);
        state.is_down |= !is_contention;
    }

    /// Work was left to resume.
    pub(in crate::store) fn leave(&self) {
        self.lock().left_at = Some(monotonic());
    }

    /// Whether nothing can be committed.
    pub(in crate::store) fn is_failing(&self) -> bool {
        let state = self.lock();
        state.is_down || is_older(state.failing_since, CONTENDED_MAX)
    }

    /// Whether the last attempt failed for a cause that is not one job's.
    pub(in crate::store) fn wants_a_probe(&self) -> bool {
        self.lock().failing_since.is_some()
    }

    /// Whether a batch takes too long.
    pub(in crate::store) fn is_stuck(&self) -> bool {
        is_older(self.lock().busy_since, SLOW)
    }

    /// Whether work was left to resume a short while ago.
    pub(in crate::store) fn has_left_work(&self) -> bool {
        let left_at = self.lock().left_at;
        left_at.is_some_and(|at| at.elapsed() < LEFT_SHOWN)
    }

    /// Whether the last attempt failed for a cause that would hit any other job.
    pub(in crate::store) fn is_down(&self) -> bool {
        self.lock().is_down
    }

    /// How long ago something was committed.
    pub(in crate::store) fn since_success(&self) -> Option<Duration> {
        self.lock().succeeded_at.map(|at| at.elapsed())
    }

    /// Whether something was committed within this time.
    pub(in crate::store) fn has_succeeded_within(&self, time: Duration) -> bool {
        let succeeded_at = self.lock().succeeded_at;
        succeeded_at.is_some_and(|at| at.elapsed() < time)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_older(since: Option<Instant>, than: Duration) -> bool {
    since.is_some_and(|since| since.elapsed() > than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_job_is_no_failure_of_the_lane_and_a_lost_server_is_until_the_next_commit() {
        let condition = Condition::default();
        condition.fail(&StoreError::Superseded);
        assert!(!condition.is_failing() && !condition.wants_a_probe());
        condition.fail(&StoreError::SerializationFailure("a lock".to_owned()));
        assert!(!condition.is_failing(), "not yet");
        assert!(condition.wants_a_probe());
        condition.fail(&StoreError::Away("gone".to_owned()));
        assert!(condition.is_failing());
        condition.succeed();
        assert!(!condition.is_failing() && !condition.wants_a_probe());
    }
}
