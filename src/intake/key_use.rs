//! When each key last verified a callback, since the start of the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::claim::Account;
use crate::domain::time::Timestamp;

/// A few keys an account, so a list is searched.
#[derive(Default)]
pub(super) struct KeyUse(Mutex<HashMap<Account, Vec<(String, Timestamp)>>>);

impl KeyUse {
    pub(super) fn note(&self, account: &Account, key_id: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keys) = all.get_mut(account) else {
            all.insert(account.clone(), vec![(key_id.to_owned(), now)]);
            return;
        };
        match keys.iter_mut().find(|(known, _)| known == key_id) {
            Some((_, at)) => *at = now,
            None => keys.push((key_id.to_owned(), now)),
        }
    }

    pub(super) fn last(&self, account: &Account, key_id: &str) -> Option<Timestamp> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = all.get(account)?;
        keys.iter()
            .find(|(known, _)| known == key_id)
            .map(|(_, at)| *at)
    }
}
