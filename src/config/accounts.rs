//! Accounts: each provider takes the members it knows and refuses the others.

use std::fmt;

use jiff::tz::Offset;

use super::file::{AccountSection, KeySection};
use super::shared;
use super::shared::Holder;
use super::{Checker, KeyEnd};
use crate::crypto::{KeyRing, RingKey, VerifyingKey, WebhookSecret, WebhookSecrets, sha256};
use crate::domain::money::Currency;
use crate::providers::Provider;
use crate::providers::nmanagement::Nmanagement;
use crate::providers::paycools::{Locale, Paycools};
use crate::providers::payermax::{Audience, Payermax};
use crate::providers::quickpay::Quickpay;
use crate::providers::relay::{RelayAccount, RelayedProvider};

/// Offset of a `PayCools` account that names none: Malaysia and the Philippines, where the times of
/// the published samples were found to be.
const UTC_OFFSET: &str = "+08:00";
/// Decimals of the smallest unit of a `PayCools` account that names none.
const MINOR_DIGITS: u8 = 2;
/// The same in Indonesia, where whole rupiah are counted.
const MINOR_DIGITS_IDR: u8 = 0;
/// Most decimals that amounts can have here.
const MINOR_DIGITS_MAX: u8 = 4;
/// Furthest that any clock on earth is from UTC.
const UTC_OFFSET_HOURS_MAX: i32 = 14;

/// How an account's notifications come.
pub(super) enum Adapter {
    /// The provider posts them itself.
    Callback(Box<dyn Provider>),
    /// The merchant's own system relays the provider's replies.
    Relay(RelayAccount),
}

/// Checks one account; problems go to the checker.
pub(super) struct AccountChecker<'a> {
    pub(super) checker: &'a mut Checker,
    index: usize,
    pub(super) key: &'a str,
    pub(super) section: &'a AccountSection,
}

impl<'a> AccountChecker<'a> {
    pub(super) fn new(
        checker: &'a mut Checker,
        index: usize,
        key: &'a str,
        section: &'a AccountSection,
    ) -> Self {
        Self {
            checker,
            index,
            key,
            section,
        }
    }

    /// The adapter of the account: the one place that knows every provider by name.
    pub(super) fn adapter(&mut self) -> Option<Adapter> {
        match self.section.provider.as_str() {
            "payermax" => self.payermax(),
            "paycools" => self.paycools(),
            "quickpay" => self.relay(Box::new(Quickpay)),
            "nmanagement" => self.relay(Box::new(Nmanagement)),
            #[cfg(test)]
            "stub" => self.stub(),
            other => {
                let known = "payermax, paycools, quickpay, nmanagement";
                self.note(
                    "provider",
                    format!("{other:?} is no provider; there are {known}"),
                );
                None
            }
        }
    }

    /// What `docs/adding-a-provider.md` asks for, with nothing but keys.
    #[cfg(test)]
    fn stub(&mut self) -> Option<Adapter> {
        self.refuse_all_but(&["public_keys", "allow_test_key"]);
        let stub = crate::providers::stub::Stub(self.public_keys()?);
        Some(Adapter::Callback(Box::new(stub)))
    }

    fn payermax(&mut self) -> Option<Adapter> {
        self.refuse_all_but(&["merchant_no", "app_id", "public_keys", "allow_test_key"]);
        let keys = self.public_keys();
        let merchant_no = self.required("merchant_no", self.section.merchant_no.as_ref());
        if self.section.app_id.as_deref() == Some("") {
            self.note("app_id", "is empty; give the app id or leave it out");
        }
        for (name, value) in [
            ("app_id", self.section.app_id.as_deref()),
            ("merchant_no", self.section.merchant_no.as_deref()),
        ] {
            if value.is_some_and(|text| text.trim() != text) {
                self.note(name, "begins or ends with white space; remove it");
            }
        }
        let audience = Audience {
            merchant_no: merchant_no?,
            app_id: self.section.app_id.clone(),
        };
        let told_apart = shared::Audience::Payermax {
            merchant_no: audience.merchant_no.clone(),
            app_id: audience.app_id.clone(),
        };
        self.checker.audiences.insert(self.index, told_apart);
        Some(Adapter::Callback(Box::new(Payermax::new(keys?, audience))))
    }

    fn paycools(&mut self) -> Option<Adapter> {
        let section = self.section;
        self.refuse_all_but(&[
            "public_keys",
            "secret",
            "currency",
            "utc_offset",
            "minor_digits",
            "allow_from",
            "path_secret",
            "refund_no_prefix",
            "allow_test_key",
        ]);
        if section.public_keys.is_none() && section.secret.is_none() {
            let what = "is missing, and secret as well; without either nothing can be verified";
            self.note("public_keys", what);
            return None;
        }
        let keys = section.public_keys.as_ref().map(|_| self.public_keys());
        let secret = section.secret.as_ref().map(|text| self.suffix_secret(text));
        let guards = self.guards();
        let currency = self.currency();
        let utc_offset = self.utc_offset();
        let minor_digits = self.minor_digits(currency);
        // A form that is configured, but wrongly, must not turn into one that is switched off.
        if keys.as_ref().is_some_and(Option::is_none)
            || secret.as_ref().is_some_and(Option::is_none)
        {
            return None;
        }
        let locale = Locale {
            currency: currency?,
            minor_digits: minor_digits?,
            utc_offset: utc_offset?,
        };
        let guards = guards?;
        let audience = shared::Audience::Paycools(guards.clone());
        self.checker.audiences.insert(self.index, audience);
        let paycools = Paycools::new(keys.flatten(), secret.flatten(), locale);
        Some(Adapter::Callback(Box::new(paycools.guarded(guards))))
    }

    fn relay(&mut self, provider: Box<dyn RelayedProvider>) -> Option<Adapter> {
        self.refuse_all_but(&["relay_secrets"]);
        let Some(texts) = &self.section.relay_secrets else {
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
        let secret = self.checker.secret(&format!("{}.{name}", self.key), text)?;
        let parsed = WebhookSecret::parse(secret.expose())
            .map_err(|error| self.note(name, error.to_string()))
            .ok()?;
        self.hold(name, sha256(secret.expose().as_bytes()));
        Some(parsed)
    }

    pub(super) fn hold(&mut self, name: &str, digest: [u8; 32]) {
        let key = format!("{}.{name}", self.key);
        self.checker.hold(key, digest, Holder::Account(self.index));
    }

    fn currency(&mut self) -> Option<Currency> {
        let Some(text) = &self.section.currency else {
            self.note(
                "currency",
                "is missing; the callbacks themselves name no currency",
            );
            return None;
        };
        let what = format!("{text:?} is no ISO 4217 code in upper case, such as MYR");
        text.parse().map_err(|_| self.note("currency", what)).ok()
    }

    fn utc_offset(&mut self) -> Option<Offset> {
        let section = self.section;
        let text = section.utc_offset.as_deref().unwrap_or_else(|| {
            self.note_default("utc_offset", UTC_OFFSET);
            UTC_OFFSET
        });
        let offset = parse_offset(text);
        if offset.is_none() {
            let what = format!("{text:?} is no offset from -14:00 to +14:00, such as +08:00");
            self.note("utc_offset", what);
        }
        offset
    }

    /// `PayCools` counts cents everywhere but in Indonesia.
    fn minor_digits(&mut self, currency: Option<Currency>) -> Option<u8> {
        match self.section.minor_digits {
            Some(digits) if digits.0 <= MINOR_DIGITS_MAX => Some(digits.0),
            Some(digits) => {
                self.note(
                    "minor_digits",
                    format!("{} is too many; 0 to 4 are possible", digits.0),
                );
                None
            }
            None => {
                let digits = if currency?.code() == "IDR" {
                    MINOR_DIGITS_IDR
                } else {
                    MINOR_DIGITS
                };
                self.note_default("minor_digits", digits);
                Some(digits)
            }
        }
    }

    pub(super) fn note(&mut self, name: &str, what: impl Into<String>) {
        self.checker.note(format!("{}.{name}", self.key), what);
    }

    fn note_default(&mut self, name: &str, value: impl fmt::Display) {
        self.checker
            .note_default(format!("{}.{name}", self.key), value);
    }

    /// Members that this provider would ignore are refused: they would look like guards.
    fn refuse_all_but(&mut self, known: &[&str]) {
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

    fn required(&mut self, name: &str, value: Option<&String>) -> Option<String> {
        match value {
            Some(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                self.note(
                    name,
                    "is missing; without it any merchant's callbacks would be taken",
                );
                None
            }
        }
    }

    fn public_keys(&mut self) -> Option<KeyRing> {
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
        let prefix = format!("{}.public_keys", self.key);
        let warnings = ring.warnings(self.checker.now);
        let warnings = warnings
            .into_iter()
            .map(|warning| format!("{prefix} {warning}"));
        self.checker.warnings.extend(warnings);
        Some(ring)
    }

    fn public_key(&mut self, name: &str, section: &KeySection) -> Option<RingKey> {
        let text = match (&section.file, &section.value) {
            (Some(file), None) => {
                let path = self.checker.folder.join(file);
                std::fs::read_to_string(&path)
                    .map_err(|error| {
                        let what = format!("cannot read {}: {error}", path.display());
                        self.note(&format!("{name}.file"), what);
                    })
                    .ok()?
            }
            (None, Some(value)) => value.clone(),
            (Some(_), Some(_)) | (None, None) => {
                self.note(name, "needs either a file or a value");
                return None;
            }
        };
        let key = VerifyingKey::parse(&text).map_err(|error| self.note(name, error.to_string()));
        if let Ok(key) = &key {
            self.hold(name, sha256(key.fingerprint().as_bytes()));
            self.check_test_key(name, key);
        }
        let not_before = self.time(&format!("{name}.not_before"), section.not_before.as_ref());
        let not_after = self.time(&format!("{name}.not_after"), section.not_after.as_ref());
        if let Some(Some(at)) = not_after {
            self.checker.key_ends.push(KeyEnd {
                provider: self.section.provider.clone(),
                account: self.section.account.clone(),
                key: section.id.clone(),
                at: at.into(),
            });
        }
        Some(RingKey {
            id: section.id.clone(),
            key: key.ok()?,
            not_before: not_before?,
            not_after: not_after?,
        })
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
}

/// Reads `+HH:MM` or `-HH:MM`.
fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |part: &str| -> Option<i32> {
        let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        if plain { part.parse().ok() } else { None }
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let total = hours * 60 + minutes;
    if minutes > 59 || total > UTC_OFFSET_HOURS_MAX * 60 {
        return None;
    }
    Offset::from_seconds(sign * total * 60).ok()
}

#[cfg(test)]
#[path = "accounts_test.rs"]
mod tests;
