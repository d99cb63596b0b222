//! What told us first how a request ended, counted since the start of the process. An ask that was first means
//! that no callback came: it is how lost callbacks are seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// By provider and source.
#[derive(Default)]
pub struct OutcomeSources(Mutex<BTreeMap<(String, &'static str), u64>>);

impl OutcomeSources {
    pub fn count(&self, provider: &str, source: &'static str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry((provider.to_owned(), source)).or_default() += 1;
    }

    /// Provider, source (`callback`, `reply`, `ask`, `person`) and how often.
    pub fn all(&self) -> Vec<(String, &'static str, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|((provider, source), times)| (provider.clone(), *source, *times))
            .collect()
    }
}
