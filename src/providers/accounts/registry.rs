//! The configured accounts, looked up by the account of a path.

use std::sync::Arc;

use crate::domain::claim::Account;
use crate::domain::ids::ExternalId;
use crate::providers::outgoing::ApiAccount;
use crate::providers::relay::{self, RelayAccount};
use crate::providers::{
    Arrival, Form, ProvenCallback, Provider, Rejection, Request, VerifiedClaim,
};

/// Every configured account: those that post callbacks, and those whose replies are relayed.
#[derive(Default)]
pub struct Registry {
    callbacks: Accounts<Box<dyn Provider>>,
    relays: Accounts<RelayAccount>,
    apis: Accounts<Arc<ApiAccount>>,
}

impl Registry {
    /// Adds an account; `false` where it is there already.
    pub fn add(&mut self, account: Account, provider: Box<dyn Provider>) -> bool {
        self.callbacks.add(account, provider)
    }

    /// Verifies a callback for the account of its path.
    pub fn verify(
        &self,
        provider: &str,
        account: &str,
        arrival: &Arrival<'_>,
        request: &Request<'_>,
    ) -> Result<(&Account, &dyn Provider, ProvenCallback), Rejection> {
        let (account, adapter, notice) = self
            .callbacks
            .verify(provider, account, |adapter| adapter.verify(request))?;
        adapter.admits(arrival, &notice.about)?;
        Ok((account, adapter.as_ref(), notice))
    }

    /// Whether any account's callbacks come to a path with a secret part.
    pub fn has_secret_paths(&self) -> bool {
        self.callbacks
            .0
            .iter()
            .any(|(_, adapter)| adapter.has_secret_path())
    }

    /// Makes an account accept only what names its audience in full.
    pub fn be_strict(&mut self, provider: &str, account: &str) {
        let accounts = self.callbacks.0.iter_mut();
        let named = |known: &Account| known.provider == provider && known.name == account;
        for (_, adapter) in accounts.filter(|(known, _)| named(known)) {
            adapter.be_strict();
        }
    }

    /// The account of this name, for judging again what it sent before.
    pub fn find(&self, provider: &str, account: &str) -> Option<&dyn Provider> {
        let (_, adapter) = self.callbacks.find(provider, account)?;
        Some(adapter.as_ref())
    }

    /// Which form these bytes have for the account; `None` where it is not configured.
    pub fn form(&self, account: &Account, body: &[u8]) -> Option<Form> {
        let (provider, name) = (&account.provider, &account.name);
        if let Some(provider) = self.find(provider, name) {
            return provider.form(body);
        }
        self.find_relay(provider, name).map(|_| relay::FORM)
    }

    /// Every account that posts callbacks.
    pub fn callbacks(&self) -> impl Iterator<Item = (&Account, &dyn Provider)> {
        let accounts = self.callbacks.0.iter();
        accounts.map(|(account, provider)| (account, provider.as_ref()))
    }

    /// Every account whose replies are relayed.
    pub fn relays(&self) -> impl Iterator<Item = (&Account, &RelayAccount)> {
        self.relays
            .0
            .iter()
            .map(|(account, relay)| (account, relay))
    }

    /// Adds an account whose replies are relayed; `false` where it is there already.
    pub fn add_relay(&mut self, account: Account, relay: RelayAccount) -> bool {
        self.relays.add(account, relay)
    }

    /// Adds what sends for an account.
    pub fn add_api(&mut self, account: Account, api: ApiAccount) {
        self.apis.add(account, Arc::new(api));
    }

    /// What sends for the account of this name.
    pub fn api(&self, provider: &str, account: &str) -> Option<&Arc<ApiAccount>> {
        let (_, api) = self.apis.find(provider, account)?;
        Some(api)
    }

    /// Every account, those that post callbacks first.
    pub fn accounts(&self) -> Vec<Account> {
        let mut all: Vec<Account> = Vec::new();
        let callbacks = self.callbacks.0.iter().map(|(account, _)| account);
        let relays = self.relays.0.iter().map(|(account, _)| account);
        let apis = self.apis.0.iter().map(|(account, _)| account);
        for account in callbacks.chain(relays).chain(apis) {
            if !all.contains(account) {
                all.push(account.clone());
            }
        }
        all
    }

    /// Every account that can send.
    pub fn apis(&self) -> impl Iterator<Item = (&Account, &Arc<ApiAccount>)> {
        self.apis.0.iter().map(|(account, api)| (account, api))
    }

    /// The relaying account of this name, for judging again what it sent before.
    pub fn find_relay(&self, provider: &str, account: &str) -> Option<&RelayAccount> {
        let (_, relay) = self.relays.find(provider, account)?;
        Some(relay)
    }

    /// Verifies a relayed reply for the account of its path.
    pub fn verify_relay(
        &self,
        provider: &str,
        account: &str,
        refund_no: &ExternalId,
        request: &Request<'_>,
    ) -> Result<(&Account, &RelayAccount, VerifiedClaim), Rejection> {
        self.relays
            .verify(provider, account, |relay| relay.verify(refund_no, request))
    }
}

/// Accounts, each with its adapter. There are few, so a list is searched.
struct Accounts<T>(Vec<(Account, T)>);

impl<T> Default for Accounts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Accounts<T> {
    fn add(&mut self, account: Account, behind: T) -> bool {
        let is_new = self.find(&account.provider, &account.name).is_none();
        if is_new {
            self.0.push((account, behind));
        }
        is_new
    }

    /// Verifies with the account of this name. Where there is none, the work is done all the same, with
    /// another account, and its outcome thrown away: the time of the answer must not tell which
    /// accounts there are.
    fn verify<V>(
        &self,
        provider: &str,
        account: &str,
        verify: impl FnOnce(&T) -> Result<V, Rejection>,
    ) -> Result<(&Account, &T, V), Rejection> {
        if let Some((account, behind)) = self.find(provider, account) {
            return Ok((account, behind, verify(behind)?));
        }
        let of_provider = self.0.iter().find(|(known, _)| known.provider == provider);
        if let Some((_, behind)) = of_provider.or(self.0.first()) {
            drop(verify(behind));
        }
        Err(Rejection::Unauthorized("no such account".to_owned()))
    }

    fn find(&self, provider: &str, account: &str) -> Option<(&Account, &T)> {
        self.0
            .iter()
            .find(|(known, _)| known.provider == provider && known.name == account)
            .map(|(account, behind)| (account, behind))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::providers::{Signed, Signer};

    /// Rejects everything, and counts how often it was asked.
    struct Counting(Arc<AtomicUsize>);

    impl Provider for Counting {
        fn verify(&self, _: &Request<'_>) -> Result<ProvenCallback, Rejection> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(Rejection::Malformed("asked".to_owned()))
        }

        fn form(&self, _: &[u8]) -> Option<Form> {
            None
        }

        fn signed(&self, _: &Request<'_>) -> Option<Signed> {
            None
        }

        fn signer(&self, _: &Signed) -> Option<Signer> {
            None
        }

        fn kept_headers(&self) -> &'static [&'static str] {
            &[]
        }

        fn keys(&self) -> Vec<Signer> {
            Vec::new()
        }

        fn has_key(&self, _: &str) -> bool {
            true
        }
    }

    #[test]
    fn an_unknown_account_costs_the_work_of_a_known_one() {
        let (one, other) = (Arc::default(), Arc::default());
        let mut registry = Registry::default();
        for (provider, asked) in [("one", &one), ("other", &other)] {
            let account = Account {
                provider: provider.to_owned(),
                name: "main".to_owned(),
            };
            assert!(registry.add(account, Box::new(Counting(Arc::clone(asked)))));
        }
        let request = Request {
            header: &|_| None,
            body: b"",
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let unknown = Rejection::Unauthorized("no such account".to_owned());
        let asked = Rejection::Malformed("asked".to_owned());
        for (provider, account, expected, counts) in [
            ("one", "main", &asked, [1, 0]),
            ("other", "main", &asked, [1, 1]),
            ("other", "unknown", &unknown, [1, 2]),
            ("unknown", "main", &unknown, [2, 2]),
        ] {
            let answer = registry
                .verify(provider, account, &Arrival::default(), &request)
                .map(drop);
            assert_eq!(
                answer.as_ref().unwrap_err(),
                expected,
                "{provider}/{account}"
            );
            let so_far = [&one, &other].map(|asked| asked.load(Ordering::Relaxed));
            assert_eq!(so_far, counts, "{provider}/{account}");
        }
        let empty = Registry::default()
            .verify("one", "main", &Arrival::default(), &request)
            .map(drop);
        assert_eq!(empty.unwrap_err(), unknown);
    }
}
