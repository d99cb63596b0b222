//! `trigger`: signs and sends one request, as the system itself would.

mod systems;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::USAGE;
use crate::cli::output;
use crate::cli::output::Format;
use crate::crypto;
use crate::outbound::client::{Answer, Client, http_url};
use crate::providers::epay::MediaType;
use crate::sandbox::{Form, SignedRequest};
use systems::{BodyFormat, OutcomeArg, form_parser};

/// Signs and sends one callback as that system would; prints request and answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver trigger payermax --to http://127.0.0.1:8080/callbacks/payermax/main
  refund-receiver trigger payermax-v21 --outcome failed --key private.pem --merchant-no SP12345678 \\
      --to http://127.0.0.1:8080/callbacks/payermax/main
  refund-receiver trigger paycools --key private.pem --outcome canceled \\
      --to http://127.0.0.1:8080/callbacks/paycools/my
  refund-receiver trigger paycools-flat --key paycools.secret \\
      --to http://127.0.0.1:8080/callbacks/paycools/my
  REFUND_RECEIVER_SECRET=whsec_… refund-receiver trigger quickpay --refund-no R-1 \\
      --to http://127.0.0.1:8080/relays/quickpay/store-1
  refund-receiver trigger nmanagement --key ccb.secret --outcome unknown \\
      --to http://127.0.0.1:8080/relays/nmanagement/ccb/R-2
  REFUND_RECEIVER_TOKEN=… refund-receiver trigger epay --batchno 20260131 --trandeno 20260101 \\
      --format xml --to http://127.0.0.1:8080/api/WebInterface/EPay/Refund/EndSingle/Success
  refund-receiver trigger payermax --print-public-key > test-key.pem

Outcomes: payermax and quickpay cannot tell canceled, nmanagement neither canceled nor pending,
epay tells only succeeded; paycools tells all of them.")]
pub struct Trigger {
    /// The system that is played
    #[arg(value_parser = form_parser())]
    system: &'static Form,
    /// How the refund ended
    #[arg(long, value_enum, default_value = "succeeded")]
    outcome: OutcomeArg,
    /// Where to send it; for a relay with or without the refund number at the end
    #[arg(
        long,
        value_name = "URL",
        value_parser = http_url,
        required_unless_present = "print_public_key"
    )]
    to: Option<String>,
    /// What to sign with: a private key as PEM (a published test key if absent), or for
    /// paycools-flat, quickpay and nmanagement the shared secret
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Name of the environment variable that holds the shared secret, where no --key is given
    #[arg(long, default_value = "REFUND_RECEIVER_SECRET", value_name = "NAME")]
    secret_env: String,
    /// PayerMax: merchantNo or merchantId
    #[arg(long, default_value = "020213827212251")]
    merchant_no: String,
    /// PayerMax: appId
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
    /// PayerMax: ISO 4217; the other systems name no currency
    #[arg(long, default_value = "IDR")]
    currency: String,
    /// PayCools: decimals of the account's smallest unit; 0 for IDR
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(..=4))]
    minor_digits: u8,
    /// EPay: the refund batch; a new one if absent
    #[arg(long)]
    batchno: Option<String>,
    /// EPay: the payment
    #[arg(long, default_value = "T-TRIGGER-1")]
    trandeno: String,
    /// EPay: what the body is written in
    #[arg(long, value_enum, default_value = "json")]
    format: BodyFormat,
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

impl Trigger {
    pub fn run(&self) -> ExitCode {
        if self.print_public_key {
            return match self.signing_key() {
                Ok(key) => {
                    output::line(key.public_pem().trim_end());
                    ExitCode::SUCCESS
                }
                Err(error) => output::fail(USAGE, format!("{error:#}")),
            };
        }
        let (url, request) = match self.prepare() {
            Ok(ready) => ready,
            Err(error) => return output::fail(USAGE, format!("{error:#}")),
        };
        match Client::new().send("POST", &url, &request.header_pairs(), &request.body) {
            Ok(answer) => {
                self.print(&url, &request, &answer);
                if (200..300).contains(&answer.status) {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                }
            }
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }

    fn print(&self, url: &str, request: &SignedRequest, answer: &Answer) {
        let headers: Vec<_> = request
            .header_pairs()
            .into_iter()
            .map(|(name, value)| match name {
                "authorization" => (name, "Bearer ********"),
                _ => (name, value),
            })
            .collect();
        let sent_type = headers.first().map_or("", |(_, value)| value);
        let sent = shown(sent_type, &request.body);
        let received = shown(&answer.content_type, &answer.bytes);
        match self.output {
            Format::Table => {
                output::line(format!("POST {url}"));
                for (name, value) in headers {
                    output::line(format!("{name}: {value}"));
                }
                output::line(format!("\n{sent}\n"));
                output::line(format!("{} {}", answer.status, answer.content_type));
                output::line(&received);
            }
            Format::Json => {
                let headers: serde_json::Map<_, _> = headers
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                output::line(
                    json!({
                        "request": {"url": url, "headers": headers, "body": sent},
                        "answer": {
                            "status": answer.status,
                            "content_type": answer.content_type,
                            "body": received,
                        },
                    })
                    .to_string(),
                );
            }
        }
    }
}

/// A body for people: BSON as hex, everything else as the text that it is.
fn shown(content_type: &str, body: &[u8]) -> String {
    if content_type.starts_with(MediaType::Bson.name()) {
        crypto::hex(body)
    } else {
        String::from_utf8_lossy(body).into_owned()
    }
}
