//! `trigger`: signs and sends one callback, as a provider would.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::client::{Answer, Client};
use super::output::{self, Format};
use crate::crypto::SigningKey;
use crate::domain::claim::Status;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::providers::payermax;

/// Signs with this where no key is given; anybody has it, so `serve` must never trust it.
const TEST_KEY: &str = include_str!("test_key.pem");

/// Signs and sends one callback as that system would; prints request and answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver trigger payermax --to http://127.0.0.1:8080/callbacks/payermax/main
  refund-receiver trigger payermax-v21 --outcome failed --key private.pem --merchant-no SP12345678 \\
      --to http://127.0.0.1:8080/callbacks/payermax/main
  REFUND_RECEIVER_TOKEN=… refund-receiver trigger epay --batchno 20260131 --trandeno 20260101 \\
      --to http://127.0.0.1:8080/api/WebInterface/EPay/Refund/EndSingle/Success
  refund-receiver trigger payermax --print-public-key > test-key.pem")]
pub struct Trigger {
    /// The system that is played
    system: System,
    /// How the refund ended
    #[arg(long, value_enum, default_value = "succeeded")]
    outcome: OutcomeArg,
    /// Where to send it
    #[arg(long, value_name = "URL", required_unless_present = "print_public_key")]
    to: Option<String>,
    /// The private key to sign with: PEM; a published test key if absent
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// merchantNo or merchantId
    #[arg(long, default_value = "020213827212251")]
    merchant_no: String,
    /// appId
    #[arg(long)]
    app_id: Option<String>,
    /// The merchant's refund number; a new one if absent
    #[arg(long)]
    refund_no: Option<String>,
    /// The merchant's order number
    #[arg(long, default_value = "P-TRIGGER-1")]
    order_no: String,
    /// Major units
    #[arg(long, default_value = "100.00")]
    amount: String,
    /// ISO 4217
    #[arg(long, default_value = "IDR")]
    currency: String,
    /// EPay: the refund batch; a new one if absent
    #[arg(long)]
    batchno: Option<String>,
    /// EPay: the payment
    #[arg(long, default_value = "T-TRIGGER-1")]
    trandeno: String,
    /// EPay: name of the environment variable that holds the bearer token
    #[arg(long, default_value = "REFUND_RECEIVER_TOKEN", value_name = "NAME")]
    token_env: String,
    /// Print the public key that belongs to the signing key, and send nothing
    #[arg(long)]
    print_public_key: bool,
    /// How to print request and answer
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum System {
    /// PayerMax, new notification
    Payermax,
    /// PayerMax, v2.1
    #[value(name = "payermax-v21")]
    PayermaxV21,
    /// EPay `EndSingle/Success`, JSON
    Epay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutcomeArg {
    Succeeded,
    Failed,
    Pending,
    /// A status that no document lists
    Unknown,
}

/// A request ready to be sent.
struct Prepared {
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Trigger {
    pub fn run(&self) -> ExitCode {
        match self.send() {
            Ok(code) => code,
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }

    fn send(&self) -> anyhow::Result<ExitCode> {
        if self.print_public_key {
            output::line(self.signing_key()?.public_pem().trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        let url = self.to.as_deref().context("--to is missing")?;
        let prepared = self.prepare()?;
        let headers: Vec<_> = prepared
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = Client::new().send("POST", url, &headers, prepared.body.as_bytes())?;
        self.print(url, &prepared, &answer);
        Ok(if (200..300).contains(&answer.status) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn prepare(&self) -> anyhow::Result<Prepared> {
        let json = ("content-type", "application/json".to_owned());
        match self.system {
            System::Payermax | System::PayermaxV21 => {
                let body = payermax::sample(&payermax::Sample {
                    v21: self.system == System::PayermaxV21,
                    merchant_no: &self.merchant_no,
                    app_id: self.app_id.as_deref(),
                    refund_no: &self.fresh(self.refund_no.as_deref(), "R"),
                    order_no: &self.order_no,
                    amount: &self.amount,
                    currency: &self.currency,
                    status: match self.outcome {
                        OutcomeArg::Succeeded => Some(Status::Succeeded),
                        OutcomeArg::Failed => Some(Status::Failed),
                        OutcomeArg::Pending => Some(Status::Pending),
                        OutcomeArg::Unknown => None,
                    },
                });
                let sign = self.signing_key()?.sign_sha256_base64(body.as_bytes());
                Ok(Prepared {
                    headers: vec![json, (payermax::SIGN_HEADER, sign)],
                    body,
                })
            }
            System::Epay => {
                anyhow::ensure!(
                    self.outcome == OutcomeArg::Succeeded,
                    "EPay only ever reports success; leave out --outcome"
                );
                let token = std::env::var(&self.token_env)
                    .with_context(|| format!("put the caller's token into ${}", self.token_env))?;
                let body = json!({
                    "batchno": self.fresh(self.batchno.as_deref(), "B"),
                    "trandeno": self.trandeno,
                    "refundmoney": self.amount,
                });
                Ok(Prepared {
                    headers: vec![json, ("authorization", format!("Bearer {token}"))],
                    body: body.to_string(),
                })
            }
        }
    }

    /// The number given, or one that was never used.
    fn fresh(&self, given: Option<&str>, prefix: &str) -> String {
        given.map_or_else(
            || format!("{prefix}{}", SystemClock.new_uuid().simple()),
            str::to_owned,
        )
    }

    fn signing_key(&self) -> anyhow::Result<SigningKey> {
        let Some(path) = &self.key else {
            return Ok(SigningKey::from_pem(TEST_KEY)?);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        SigningKey::from_pem(&text).with_context(|| path.display().to_string())
    }

    fn print(&self, url: &str, prepared: &Prepared, answer: &Answer) {
        let shown: Vec<_> = prepared
            .headers
            .iter()
            .map(|(name, value)| match *name {
                "authorization" => (*name, "Bearer ********"),
                _ => (*name, value.as_str()),
            })
            .collect();
        match self.output {
            Format::Table => {
                output::line(format!("POST {url}"));
                for (name, value) in shown {
                    output::line(format!("{name}: {value}"));
                }
                output::line(format!("\n{}\n", prepared.body));
                output::line(format!("{} {}", answer.status, answer.content_type));
                output::line(&answer.body);
            }
            Format::Json => {
                let headers: serde_json::Map<_, _> = shown
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                output::line(
                    json!({
                        "request": {"url": url, "headers": headers, "body": prepared.body},
                        "answer": {
                            "status": answer.status,
                            "content_type": answer.content_type,
                            "body": answer.body,
                        },
                    })
                    .to_string(),
                );
            }
        }
    }
}
