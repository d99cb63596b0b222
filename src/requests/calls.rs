//! Counts of calls to providers, for the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::request::Class;

/// Calls of one kind that ended alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallCount {
    pub provider: String,
    /// `refund`, `query` or `login`.
    pub call: &'static str,
    pub class: &'static str,
    pub times: u64,
    /// Sum of their durations.
    pub took: Duration,
}

/// Provider, call and class.
type Key = (String, &'static str, &'static str);

#[derive(Default)]
pub struct CallCounts(Mutex<BTreeMap<Key, (u64, Duration)>>);

impl CallCounts {
    pub(super) fn count(&self, provider: &str, call: &'static str, class: Class, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (provider.to_owned(), call, class.as_str());
        let (times, sum) = all.entry(key).or_default();
        *times += 1;
        *sum += took;
    }

    pub fn all(&self) -> Vec<CallCount> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = all
            .iter()
            .map(|((provider, call, class), (times, took))| CallCount {
                provider: provider.clone(),
                call,
                class,
                times: *times,
                took: *took,
            });
        counts.collect()
    }
}
