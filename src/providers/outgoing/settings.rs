//! The section `[accounts.api]`: what every account that can send has in common. Each provider's `settings.rs`
//! checks the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::url::check_url;
use super::{ApiAccount, Client, Identity};
use crate::crypto::{RequestKey, VerifyingKey};
use crate::domain::time::span::Span;
use crate::providers::accounts::settings::{AccountSection, Context, Text};

/// Longest list of a timetable.
const TIMETABLE_MAX: usize = 32;
/// Bounds of an offset.
const OFFSET_MAX: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// Longest URL of a callback, at every provider that is told one.
const CALLBACK_URL_CHARS_MAX: usize = 256;
/// Static headers of an account.
const HEADERS_MAX: usize = 8;

/// Members of every provider's `[accounts.api]`; each takes some and rejects the others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSection {
    pub generation: Option<String>,
    pub base_url: Option<String>,
    pub allow_http: Option<Text<bool>>,
    pub ca_file: Option<String>,
    pub private_key: Option<String>,
    pub public_key: Option<String>,
    pub callback_base_url: Option<String>,
    pub max_per_second: Option<Text<f64>>,
    pub timetable: Option<Vec<String>>,
    // PayerMax
    pub version: Option<String>,
    pub key_version: Option<String>,
    pub sp_merchant_no: Option<String>,
    pub merchant_auth_token: Option<String>,
    pub merchant_auth_token_header: Option<String>,
    pub comment_members: Option<String>,
    // PayCools
    pub app_id: Option<String>,
    pub timestamp_unit: Option<String>,
    pub request_secret_suffix: Option<Text<bool>>,
    // QuickPay
    pub store_no: Option<String>,
    pub operator: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    pub refund_query_path: Option<String>,
    pub client_certificate: Option<String>,
    pub client_key: Option<String>,
    // nManagement
    pub login: Option<LoginSection>,
    pub token: Option<String>,
    pub bank_client: Option<BankClientSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSection {
    pub name: String,
    pub password: String,
}

/// The bank's client program, asked by 5W1003.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankClientSection {
    pub url: String,
    pub cust_id: String,
    pub user_id: String,
    pub password: String,
}

/// Members that every provider takes.
const COMMON: [&str; 6] = [
    "base_url",
    "allow_http",
    "ca_file",
    "callback_base_url",
    "max_per_second",
    "timetable",
];

/// One `[accounts.api]` while it is checked.
pub struct ApiSettings<'a> {
    /// The account that it belongs to.
    pub account: &'a AccountSection,
    pub section: &'a ApiSection,
    /// Where problems go; names are those of the account's members (`api.base_url`).
    pub context: &'a mut dyn Context,
}

/// Builds what sends for an account; `None` with a problem noted.
pub type BuildClient = fn(&mut ApiSettings<'_>) -> Option<Box<dyn Client>>;

impl ApiSettings<'_> {
    /// Notes a problem of a member of this section.
    pub fn note(&mut self, name: &str, what: impl Into<String>) {
        self.context.note(&format!("api.{name}"), what.into());
    }

    /// Rejects members that this provider does not take: one without effect would look like a setting.
    pub fn take_only(&mut self, known: &[&str]) {
        let section = self.section;
        let given = [
            ("generation", section.generation.is_some()),
            ("private_key", section.private_key.is_some()),
            ("public_key", section.public_key.is_some()),
            ("version", section.version.is_some()),
            ("key_version", section.key_version.is_some()),
            ("sp_merchant_no", section.sp_merchant_no.is_some()),
            ("merchant_auth_token", section.merchant_auth_token.is_some()),
            (
                "merchant_auth_token_header",
                section.merchant_auth_token_header.is_some(),
            ),
            ("comment_members", section.comment_members.is_some()),
            ("app_id", section.app_id.is_some()),
            ("timestamp_unit", section.timestamp_unit.is_some()),
            (
                "request_secret_suffix",
                section.request_secret_suffix.is_some(),
            ),
            ("store_no", section.store_no.is_some()),
            ("operator", section.operator.is_some()),
            ("headers", section.headers.is_some()),
            ("refund_query_path", section.refund_query_path.is_some()),
            ("client_certificate", section.client_certificate.is_some()),
            ("client_key", section.client_key.is_some()),
            ("login", section.login.is_some()),
            ("token", section.token.is_some()),
            ("bank_client", section.bank_client.is_some()),
        ];
        for (name, is_given) in given {
            if is_given && !known.contains(&name) && !COMMON.contains(&name) {
                let what = format!(
                    "means nothing for provider {:?}; remove it",
                    self.account.provider
                );
                self.note(name, what);
            }
        }
    }

    /// A member that has to be there.
    pub fn required(&mut self, name: &str, value: Option<&String>) -> Option<String> {
        let value = value.filter(|text| !text.is_empty()).cloned();
        if value.is_none() {
            self.note(name, "is missing");
        }
        value
    }

    /// One of these words, the first where none is given.
    pub fn word(
        &mut self,
        name: &str,
        value: Option<&String>,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let Some(text) = value else {
            let default = words.first()?;
            let name = format!("api.{name}");
            self.context.note_default(&name, (*default).to_owned());
            return Some(default);
        };
        let found = words.iter().find(|word| *word == text).copied();
        if found.is_none() {
            let what = format!("{text:?} must be one of {}", words.join(", "));
            self.note(name, what);
        }
        found
    }

    /// A secret, from a variable or a file of its own or as written.
    pub fn secret(&mut self, name: &str, text: &str) -> Option<SecretString> {
        self.context.secret(&format!("api.{name}"), text)
    }

    /// The private key that signs requests. Where `public_key` names the one that the provider has, they must
    /// belong together.
    pub fn private_key(&mut self) -> Option<RequestKey> {
        let text = self.required("private_key", self.section.private_key.as_ref())?;
        let secret = self.context.secret_pem("api.private_key", &text)?;
        let key = RequestKey::parse(secret.expose_secret());
        let key = key.map_err(|error| self.note("private_key", error.to_string()));
        let key = key.ok()?;
        if let Some(text) = &self.section.public_key {
            let public = VerifyingKey::parse(text);
            let public = public.map_err(|error| self.note("public_key", error.to_string()));
            if public.ok()?.fingerprint() != key.public_fingerprint() {
                let what = "does not belong to public_key; the provider would refuse every request";
                self.note("private_key", what);
                return None;
            }
        }
        Some(key)
    }

    /// Where the provider is told to post callbacks of this account.
    pub fn callback_url(&mut self) -> Option<String> {
        let base = self.required("callback_base_url", self.section.callback_base_url.as_ref())?;
        let base = self.checked_url("callback_base_url", &base)?;
        let (provider, account) = (&self.account.provider, &self.account.account);
        let mut url = format!("{base}/callbacks/{provider}/{account}");
        if let Some(text) = &self.account.path_secret {
            let secret = self.context.secret("path_secret", text)?;
            url = format!("{url}/{}", secret.expose_secret());
        }
        if url.len() > CALLBACK_URL_CHARS_MAX {
            let what =
                format!("makes a callback URL of more than {CALLBACK_URL_CHARS_MAX} characters");
            self.note("callback_base_url", what);
            return None;
        }
        Some(url)
    }

    /// Where the provider is, without a `/` at its end.
    pub fn base_url(&mut self) -> Option<String> {
        let text = self.required("base_url", self.section.base_url.as_ref())?;
        self.checked_url("base_url", &text)
    }

    /// A URL without a `/` at its end. Plain HTTP is for loopback, or where `allow_http` says so.
    pub fn checked_url(&mut self, name: &str, text: &str) -> Option<String> {
        let allows_http = self.section.allow_http.is_some_and(|allowed| allowed.0);
        match check_url(text, allows_http) {
            Ok(()) => Some(text.trim_end_matches('/').to_owned()),
            Err(what) => {
                self.note(name, what);
                None
            }
        }
    }

    /// The static headers of an account.
    pub fn headers(&mut self) -> Option<Vec<(String, SecretString)>> {
        let Some(headers) = &self.section.headers else {
            return Some(Vec::new());
        };
        if headers.len() > HEADERS_MAX {
            self.note("headers", format!("has more than {HEADERS_MAX} entries"));
            return None;
        }
        let mut read = Vec::new();
        for (name, text) in headers {
            let member = format!("headers.{name}");
            let name = self.header_name(&member, name)?;
            read.push((name, self.secret(&member, text)?));
        }
        Some(read)
    }

    /// The name of a header, in lower case; `member` is the one that holds it.
    pub fn header_name(&mut self, member: &str, name: &str) -> Option<String> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            self.note(member, "is no name of a header");
            return None;
        }
        Some(name.to_ascii_lowercase())
    }

    /// Reads what all providers have in common, and puts the client into it.
    pub fn finish(&mut self, client: Option<Box<dyn Client>>) -> Option<ApiAccount> {
        // Without a client its problems are noted already, that of the address among them.
        let base_url = client.as_ref().and_then(|_| self.base_url());
        let timetable = self.timetable();
        let ca_pem = match &self.section.ca_file {
            Some(file) => Some(self.context.read("api.ca_file", file)?),
            None => None,
        };
        let identity = self.identity();
        let max_per_second = self.section.max_per_second.map(|rate| rate.0);
        if max_per_second.is_some_and(|rate| !(rate > 0.0 && rate <= 10_000.0)) {
            self.note("max_per_second", "must be above 0 and at most 10000");
            return None;
        }
        Some(ApiAccount {
            client: client?,
            base_url: base_url?,
            ca_pem,
            identity: identity?,
            max_per_second,
            timetable: timetable?,
            is_sandbox: self.account.sandbox.is_some_and(|flag| flag.0),
        })
    }

    /// What the account proves itself by where a server asks for a certificate.
    #[expect(
        clippy::option_option,
        reason = "absent and wrong are different things here"
    )]
    fn identity(&mut self) -> Option<Option<Identity>> {
        let section = self.section;
        match (&section.client_certificate, &section.client_key) {
            (None, None) => Some(None),
            (Some(_), None) => {
                self.note("client_key", "is missing, and client_certificate needs it");
                None
            }
            (None, Some(_)) => {
                let what = "is missing, and client_key means nothing without it";
                self.note("client_certificate", what);
                None
            }
            (Some(certificate), Some(key)) => Some(Some(Identity {
                certificate: self.pem("client_certificate", certificate)?,
                key: self.context.secret_pem("api.client_key", key)?,
            })),
        }
    }

    /// A public text of several lines: `file:PATH`, or as `secret_pem` reads it.
    fn pem(&mut self, name: &str, text: &str) -> Option<String> {
        let name = format!("api.{name}");
        if let Some(file) = text.strip_prefix("file:") {
            return self.context.read(&name, file);
        }
        let pem = self.context.secret_pem(&name, text)?;
        Some(pem.expose_secret().to_owned())
    }

    #[expect(
        clippy::option_option,
        reason = "absent and wrong are different things here"
    )]
    fn timetable(&mut self) -> Option<Option<Vec<Duration>>> {
        let Some(texts) = &self.section.timetable else {
            return Some(None);
        };
        if texts.is_empty() || texts.len() > TIMETABLE_MAX {
            self.note("timetable", format!("needs 1 to {TIMETABLE_MAX} entries"));
            return None;
        }
        let offsets: Option<Vec<_>> = texts.iter().map(|text| offset(text)).collect();
        let rising = offsets.filter(|offsets| offsets.is_sorted());
        if rising.is_none() {
            let what = "must be rising offsets such as [\"20s\", \"1m\", \"5m\", \"1h\", \"2d\"]";
            self.note("timetable", what);
        }
        rising.map(Some)
    }
}

/// A span that no timetable is longer than.
fn offset(text: &str) -> Option<Duration> {
    let Span(offset) = text.parse().ok()?;
    (offset <= OFFSET_MAX).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_a_unit() {
        for (text, seconds) in [("20s", 20), ("5m", 300), ("3h", 10_800), ("2d", 172_800)] {
            assert_eq!(offset(text), Some(Duration::from_secs(seconds)));
        }
        for text in [
            "",
            "20",
            "s",
            "-1s",
            "1w",
            "181d",
            "1.5s",
            "99999999999999999999s",
        ] {
            assert_eq!(offset(text), None, "{text}");
        }
    }
}
