//! What each provider's `settings.rs` works with: the members of its section, readers of keys and secrets
//! that several providers share, and the [`Context`] through which problems reach the operator.
//!
//! A provider says which members its accounts take and builds the account from them. The config reads files
//! and secrets for it and collects what is wrong, so that all problems are reported at once.

use std::any::Any;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use super::network::Network;
use crate::crypto::{
    KeyRing, PUBLISHED_TEST_KEY, RingKey, VerifyingKey, WebhookSecret, WebhookSecrets, sha256,
};
use crate::providers::Adapter;
use crate::providers::outgoing::settings::ApiSection;
use crate::providers::relay::{RelayAccount, RelayedProvider};

/// A token or secret of fewer characters is warned of: it may be a word that can be guessed.
pub(in crate::providers) const TOKEN_CHARS_MIN: usize = 16;

/// Members of every kind of account; each provider takes some and rejects the others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSection {
    pub provider: String,
    pub account: String,
    pub merchant_no: Option<String>,
    pub app_id: Option<String>,
    pub public_keys: Option<Vec<KeySection>>,
    pub secret: Option<String>,
    pub currency: Option<String>,
    pub utc_offset: Option<String>,
    pub minor_digits: Option<Text<u8>>,
    pub relay_secrets: Option<Vec<String>>,
    pub allow_from: Option<Vec<String>>,
    pub path_secret: Option<String>,
    pub refund_no_prefix: Option<String>,
    pub allow_test_key: Option<Text<bool>>,
    /// What it sends refunds by; absent: it only receives.
    pub api: Option<ApiSection>,
    /// Whether it speaks to a sandbox alone.
    pub sandbox: Option<Text<bool>>,
}

/// One key of an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySection {
    pub id: String,
    pub file: Option<String>,
    pub value: Option<String>,
    pub not_before: Option<String>,
    pub not_after: Option<String>,
}

/// A number or flag that may also be given as text, as an environment variable gives it.
#[derive(Clone, Copy, Debug)]
pub struct Text<T>(pub T);

impl<'de, T> Deserialize<'de> for Text<T>
where
    T: Deserialize<'de> + std::str::FromStr,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<T> {
            Typed(T),
            Text(String),
        }
        let wrong = || serde::de::Error::custom("is not a valid value, or out of range");
        match Either::deserialize(deserializer).map_err(|_: D::Error| wrong())? {
            Either::Typed(value) => Ok(Self(value)),
            Either::Text(text) => text.parse().map(Self).map_err(|_| wrong()),
        }
    }
}

/// What the config does for one section while it is checked. Names are those of the section's members.
pub trait Context {
    /// The full key of a member: `accounts[0].secret`.
    fn key(&self, name: &str) -> String;
    /// The time of the check, for the validity of keys.
    fn now(&self) -> jiff::Timestamp;
    /// Notes a problem; the text follows the key.
    fn note(&mut self, name: &str, what: String);
    /// Notes a default that takes effect.
    fn note_default(&mut self, name: &str, value: String);
    /// Notes what an operator should know, though it is no problem.
    fn warn(&mut self, warning: String);
    /// Resolves a secret; `None` with a problem noted.
    fn secret(&mut self, name: &str, text: &str) -> Option<SecretString>;
    /// The same for one of several lines: a private key or a certificate in PEM.
    fn secret_pem(&mut self, name: &str, text: &str) -> Option<SecretString>;
    /// Reads a file, relative to the config's folder; `None` with a problem noted.
    fn read(&mut self, name: &str, file: &str) -> Option<String>;
    /// Notes a key or secret that proves requests, by a digest of its own bytes.
    fn hold(&mut self, name: &str, digest: [u8; 32]);
    /// The same for one that is a part of a path.
    fn hold_path(&mut self, name: &str, digest: [u8; 32]);
    /// Notes when a key ends.
    fn key_end(&mut self, key_id: &str, at: jiff::Timestamp);
    /// Notes what tells the account from another one with the same key.
    fn told_apart_by(&mut self, audience: Box<dyn Audience>);
}

/// What tells an account from another one of the same provider that has the same key.
pub trait Audience: Any {
    /// Compares two accounts; `None`: the other one is of another provider.
    fn compare(&self, other: &dyn Any) -> Option<Apart>;
}

/// Whether two accounts with one key are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Neither accepts what is meant for the other.
    Always,
    /// Only where each accepts nothing but what names its audience in full.
    WhereStrict,
    /// Each would accept what is meant for the other; what to do about it.
    Never(&'static str),
}

/// One account's section while it is checked.
pub struct AccountSettings<'a> {
    /// Its members.
    pub section: &'a AccountSection,
    /// Where problems go.
    pub context: &'a mut dyn Context,
}

impl AccountSettings<'_> {
    /// Notes a problem of a member.
    pub fn note(&mut self, name: &str, what: impl Into<String>) {
        self.context.note(name, what.into());
    }

    /// Rejects other members: one that has no effect would look like a guard.
    pub fn take_only(&mut self, known: &[&str]) {
        let section = self.section;
        let given = [
            ("merchant_no", section.merchant_no.is_some()),
            ("app_id", section.app_id.is_some()),
            ("public_keys", section.public_keys.is_some()),
            ("secret", section.secret.is_some()),
            ("currency", section.currency.is_some()),
            ("utc_offset", section.utc_offset.is_some()),
            ("minor_digits", section.minor_digits.is_some()),
            ("relay_secrets", section.relay_secrets.is_some()),
            ("allow_from", section.allow_from.is_some()),
            ("path_secret", section.path_secret.is_some()),
            ("refund_no_prefix", section.refund_no_prefix.is_some()),
            ("allow_test_key", section.allow_test_key.is_some()),
        ];
        for (name, is_given) in given {
            if is_given && !known.contains(&name) {
                let what = format!(
                    "means nothing for provider {:?}; remove it",
                    section.provider
                );
                self.note(name, what);
            }
        }
    }

    /// The public keys of `public_keys`; `None` with a problem noted.
    pub fn public_keys(&mut self) -> Option<KeyRing> {
        let Some(sections) = &self.section.public_keys else {
            self.note(
                "public_keys",
                "is missing; without a key nothing can be verified",
            );
            return None;
        };
        let keys: Vec<_> = sections
            .iter()
            .enumerate()
            .map(|(index, section)| self.public_key(&format!("public_keys[{index}]"), section))
            .collect();
        let keys: Option<Vec<RingKey>> = keys.into_iter().collect();
        let ring = KeyRing::new(keys?).map_err(|error| self.note("public_keys", error.to_string()));
        let ring = ring.ok()?;
        let prefix = self.context.key("public_keys");
        for warning in ring.warnings(self.context.now()) {
            self.context.warn(format!("{prefix} {warning}"));
        }
        Some(ring)
    }

    fn public_key(&mut self, name: &str, section: &KeySection) -> Option<RingKey> {
        let text = match (&section.file, &section.value) {
            (Some(file), None) => self.context.read(&format!("{name}.file"), file)?,
            (None, Some(value)) => value.clone(),
            (Some(_), Some(_)) | (None, None) => {
                self.note(name, "needs either a file or a value");
                return None;
            }
        };
        let key = VerifyingKey::parse(&text).map_err(|error| self.note(name, error.to_string()));
        if let Ok(key) = &key {
            let digest = sha256(key.fingerprint().as_bytes());
            self.context.hold(name, digest);
            self.check_test_key(name, key);
        }
        let not_before = self.time(&format!("{name}.not_before"), section.not_before.as_ref());
        let not_after = self.time(&format!("{name}.not_after"), section.not_after.as_ref());
        if let Some(Some(at)) = not_after {
            self.context.key_end(&section.id, at);
        }
        Some(RingKey {
            id: section.id.clone(),
            key: key.ok()?,
            not_before: not_before?,
            not_after: not_after?,
        })
    }

    /// The private half of this key is published, so it proves nothing.
    fn check_test_key(&mut self, name: &str, key: &VerifyingKey) {
        if key.fingerprint() != PUBLISHED_TEST_KEY {
            return;
        }
        if self.section.allow_test_key.is_some_and(|allowed| allowed.0) {
            let key = self.context.key(name);
            self.context.warn(format!(
                "{key}: is the published test key of `trigger`: everyone can sign with it"
            ));
        } else {
            let what = "is the published test key of `trigger`, with which everyone can sign; give the \
                        provider's own key, or set allow_test_key = true for an account of a test";
            self.note(name, what);
        }
    }

    /// The outer `None` is a problem, the inner one an absent member.
    #[expect(
        clippy::option_option,
        reason = "absent and wrong are different things here"
    )]
    fn time(&mut self, name: &str, text: Option<&String>) -> Option<Option<jiff::Timestamp>> {
        let Some(text) = text else {
            return Some(None);
        };
        let parsed = text.parse();
        if parsed.is_err() {
            let what = format!("{text:?} is not RFC 3339, such as 2026-01-31T00:00:00Z");
            self.note(name, what);
        }
        parsed.ok().map(Some)
    }

    /// The whole account of a provider whose replies are relayed.
    pub fn relayed(&mut self, provider: Box<dyn RelayedProvider>) -> Option<Adapter> {
        self.take_only(&["relay_secrets"]);
        let Some(texts) = &self.section.relay_secrets else {
            // One that asks the provider itself needs no relay.
            if self.section.api.is_some() {
                return None;
            }
            self.note(
                "relay_secrets",
                "is missing; without a secret nothing can be verified",
            );
            return None;
        };
        let secrets: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| self.relay_secret(&format!("relay_secrets[{index}]"), text))
            .collect();
        let secrets: Option<Vec<WebhookSecret>> = secrets.into_iter().collect();
        let secrets = WebhookSecrets::new(secrets?)
            .map_err(|error| self.note("relay_secrets", error.to_string()))
            .ok()?;
        Some(Adapter::Relay(RelayAccount::new(secrets, provider)))
    }

    fn relay_secret(&mut self, name: &str, text: &str) -> Option<WebhookSecret> {
        let secret = self.context.secret(name, text)?;
        let secret = secret.expose_secret();
        let parsed = WebhookSecret::parse(secret)
            .map_err(|error| self.note(name, error.to_string()))
            .ok()?;
        self.context.hold(name, sha256(secret.as_bytes()));
        Some(parsed)
    }
}

/// Reads members of an account for what sends for it. What is wrong with them, and what they mean for callbacks,
/// is noted where the account itself is read.
pub(in crate::providers) fn read_again<T>(
    section: &AccountSection,
    context: &mut dyn Context,
    read: impl FnOnce(&mut AccountSettings<'_>) -> T,
) -> T {
    let mut context = Silent(context);
    read(&mut AccountSettings {
        section,
        context: &mut context,
    })
}

/// Passes on what is looked up, and nothing that is noted.
struct Silent<'a>(&'a mut dyn Context);

impl Context for Silent<'_> {
    fn key(&self, name: &str) -> String {
        self.0.key(name)
    }

    fn now(&self) -> jiff::Timestamp {
        self.0.now()
    }

    fn note(&mut self, _: &str, _: String) {}

    fn note_default(&mut self, _: &str, _: String) {}

    fn warn(&mut self, _: String) {}

    fn secret(&mut self, name: &str, text: &str) -> Option<SecretString> {
        self.0.secret(name, text)
    }

    fn secret_pem(&mut self, name: &str, text: &str) -> Option<SecretString> {
        self.0.secret_pem(name, text)
    }

    fn read(&mut self, name: &str, file: &str) -> Option<String> {
        self.0.read(name, file)
    }

    fn hold(&mut self, _: &str, _: [u8; 32]) {}

    fn hold_path(&mut self, _: &str, _: [u8; 32]) {}

    fn key_end(&mut self, _: &str, _: jiff::Timestamp) {}

    fn told_apart_by(&mut self, _: Box<dyn Audience>) {}
}

/// The networks of a list; those that cannot be read are noted and left out.
pub(in crate::providers) fn networks(
    context: &mut dyn Context,
    name: &str,
    texts: &[String],
) -> Vec<Network> {
    let mut networks = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match Network::parse(text) {
            Some(network) => networks.push(network),
            None => context.note(
                &format!("{name}[{index}]"),
                format!("{text:?} is not ADDRESS/PREFIX, such as 10.20.0.0/16"),
            ),
        }
    }
    networks
}
