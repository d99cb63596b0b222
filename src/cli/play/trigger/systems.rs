//! What `trigger` plays: the form, what it says, and where the key comes from.

use anyhow::Context as _;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::Trigger;
use crate::cli::secret_file;
use crate::crypto::{SigningKey, SuffixSecret, WebhookSecret};
use crate::domain::claim::Status;
use crate::domain::ids::external_id::{CHARS_MAX_UNDOCUMENTED, ExternalId};
use crate::domain::time::{Clock as _, SystemClock};
use crate::providers::epay::MediaType;
use crate::sandbox;
use crate::sandbox::{Form, Key, Player, Sample, SignedRequest, Write};

/// Signs with this where no key is given; it is published, so `serve` must never trust it.
const TEST_KEY: &str = include_str!("../test_key.pem");
/// What comes before account and refund number in a relay's URL.
const RELAYS: &str = "/relays/";

/// Reads the word of a form; `--help` lists them.
pub fn form_parser() -> impl TypedValueParser<Value = &'static Form> {
    let words = sandbox::forms()
        .map(|(_, _, form)| PossibleValue::new(form.name).help(form.help))
        .collect::<Vec<_>>();
    PossibleValuesParser::new(words).try_map(|word| {
        let mut forms = sandbox::forms();
        let found = forms.find(|(_, _, form)| form.name == word);
        found.map(|(_, _, form)| form).ok_or("no such system")
    })
}

/// How the refund ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutcomeArg {
    Succeeded,
    Failed,
    Pending,
    Canceled,
    /// A status that no document lists, or an answer that says nothing
    Unknown,
}

/// In what an `EPay` caller writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BodyFormat {
    Json,
    Xml,
    Form,
    Bson,
}

impl OutcomeArg {
    fn status(self) -> Option<Status> {
        match self {
            Self::Succeeded => Some(Status::Succeeded),
            Self::Failed => Some(Status::Failed),
            Self::Pending => Some(Status::Pending),
            Self::Canceled => Some(Status::Canceled),
            Self::Unknown => None,
        }
    }
}

impl BodyFormat {
    fn media(self) -> MediaType {
        match self {
            Self::Json => MediaType::ApplicationJson,
            Self::Xml => MediaType::ApplicationXml,
            Self::Form => MediaType::Form,
            Self::Bson => MediaType::Bson,
        }
    }
}

/// A number that was never used.
fn fresh(prefix: &str) -> String {
    format!("{prefix}{}", SystemClock.new_uuid().simple())
}

/// A number as the service takes it.
fn number(text: &str) -> anyhow::Result<ExternalId> {
    text.parse()
        .map_err(|flaw| anyhow::anyhow!("number {text:?} {flaw}"))
}

impl Trigger {
    /// The URL and what goes there.
    pub(super) fn prepare(&self) -> anyhow::Result<(String, SignedRequest)> {
        let to = self.to.clone().context("--to is missing")?;
        let (url, refund_no) = match self.system.write {
            Write::Relayed(_) => self.relay_target(&to)?,
            Write::Report(_) => (to, self.close_out_no()?),
            _ => (to, self.refund_no.clone().unwrap_or_else(|| fresh("R"))),
        };
        let player = Player::find(self.system.name, self.key()?);
        let player = player.context("a form of the list")?;
        let request = player.sign(&Sample {
            refund_no: &refund_no,
            order_no: &self.order_no,
            amount: &self.amount,
            currency: &self.currency,
            status: self.outcome.status(),
            merchant_no: &self.merchant_no,
            app_id: self.app_id.as_deref(),
            minor_digits: self.minor_digits,
            media: self.format.media(),
            message_id: &fresh("msg_"),
            seconds: SystemClock.now().as_millis().div_euclid(1000),
        })?;
        Ok((url, request))
    }

    /// What this system signs with.
    fn key(&self) -> anyhow::Result<Key> {
        Ok(match self.system.write {
            Write::Header { .. } | Write::Inside { .. } => {
                Key::Private(Box::new(self.signing_key()?))
            }
            Write::Digest { .. } => Key::Shared(SuffixSecret::new(&self.secret()?)),
            Write::Relayed(_) => {
                let secret = WebhookSecret::parse(&self.secret()?);
                let secret = secret.map_err(|why| anyhow::anyhow!("the relay's secret {why}"))?;
                Key::Relay(Box::new(secret))
            }
            Write::Report(_) => {
                let variable = &self.token_env;
                let token = secret_file::read_variable(variable)
                    .with_context(|| format!("put the caller's token into ${variable}"))?;
                Key::Token(token)
            }
        })
    }

    /// A relay's URL ends in the refund number; it is put there if it is missing.
    fn relay_target(&self, to: &str) -> anyhow::Result<(String, String)> {
        let to = to.trim_end_matches('/');
        let path = to.split_once(RELAYS).map(|(_, path)| path);
        let parts: Vec<_> = path.unwrap_or_default().split('/').collect();
        match (parts.as_slice(), self.refund_no.as_deref()) {
            ([_, _], given) => {
                let refund_no = given.map_or_else(|| fresh("R"), str::to_owned);
                let part = number(&refund_no)?.to_path_part();
                Ok((format!("{to}/{part}"), refund_no))
            }
            ([_, _, named], given) => {
                let named = ExternalId::from_path_part(named, CHARS_MAX_UNDOCUMENTED)
                    .map_err(|flaw| anyhow::anyhow!("the refund number of --to {flaw}"))?;
                let fits = given.is_none_or(|given| given == named.as_str());
                anyhow::ensure!(fits, "--to and --refund-no name two refunds");
                Ok((to.to_owned(), named.into()))
            }
            _ => anyhow::bail!(
                "--to must end in /relays/PROVIDER/ACCOUNT or /relays/PROVIDER/ACCOUNT/REFUND_NO"
            ),
        }
    }

    /// The refund number that `EPay`'s two numbers make.
    fn close_out_no(&self) -> anyhow::Result<String> {
        let batchno = self.batchno.clone().unwrap_or_else(|| fresh("B"));
        anyhow::ensure!(!batchno.contains('/'), "--batchno must not contain /");
        Ok(format!("{batchno}/{}", self.trandeno))
    }

    /// The private key of `--key`, or the published test key.
    pub(super) fn signing_key(&self) -> anyhow::Result<SigningKey> {
        anyhow::ensure!(
            matches!(
                self.system.write,
                Write::Header { .. } | Write::Inside { .. }
            ),
            "this system signs with no private key"
        );
        let Some(path) = &self.key else {
            return Ok(SigningKey::from_pem(TEST_KEY)?);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        SigningKey::from_pem(&text).with_context(|| path.display().to_string())
    }

    /// The shared secret of `--key`, or of the environment; there is none by default.
    fn secret(&self) -> anyhow::Result<String> {
        if let Some(path) = &self.key {
            return secret_file::read(path);
        }
        let name = &self.secret_env;
        secret_file::read_variable(name).with_context(|| {
            format!("put the shared secret into ${name}, or into a file for --key")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::crypto::{PUBLISHED_TEST_KEY, SigningKey};

    #[test]
    fn the_published_test_key_is_recognised_by_its_fingerprint() {
        let key = SigningKey::from_pem(super::TEST_KEY).unwrap();
        assert_eq!(key.verifying_key().fingerprint(), PUBLISHED_TEST_KEY);
    }
}
