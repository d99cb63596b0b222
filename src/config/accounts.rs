//! Accounts: each provider takes the members it knows and refuses the others.

use jiff::Timestamp;

use super::file::{AccountSection, KeySection};
use super::Checker;
use crate::crypto::{KeyRing, RingKey, VerifyingKey};
use crate::providers::Provider;
use crate::providers::payermax::{Audience, Payermax};

/// Checks one account; problems go to the checker.
pub(super) struct AccountChecker<'a> {
    checker: &'a mut Checker,
    key: &'a str,
    section: &'a AccountSection,
}

impl<'a> AccountChecker<'a> {
    pub(super) fn new(
        checker: &'a mut Checker,
        key: &'a str,
        section: &'a AccountSection,
    ) -> Self {
        Self {
            checker,
            key,
            section,
        }
    }

    /// The adapter of the account: the one place that knows every provider by name.
    pub(super) fn provider(&mut self) -> Option<Box<dyn Provider>> {
        match self.section.provider.as_str() {
            "payermax" => self.payermax(),
            other => {
                let what = format!("{other:?} is not a provider that posts callbacks; there is payermax");
                self.note("provider", what);
                None
            }
        }
    }

    fn payermax(&mut self) -> Option<Box<dyn Provider>> {
        self.refuse_all_but(&["merchant_no", "app_id", "public_keys"]);
        let keys = self.public_keys();
        let merchant_no = self.required("merchant_no", self.section.merchant_no.as_ref());
        let audience = Audience {
            merchant_no: merchant_no?,
            app_id: self.section.app_id.clone(),
        };
        Some(Box::new(Payermax::new(keys?, audience)))
    }

    fn note(&mut self, name: &str, what: impl Into<String>) {
        self.checker.note(format!("{}.{name}", self.key), what);
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
        ];
        for (name, is_given) in given {
            if is_given && !known.contains(&name) {
                let what = format!("means nothing for provider {:?}; remove it", section.provider);
                self.note(name, what);
            }
        }
    }

    fn required(&mut self, name: &str, value: Option<&String>) -> Option<String> {
        match value {
            Some(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                self.note(name, "is missing; without it any merchant's callbacks would be taken");
                None
            }
        }
    }

    fn public_keys(&mut self) -> Option<KeyRing> {
        let Some(sections) = &self.section.public_keys else {
            self.note("public_keys", "is missing; without a key nothing can be verified");
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
        let warnings = warnings.into_iter().map(|warning| format!("{prefix} {warning}"));
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
        let not_before = self.time(&format!("{name}.not_before"), section.not_before.as_ref());
        let not_after = self.time(&format!("{name}.not_after"), section.not_after.as_ref());
        Some(RingKey {
            id: section.id.clone(),
            key: key.ok()?,
            not_before: not_before?,
            not_after: not_after?,
        })
    }

    /// The outer `None` is a problem, the inner one an absent member.
    #[expect(clippy::option_option, reason = "absent and wrong are different things here")]
    fn time(&mut self, name: &str, text: Option<&String>) -> Option<Option<Timestamp>> {
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
