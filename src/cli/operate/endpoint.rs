//! `endpoint`: looks at the endpoints of a running service, and recovers one. It asks the service itself, since
//! the store belongs to it.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{USAGE, secret_file};
use crate::outbound::client::{Client, http_url};

/// Looks at the endpoints that events are pushed to, and recovers one
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver endpoint list --token env:OPERATOR_TOKEN
  refund-receiver endpoint recover erp --token file:operator.token
  refund-receiver endpoint recover erp --token env:OPERATOR_TOKEN --since 2026-01-31T00:00:00Z
The token is that of a [[readers]] entry with the scope operate.")]
pub struct Endpoint {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints every endpoint: state, lag, what is parked, the last error
    #[command(after_help = "Examples:
  refund-receiver endpoint list --token env:OPERATOR_TOKEN
  refund-receiver endpoint list --token file:operator.token --url http://10.0.0.5:8081 --output json")]
    List {
        #[command(flatten)]
        service: Service,
        /// How to print them
        #[arg(long, value_enum, default_value = "table")]
        output: Format,
    },
    /// Serves an endpoint again and tries at once everything that it did not take
    #[command(after_help = "Examples:
  refund-receiver endpoint recover erp --token file:operator.token
  refund-receiver endpoint recover erp --token env:OPERATOR_TOKEN --since earliest
  refund-receiver endpoint recover erp --token env:OPERATOR_TOKEN --since 2026-01-31T00:00:00Z")]
    Recover {
        /// Its name in the config
        name: String,
        #[command(flatten)]
        service: Service,
        /// Send again everything after this: earliest, an event's number, or a time (RFC 3339); what was
        /// not delivered yet is sent in any case
        #[arg(long, value_name = "PLACE", value_parser = parse_place)]
        since: Option<Value>,
    },
}

/// Where the service is, and who asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct Service {
    /// The internal listener
    #[arg(long, default_value = "http://127.0.0.1:8081", value_parser = http_url)]
    url: String,
    /// Where the token is: `env:NAME` or `file:PATH`
    #[arg(long, value_name = "SOURCE")]
    token: String,
}

/// A place in the feed, as the service's JSON has it.
fn parse_place(text: &str) -> Result<Value, String> {
    if text == "earliest" {
        return Ok(text.into());
    }
    if let Ok(sequence) = text.parse::<u32>() {
        return Ok(json!({ "sequence": sequence }));
    }
    text.parse::<crate::domain::time::Timestamp>()
        .map(|time| json!({ "time": time }))
        .map_err(|_| "is neither earliest, nor a number, nor a time (RFC 3339)".to_owned())
}

impl Endpoint {
    pub fn run(&self) -> ExitCode {
        let (Action::List { service, .. } | Action::Recover { service, .. }) = &self.action;
        let token = match service.token() {
            Ok(token) => token,
            Err(error) => return output::fail(USAGE, format!("--token: {error:#}")),
        };
        let done = match &self.action {
            Action::List { output, .. } => list(service, &token, *output),
            Action::Recover { name, since, .. } => recover(service, &token, name, since.as_ref()),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }
}

fn list(service: &Service, token: &str, format: Format) -> anyhow::Result<()> {
    let answer = service.ask(token, "GET", "/v1/endpoints", b"")?;
    let endpoints = answer["data"].as_array().context("no list came back")?;
    match format {
        Format::Json => output::line(answer["data"].to_string()),
        Format::Table => show(endpoints),
    }
    Ok(())
}

fn recover(
    service: &Service,
    token: &str,
    name: &str,
    since: Option<&Value>,
) -> anyhow::Result<()> {
    let body = match since {
        Some(since) => json!({ "since": since }),
        None => json!({}),
    };
    // A name is plain text of the characters that a path takes; anything else is no endpoint's.
    name.parse::<crate::domain::ids::Name>()
        .map_err(|error| anyhow::anyhow!("the name {error}"))?;
    let path = format!("/v1/endpoints/{name}/recover");
    let endpoint = service.ask(token, "POST", &path, body.to_string().as_bytes())?;
    show(&[endpoint]);
    Ok(())
}

fn show(endpoints: &[Value]) {
    let rows: Vec<_> = endpoints
        .iter()
        .map(|endpoint| COLUMNS.map(|column| cell(&endpoint[column])).to_vec())
        .collect();
    output::table(&COLUMNS, &rows);
}

/// What the table shows, by the names of the JSON.
const COLUMNS: [&str; 8] = [
    "name",
    "state",
    "disabled_reason",
    "lag",
    "parked",
    "given_up",
    "failing_since",
    "last_error",
];

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Service {
    /// Asks once, with the token of the command line; says what is wrong and gives the exit code.
    pub(in crate::cli) fn ask_with_token(
        &self,
        method: &str,
        path: &str,
    ) -> Result<Value, ExitCode> {
        self.call(method, path, "")
    }

    /// The same with a body.
    pub(in crate::cli) fn call(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Value, ExitCode> {
        let token = self
            .token()
            .map_err(|error| output::fail(USAGE, format!("--token: {error:#}")))?;
        self.ask(&token, method, path, body.as_bytes())
            .map_err(|error| output::fail(1, format!("{error:#}")))
    }

    /// The token, from where the argument says: an argument itself is for every process to see.
    fn token(&self) -> anyhow::Result<String> {
        let token = secret_file::read_source(&self.token);
        token.context("write env:NAME or file:PATH; a token is no argument")?
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Value> {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let answer = Client::new().send(method, &url, &headers, body)?;
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        anyhow::ensure!(
            matches!(answer.status, 200 | 202),
            "{url} answered {}: {}",
            answer.status,
            json["detail"].as_str().unwrap_or(&answer.body)
        );
        Ok(json)
    }
}
