//! `verify`: offline check of one signature.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::USAGE;
use super::output;
use crate::crypto::{KeyRing, RingKey, VerifyingKey};
use crate::domain::clock::{Clock as _, SystemClock};

/// Checks one signature offline; exit 0 verified, 1 not, with the reason in one line
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver verify payermax --key payermax.pem --body body.json --sign 'FPFVT3o2…=='")]
pub struct Verify {
    /// The system that signed
    system: System,
    /// Its public key: PEM or bare Base64 DER
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The body, byte for byte as received
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// The signature as it came in the header
    #[arg(long, value_name = "TEXT")]
    sign: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum System {
    /// RSA-SHA256 over the whole body, both generations
    Payermax,
}

impl Verify {
    pub fn run(&self) -> ExitCode {
        match self.check() {
            Ok(Ok(())) => {
                output::line("verified");
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
    fn check(&self) -> anyhow::Result<Result<(), String>> {
        let key_text = String::from_utf8(read(&self.key)?)
            .with_context(|| format!("{} is not text", self.key.display()))?;
        let key = VerifyingKey::parse(&key_text).with_context(|| self.key.display().to_string())?;
        let body = read(&self.body)?;
        match self.system {
            System::Payermax => {
                let ring = KeyRing::new(vec![RingKey {
                    id: "given".to_owned(),
                    key,
                    not_before: None,
                    not_after: None,
                }])?;
                let now = SystemClock.now().to_timestamp().unwrap_or_default();
                let checked = ring.verify(&body, Some(&self.sign), now);
                Ok(checked.map(drop).map_err(|error| error.to_string()))
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
