//! `verify`: offline check of one signature.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde_json::value::RawValue;

use crate::cli::output;
use crate::cli::{USAGE, secret_file};
use crate::crypto::{
    KeyRing, RingKey, SuffixSecret, VerifyingKey, WebhookMessage, WebhookSecret, WebhookSecrets,
};
use crate::domain::time::{Clock as _, SystemClock};
use crate::providers::wire::json::Object;
use crate::providers::{Provider, Rejection, Request};
use crate::sandbox;
use crate::sandbox::{Form, Write};

/// Within this many seconds of its signing a running service believes a relayed message.
const RELAY_SECONDS: i64 = 300;

/// Checks one signature offline; exit 0 verified, 1 not, with the reason in one line
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver verify payermax --key payermax.pem --body body.json --sign 'FPFVT3o2…=='
  refund-receiver verify paycools --key paycools.pem --body callback.json
  refund-receiver verify paycools-flat --key paycools.secret --body callback.json
  refund-receiver verify quickpay --key relay.secret --body reply.json --id msg_1 \\
      --timestamp 1768642434 --sign 'v1,K5oZfzN9…='")]
pub struct Verify {
    /// The system that signed
    #[arg(value_parser = form_parser())]
    system: &'static Form,
    /// Its public key as PEM or bare Base64 DER; for paycools-flat, quickpay and nmanagement the
    /// shared secret
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The body, byte for byte as received
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// The signature as it came in the header; PayCools bodies carry their own
    #[arg(long, value_name = "TEXT")]
    sign: Option<String>,
    /// Relays: the webhook-id
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
    /// Relays: the webhook-timestamp
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<String>,
}

/// Reads the word of a form that proves what it signs; `--help` lists each proof once.
fn form_parser() -> impl TypedValueParser<Value = &'static Form> {
    let words = verifiable()
        .map(|form| {
            let word = PossibleValue::new(form.name);
            match form.proof {
                Some(proof) => word.help(proof),
                None => word.hide(true),
            }
        })
        .collect::<Vec<_>>();
    PossibleValuesParser::new(words).try_map(|word| {
        let found = verifiable().find(|form| form.name == word);
        found.ok_or("no such system")
    })
}

/// Every form with a signature.
fn verifiable() -> impl Iterator<Item = &'static Form> {
    sandbox::forms()
        .map(|(_, _, form)| form)
        .filter(|form| !matches!(form.write, Write::Report(_)))
}

/// The line that says so, or why not.
type Verdict = Result<String, String>;

impl Verify {
    pub fn run(&self) -> ExitCode {
        match self.check() {
            Ok(Ok(line)) => {
                output::line(line);
                ExitCode::SUCCESS
            }
            Ok(Err(why)) => {
                output::line(format!("not verified: {why}"));
                ExitCode::FAILURE
            }
            Err(error) => output::fail(USAGE, format!("{error:#}")),
        }
    }

    /// The outer error is about the arguments, the inner one about the signature.
    fn check(&self) -> anyhow::Result<Verdict> {
        match &self.system.write {
            Write::Header { .. } => self.whole_body(),
            Write::Inside { verifier, .. } => self.inside(verifier(self.key_ring()?).as_ref()),
            Write::Digest { verifier, .. } => {
                let secret = SuffixSecret::new(&secret_file::read(&self.key)?);
                self.inside(verifier(secret).as_ref())
            }
            Write::Relayed(_) => self.relay(),
            Write::Report(_) => anyhow::bail!("this system signs nothing"),
        }
    }

    fn whole_body(&self) -> anyhow::Result<Verdict> {
        let sign = self.sign.as_deref().context("--sign is missing")?;
        let (ring, body) = (self.key_ring()?, read(&self.body)?);
        let checked = ring.verify(&body, Some(sign), now());
        Ok(checked.map(|_| verified()).map_err(|why| why.to_string()))
    }

    /// The provider itself looks at the body; what a callback means plays no part here.
    fn inside(&self, provider: &dyn Provider) -> anyhow::Result<Verdict> {
        let body = read(&self.body)?;
        let body = match &self.sign {
            None => body,
            Some(sign) => match with_sign(&body, sign) {
                Ok(body) => body,
                Err(why) => return Ok(Err(why)),
            },
        };
        let checked = provider.verify(&Request {
            header: &|_| None,
            body: &body,
            now: now(),
        });
        Ok(checked.map(|_| verified()).map_err(|error| match error {
            Rejection::Malformed(why) | Rejection::Unauthorized(why) => why,
        }))
    }

    /// Judged as at the time it was signed: an offline check is always later.
    fn relay(&self) -> anyhow::Result<Verdict> {
        let sign = self.sign.as_deref().context("--sign is missing")?;
        let id = self.id.as_deref().context("--id is missing")?;
        let timestamp = self.timestamp.as_deref();
        let timestamp = timestamp.context("--timestamp is missing")?;
        let secret = WebhookSecret::parse(&secret_file::read(&self.key)?)
            .map_err(|why| anyhow::anyhow!("{} {why}", self.key.display()))?;
        let (secrets, body) = (WebhookSecrets::new(vec![secret])?, read(&self.body)?);
        let message = WebhookMessage {
            id: Some(id),
            timestamp: Some(timestamp),
            signature: Some(sign),
            body: &body,
        };
        let seconds = timestamp.parse().ok();
        let signed_at = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let checked = secrets.verify(&message, signed_at.unwrap_or_else(now));
        Ok(match checked {
            Err(why) => Err(why.to_string()),
            Ok(_) => Ok(signed_at.map_or_else(verified, |signed_at| relayed(signed_at, now()))),
        })
    }

    fn key_ring(&self) -> anyhow::Result<KeyRing> {
        let text = String::from_utf8(read(&self.key)?)
            .with_context(|| format!("{} is not text", self.key.display()))?;
        let key = VerifyingKey::parse(&text).with_context(|| self.key.display().to_string())?;
        Ok(KeyRing::new(vec![RingKey {
            id: "given".to_owned(),
            key,
            not_before: None,
            not_after: None,
        }])?)
    }
}

fn verified() -> String {
    "verified".to_owned()
}

fn relayed(signed_at: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let away = now.as_second() - signed_at.as_second();
    if away.abs() <= RELAY_SECONDS {
        return verified();
    }
    format!("verified; signed at {signed_at}, so that a running service would reject it by now")
}

/// The body with another signature in it. Values keep their spelling, because it is signed.
fn with_sign(body: &[u8], sign: &str) -> Result<Vec<u8>, String> {
    // Nothing that the adapter would reject may be tidied up on the way to it.
    Object::parse(body).map_err(|error| error.to_string())?;
    let members = serde_json::from_slice::<std::collections::BTreeMap<String, Box<RawValue>>>(body);
    let mut members = members.map_err(|error| error.to_string())?;
    let sign = serde_json::value::to_raw_value(sign).map_err(|error| error.to_string())?;
    members.insert("sign".to_owned(), sign);
    serde_json::to_vec(&members).map_err(|error| error.to_string())
}

fn now() -> jiff::Timestamp {
    SystemClock.now().to_timestamp().unwrap_or_default()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
