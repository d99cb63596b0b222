//! Plays every system, for `trigger`, `demo`, `selftest`, `sandbox` and the tests: really signed callbacks. What
//! a system's callbacks look like is in `providers/NAME/sandbox.rs`; its request side is in `providers`, and
//! [`server`] serves it.

mod providers;
pub mod server;

use encoding_rs::GBK;

use crate::crypto::{SigningKey, SuffixSecret, WebhookSecret};
use crate::providers::SYSTEMS;
use crate::providers::relay::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

pub use crate::providers::sandbox::{Example, Form, Sample, Sandbox, SignedRequest, Write};

/// What a form is signed with.
pub enum Key {
    /// The provider's private key.
    Private(Box<SigningKey>),
    /// The secret of a digest.
    Shared(SuffixSecret),
    /// The secret of a relay.
    Relay(Box<WebhookSecret>),
    /// The caller's bearer token.
    Token(String),
}

/// One form of one system, with what signs it.
pub struct Player {
    /// The system's word in paths and store.
    pub system: &'static str,
    /// How it is played.
    pub sandbox: &'static Sandbox,
    /// The form of its callbacks.
    pub form: &'static Form,
    /// What signs them.
    pub key: Key,
}

/// Every form of every system that can be played, in the order of the list of systems.
pub fn forms() -> impl Iterator<Item = (&'static str, &'static Sandbox, &'static Form)> {
    SYSTEMS
        .iter()
        .filter_map(|system| Some((system.name, system.sandbox?)))
        .flat_map(|(name, sandbox)| sandbox.forms.iter().map(move |form| (name, sandbox, form)))
}

impl Player {
    /// Plays the form of this name; `None` where there is none.
    pub fn find(form: &str, key: Key) -> Option<Self> {
        let found = forms().find(|(_, _, known)| known.name == form)?;
        let (system, sandbox, form) = found;
        Some(Self {
            system,
            sandbox,
            form,
            key,
        })
    }

    /// Writes and signs a callback; the error says what this form cannot say.
    pub fn sign(&self, sample: &Sample<'_>) -> anyhow::Result<SignedRequest> {
        self.check_outcome(sample)?;
        self.written(sample).map_err(anyhow::Error::msg)
    }

    /// The same with a member of Chinese text, written in GBK: the signature is over these bytes where it is over
    /// the body, and they are no UTF-8.
    pub fn sign_in_gbk(&self, sample: &Sample<'_>) -> anyhow::Result<SignedRequest> {
        let mut request = self.sign(sample)?;
        let text = String::from_utf8_lossy(&request.body);
        let text = text.replacen('{', "{\"remark\":\"退款成功\",", 1);
        request.body = GBK.encode(&text).0.into_owned();
        if let (Write::Header { header, .. }, Key::Private(key)) = (&self.form.write, &self.key) {
            let signature = key.sign_sha256_base64(&request.body);
            request.headers.retain(|(name, _)| name != header);
            request = request.with(header, signature);
        }
        Ok(request)
    }

    fn written(&self, sample: &Sample<'_>) -> Result<SignedRequest, String> {
        let json = SignedRequest::json;
        match (&self.form.write, &self.key) {
            (Write::Header { header, body }, Key::Private(key)) => {
                let body = body(sample)?;
                let signature = key.sign_sha256_base64(body.as_bytes());
                Ok(json(body).with(header, signature))
            }
            (Write::Inside { body, .. }, Key::Private(key)) => body(sample, key).map(json),
            (Write::Digest { body, .. }, Key::Shared(secret)) => body(sample, secret).map(json),
            (Write::Relayed(body), Key::Relay(secret)) => {
                let body = body(sample)?;
                let (id, seconds) = (sample.message_id, sample.seconds);
                let signature = secret.sign(id, seconds, body.as_bytes());
                Ok(json(body)
                    .with(ID_HEADER, id.to_owned())
                    .with(TIMESTAMP_HEADER, seconds.to_string())
                    .with(SIGNATURE_HEADER, signature))
            }
            (Write::Report(request), Key::Token(token)) => request(sample, token),
            _ => Err(format!("{} is signed with another key", self.form.name)),
        }
    }

    fn check_outcome(&self, sample: &Sample<'_>) -> anyhow::Result<()> {
        let has = self.form.has;
        let Some(status) = sample.status.filter(|status| !has.contains(status)) else {
            return Ok(());
        };
        let has: Vec<_> = has.iter().map(|status| status.as_str()).collect();
        anyhow::bail!(
            "{} has no word for a refund that is {}; it can tell {} and unknown",
            self.sandbox.vendor,
            status.as_str(),
            has.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_forms_have_one_name_and_each_has_an_example() {
        let names: Vec<_> = forms().map(|(_, _, form)| form.name).collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        for (system, _, form) in forms() {
            assert!(form.name.starts_with(system), "{}", form.name);
            assert!(!form.example.system.is_empty(), "{}", form.name);
        }
    }
}
