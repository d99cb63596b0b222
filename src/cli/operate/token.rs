//! `token`: bearer tokens for readers. The token itself is shown once; the config holds its digest.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use toml::Value;

use crate::cli::output;
use crate::cli::output::Format;
use crate::config::{RateLimit, Scope};
use crate::crypto::TokenDigest;
use crate::domain::time::{Clock as _, SystemClock, Timestamp};

/// Longest life of a token that can be asked for; who wants more leaves it out.
const DAYS_MAX: u64 = 3_650;

/// Makes bearer tokens for readers
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver token create --name erp --scopes refunds:read,events:read")]
pub struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
}

/// Makes a token and the block of the config that lets it in; nothing is stored
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver token create --name erp --scopes refunds:read,events:read
  refund-receiver token create --name support --scopes refunds:read,callbacks:read \\
      --expires-in 90d --rate-limit 50/s

Scopes: refunds:read refunds:write events:read orders:write callbacks:read console:read operate.
The first line is the token: give it to the reader, it is not shown again. The rest goes into the config.")]
struct Create {
    /// The name of the reader, for logs and metrics
    #[arg(long, value_parser = name)]
    name: String,
    /// What it may do, with commas between
    #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPES")]
    scopes: Vec<Scope>,
    /// After how long it expires, such as 90d or 12h; never if absent
    #[arg(long, value_parser = life, value_name = "TIME")]
    expires_in: Option<Duration>,
    /// How often it may ask, such as 100/s or 600/m; as often as it likes if absent
    #[arg(long, value_name = "RATE")]
    rate_limit: Option<RateLimit>,
    /// How to print the token and its block
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

impl Token {
    pub fn run(&self) -> ExitCode {
        let Command::Create(create) = &self.command;
        create.run()
    }
}

impl Create {
    fn run(&self) -> ExitCode {
        let token = TokenDigest::generate_token();
        let digest = TokenDigest::of(&token).to_hex();
        let expires_at = self.expires_in.map(|life| SystemClock.now().plus(life));
        let block = self.block(&digest, expires_at);
        match self.output {
            Format::Table => {
                output::line(token);
                output::line("\n# For the config; what is above is not shown again.");
                output::line(block.trim_end());
            }
            Format::Json => output::line(
                json!({
                    "token": token,
                    "token_sha256": digest,
                    "expires_at": expires_at,
                    "config": block,
                })
                .to_string(),
            ),
        }
        ExitCode::SUCCESS
    }

    /// The TOML of the reader.
    fn block(&self, digest: &str, expires_at: Option<Timestamp>) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let scopes = self.scopes.iter().map(|scope| text(scope.as_str()));
        let scopes: Vec<_> = scopes.collect();
        let mut lines = vec![
            "[[readers]]".to_owned(),
            format!("name = {}", text(&self.name)),
            format!("token_sha256 = {}", text(digest)),
            format!("scopes = [{}]", scopes.join(", ")),
        ];
        if let Some(moment) = expires_at {
            lines.push(format!("expires_at = {}", text(&moment.to_string())));
        }
        if let Some(rate) = self.rate_limit {
            lines.push(format!("rate_limit = {}", text(&rate.to_string())));
        }
        lines.join("\n") + "\n"
    }
}

/// A name that looks the same in every log line and metric.
fn name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 characters of A-Z a-z 0-9 _ . -".to_owned())
    }
}

fn life(text: &str) -> Result<Duration, String> {
    let wrong = || format!("must be days or hours, at most {DAYS_MAX}d, such as 90d or 12h");
    let hours = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "d")) => number.parse::<u64>().ok().and_then(|n| n.checked_mul(24)),
        Some((number, "h")) => number.parse().ok(),
        _ => None,
    };
    let hours = hours.filter(|hours| (1..=DAYS_MAX * 24).contains(hours));
    Ok(Duration::from_secs(hours.ok_or_else(wrong)? * 60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_of_days_or_hours() {
        for (text, hours) in [("90d", 2_160), ("1h", 1), ("3650d", 87_600)] {
            assert_eq!(life(text), Ok(Duration::from_secs(hours * 3_600)), "{text}");
        }
        for bad in [
            "",
            "d",
            "0d",
            "90",
            "3651d",
            "1.5d",
            "-1d",
            "1w",
            "é",
            "99999999999999999999d",
        ] {
            assert!(life(bad).is_err(), "{bad}");
        }
    }
}
