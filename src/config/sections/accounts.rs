//! Accounts: each section is checked by its provider (`providers/NAME/settings.rs`); this file reads files
//! and secrets for it.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Checker;
use crate::config::KeyEnd;
use crate::config::shared::Holder;
use crate::providers::accounts::settings::{AccountSection, AccountSettings, Audience, Context};
use crate::providers::outgoing::ApiAccount;
use crate::providers::outgoing::settings::ApiSettings;
use crate::providers::{Adapter, SYSTEMS, find};
use crate::push::{CaCertificates, ClientIdentity};

/// One section while it is checked; problems go to the checker.
pub(in crate::config) struct SectionChecker<'a> {
    pub(in crate::config) checker: &'a mut Checker,
    /// Where the section is: `accounts[0]`, `epay`.
    pub(in crate::config) key: &'a str,
    /// What its keys and secrets open.
    pub(in crate::config) holder: Holder,
    /// The section, if it is an account's.
    pub(in crate::config) account: Option<&'a AccountSection>,
}

impl Checker {
    /// The adapter of an account; `None` with a problem noted.
    pub(in crate::config) fn adapter(
        &mut self,
        index: usize,
        key: &str,
        section: &AccountSection,
    ) -> Option<Adapter> {
        let build = find(&section.provider).and_then(|system| system.account);
        let Some(build) = build else {
            let known = SYSTEMS.iter().filter(|system| system.account.is_some());
            let known: Vec<_> = known.map(|system| system.name).collect();
            let (other, known) = (&section.provider, known.join(", "));
            let what = format!("{other:?} is no provider; there are {known}");
            self.note(format!("{key}.provider"), what);
            return None;
        };
        let mut context = SectionChecker {
            checker: self,
            key,
            holder: Holder::Account(index),
            account: Some(section),
        };
        build(&mut AccountSettings {
            section,
            context: &mut context,
        })
    }
}

impl Checker {
    /// What sends for an account, where it has an `[accounts.api]` section; `None` also with a problem noted.
    pub(in crate::config) fn api(
        &mut self,
        index: usize,
        key: &str,
        account: &AccountSection,
    ) -> Option<ApiAccount> {
        let section = account.api.as_ref()?;
        let build = find(&account.provider)?.client;
        let mut context = SectionChecker {
            checker: self,
            key,
            holder: Holder::Account(index),
            account: Some(account),
        };
        let mut settings = ApiSettings {
            account,
            section,
            context: &mut context,
        };
        let Some(build) = build else {
            let what = format!(
                "nothing can be sent to provider {:?}; remove it",
                account.provider
            );
            context.note("api", what);
            return None;
        };
        let client = build(&mut settings);
        let api = settings.finish(client)?;
        let roots = api.ca_pem.as_deref().map(CaCertificates::parse);
        if let Some(Err(error)) = roots {
            context.note("api.ca_file", error.to_string());
            return None;
        }
        if let Some(pem) = &api.identity
            && let Err(error) = ClientIdentity::parse(&pem.certificate, pem.key.expose_secret())
        {
            let name = if error.is_about_key() {
                "api.client_key"
            } else {
                "api.client_certificate"
            };
            context.note(name, error.to_string());
            return None;
        }
        Some(api)
    }
}

impl Context for SectionChecker<'_> {
    fn key(&self, name: &str) -> String {
        match name {
            "" => self.key.to_owned(),
            name => format!("{}.{name}", self.key),
        }
    }

    fn now(&self) -> jiff::Timestamp {
        self.checker.now
    }

    fn note(&mut self, name: &str, what: String) {
        self.checker.note(self.key(name), what);
    }

    fn note_default(&mut self, name: &str, value: String) {
        self.checker.note_default(self.key(name), value);
    }

    fn warn(&mut self, warning: String) {
        self.checker.warnings.push(warning);
    }

    fn secret(&mut self, name: &str, text: &str) -> Option<SecretString> {
        let secret = self.checker.secret(&self.key(name), text)?;
        Some(secret.into_inner())
    }

    fn secret_pem(&mut self, name: &str, text: &str) -> Option<SecretString> {
        let secret = self.checker.secret_pem(&self.key(name), text)?;
        Some(secret.into_inner())
    }

    fn read(&mut self, name: &str, file: &str) -> Option<String> {
        let path = self.checker.folder.join(file);
        std::fs::read_to_string(&path)
            .map_err(|error| {
                let what = format!("cannot read {}: {error}", path.display());
                self.note(name, what);
            })
            .ok()
    }

    fn hold(&mut self, name: &str, digest: [u8; 32]) {
        self.checker.hold(self.key(name), digest, self.holder);
    }

    fn hold_path(&mut self, name: &str, digest: [u8; 32]) {
        self.checker.hold(self.key(name), digest, Holder::Path);
    }

    fn key_end(&mut self, key_id: &str, at: jiff::Timestamp) {
        self.checker
            .key_ends
            .extend(self.account.map(|account| KeyEnd {
                provider: account.provider.clone(),
                account: account.account.clone(),
                key: key_id.to_owned(),
                at: at.into(),
            }));
    }

    fn told_apart_by(&mut self, audience: Box<dyn Audience>) {
        if let Holder::Account(index) = self.holder {
            self.checker.audiences.insert(index, audience);
        }
    }
}

#[cfg(test)]
#[path = "accounts_test.rs"]
mod tests;

#[cfg(test)]
#[path = "accounts_send_test.rs"]
mod send_tests;
