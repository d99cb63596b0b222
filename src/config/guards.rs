//! What guards an account beside its keys: the settings that tell accounts apart, and the warnings where
//! they are missing or weak.

use std::ops::RangeInclusive;

use super::TOKEN_CHARS_MIN;
use super::accounts::AccountChecker;
use super::shared::Holder;
use crate::crypto::{PUBLISHED_TEST_KEY, SuffixSecret, TokenDigest, VerifyingKey, sha256};
use crate::domain::external_id::ExternalId;
use crate::providers::paycools::Guards;

/// Characters of a secret in a path: short ones could be tried out.
const PATH_SECRET_CHARS: RangeInclusive<usize> = 16..=128;
/// Longest beginning of a refund number; the numbers themselves have up to 32 characters.
const PREFIX_CHARS_MAX: usize = 32;

/// Whether a part of a path could be the secret of an account, or begins with one.
pub fn could_be_path_secret(part: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    part.len() >= *PATH_SECRET_CHARS.start() && part.bytes().all(is_plain)
}

impl AccountChecker<'_> {
    /// What tells a `PayCools` account from others that are signed for with the same key.
    pub(super) fn guards(&mut self) -> Option<Guards> {
        let section = self.section;
        let path_secret = section
            .path_secret
            .as_ref()
            .map(|text| self.path_secret(text));
        let prefix = section.refund_no_prefix.clone();
        let flaw = prefix
            .as_ref()
            .map(|text| ExternalId::read(text, PREFIX_CHARS_MAX));
        if let Some(Err(flaw)) = flaw {
            let what = format!("{flaw}; it is how refund numbers begin, in 1 to 32 characters");
            self.note("refund_no_prefix", what);
            return None;
        }
        let networks = section.allow_from.as_deref().unwrap_or_default();
        let allow_from = self
            .checker
            .networks(&format!("{}.allow_from", self.key), networks);
        if section.allow_from.is_some() && networks.is_empty() {
            self.note("allow_from", "is empty; name networks, or leave it out");
        }
        // A guard that is set, but wrongly, must not turn into one that is missing.
        if networks.len() != allow_from.len() || path_secret.as_ref().is_some_and(Option::is_none) {
            return None;
        }
        let guards = Guards {
            allow_from,
            path_secret: path_secret.flatten(),
            refund_no_prefix: prefix,
        };
        if guards.is_empty() && section.public_keys.is_some() {
            self.checker.warnings.push(format!(
                "{}: PayCools may sign for all its merchants with one key, and its callbacks name no \
                 merchant, so another merchant's refund could be taken for one of yours; set path_secret, \
                 and refund_no_prefix or allow_from where you can (docs/providers/paycools.md)",
                self.key
            ));
        }
        Some(guards)
    }

    fn path_secret(&mut self, text: &str) -> Option<TokenDigest> {
        let secret = self
            .checker
            .secret(&format!("{}.path_secret", self.key), text)?;
        let secret = secret.expose();
        if secret.len() > *PATH_SECRET_CHARS.end() || !could_be_path_secret(secret) {
            let what = "must be 16 to 128 letters, digits, - and _, as it is part of a path: \
                        `openssl rand -hex 16` makes a good one";
            self.note("path_secret", what);
            return None;
        }
        let key = format!("{}.path_secret", self.key);
        let digest = TokenDigest::of(secret);
        self.checker.hold(key, digest.bytes(), Holder::Path);
        Some(digest)
    }

    /// The secret of the flat form.
    pub(super) fn suffix_secret(&mut self, text: &str) -> Option<SuffixSecret> {
        let key = format!("{}.secret", self.key);
        let secret = self.checker.secret(&key, text)?;
        if secret.expose().chars().count() < TOKEN_CHARS_MIN {
            self.checker.warnings.push(format!(
                "{key}: is shorter than {TOKEN_CHARS_MIN} characters; whoever has one callback can try \
                 such secrets out, as the flat form is signed with SHA-1: ask PayCools for a longer one, \
                 or leave it out and take the open-api form alone"
            ));
        }
        self.hold("secret", sha256(secret.expose().as_bytes()));
        Some(SuffixSecret::new(secret.expose()))
    }

    /// The private half of this key is published, so it proves nothing.
    pub(super) fn check_test_key(&mut self, name: &str, key: &VerifyingKey) {
        if key.fingerprint() != PUBLISHED_TEST_KEY {
            return;
        }
        if self.section.allow_test_key.is_some_and(|allowed| allowed.0) {
            self.checker.warnings.push(format!(
                "{}.{name}: is the published test key of `trigger`: anybody can sign with it",
                self.key
            ));
        } else {
            let what = "is the published test key of `trigger`, with which anybody can sign; give the \
                        provider's own key, or set allow_test_key = true for an account of a test";
            self.note(name, what);
        }
    }
}
