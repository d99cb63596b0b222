//! `explain`: why a callback had the effect that it had. Asks a running service, or reads the store
//! next to it; both give the same answer.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::cli::inspect::check_config::load_config;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{USAGE, secret_file};
use crate::config::Config;
use crate::domain::ids::{CallbackId, RefundId};
use crate::explain::Findings;
use crate::outbound::client::{Client, http_url};
use crate::store::{Inspection, RefundRow, Snapshot, StoreError};

/// Most callbacks that are listed at once. They are listed with their bodies, of up to 64 KiB each.
const PAGE: u32 = 50;

/// Explains a callback: which key, which rule, what it says, what it did and why
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  refund-receiver explain cb_0199ebf0-04d4-79de-a645-9ca09745a1a7 --config refunds.toml
  refund-receiver explain rf_0199ebf0-04d4-79de-a645-9ca09745a1a8 --config refunds.toml --output json
  REFUND_TOKEN=rr_… refund-receiver explain cb_… --url http://127.0.0.1:8081 --token env:REFUND_TOKEN

With --url the token needs the scope callbacks:read. With --config the store is read beside the service,
which may be running or not.")]
pub struct Explain {
    /// A callback (cb_…), or a refund (rf_…) for all of its callbacks
    id: String,
    /// The internal listener of a running service
    #[arg(
        long,
        value_name = "URL",
        value_parser = http_url,
        requires = "token",
        conflicts_with = "config"
    )]
    url: Option<String>,
    /// Where the bearer token is: `env:NAME` or `file:PATH`
    #[arg(long, value_name = "SOURCE", requires = "url")]
    token: Option<String>,
    /// The TOML file of the service
    #[arg(long, value_name = "FILE", required_unless_present = "url")]
    config: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// What is to be explained.
enum Subject {
    Callback(CallbackId),
    Refund(RefundId),
}

impl Explain {
    pub fn run(&self) -> ExitCode {
        let subject = match (self.id.parse(), self.id.parse()) {
            (Ok(id), _) => Subject::Callback(id),
            (_, Ok(id)) => Subject::Refund(id),
            _ => return output::fail(USAGE, format!("{:?} is neither cb_… nor rf_…", self.id)),
        };
        let explained = match (&self.config, &self.url, &self.token) {
            (Some(config), _, _) => {
                let config = match load_config(config) {
                    Ok(config) => config,
                    Err(code) => return code,
                };
                beside(&config, &subject)
            }
            (None, Some(url), Some(token)) => match bearer(token) {
                Ok(token) => {
                    let client = Client::new();
                    Asked { client, url, token }.explain(&subject)
                }
                Err(error) => return output::fail(USAGE, format!("{error:#}")),
            },
            (None, _, _) => return output::fail(USAGE, "give --config, or --url and --token"),
        };
        match explained {
            Ok(explained) if explained.is_empty() => {
                output::fail(1, format!("nothing is stored as {}", self.id))
            }
            Ok(explained) => {
                self.print(&explained);
                ExitCode::SUCCESS
            }
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }

    fn print(&self, explained: &[Value]) {
        for (index, one) in explained.iter().enumerate() {
            match self.output {
                Format::Json => output::line(one.to_string()),
                Format::Table => {
                    if index > 0 {
                        output::line("");
                    }
                    print_table(one);
                }
            }
        }
    }
}

/// Where the token is; never in an argument, which every process of the machine can read.
fn bearer(source: &str) -> anyhow::Result<String> {
    let token = secret_file::read_source(source);
    token.context("--token must be env:NAME or file:PATH, not the token itself")?
}

/// Reads the store of a running service.
fn beside(config: &Config, subject: &Subject) -> anyhow::Result<Vec<Value>> {
    let mut inspection = Inspection::open(&config.store)?;
    let ids = match *subject {
        Subject::Callback(id) => vec![id],
        Subject::Refund(id) => inspection.look(|snapshot| callbacks_of(snapshot, id))?,
    };
    let mut explained = Vec::new();
    for id in ids {
        // One by one, because each holds the whole history of its refund.
        if let Some(findings) = inspection.look(|snapshot| Findings::read(snapshot, id))? {
            explained.push(serde_json::to_value(findings.explain(&config.registry))?);
        }
    }
    Ok(explained)
}

/// Every callback of a refund; none where there is no such refund.
fn callbacks_of(snapshot: &mut Snapshot<'_>, id: RefundId) -> Result<Vec<CallbackId>, StoreError> {
    let mut ids = Vec::new();
    let Some(RefundRow { refund, .. }) = snapshot.refund(id)? else {
        return Ok(ids);
    };
    loop {
        let page = snapshot.callbacks_of_refund(refund.id, ids.last().copied(), PAGE)?;
        ids.extend(page.rows.iter().map(|row| row.id));
        if !page.has_more {
            return Ok(ids);
        }
    }
}

/// A running service.
struct Asked<'a> {
    /// One for all questions: it keeps the connection.
    client: Client,
    url: &'a str,
    token: String,
}

impl Asked<'_> {
    fn explain(&self, subject: &Subject) -> anyhow::Result<Vec<Value>> {
        let ids = match subject {
            Subject::Callback(id) => vec![id.to_string()],
            Subject::Refund(id) => self.callbacks_of(*id)?,
        };
        ids.iter()
            .filter_map(|id| self.get(&format!("/v1/callbacks/{id}")).transpose())
            .collect()
    }

    /// Every callback of a refund; none where there is no such refund.
    fn callbacks_of(&self, id: RefundId) -> anyhow::Result<Vec<String>> {
        let first = format!("/v1/refunds/{id}/callbacks?limit={PAGE}");
        let (mut ids, mut path) = (Vec::new(), first.clone());
        while let Some(page) = self.get(&path)? {
            let listed = page["data"].as_array().context("no list came back")?;
            ids.extend(
                listed
                    .iter()
                    .filter_map(|row| Some(row["id"].as_str()?.to_owned())),
            );
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{first}&cursor={cursor}"),
                None => break,
            }
        }
        Ok(ids)
    }

    /// `None` where there is nothing.
    fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str())];
        let answer = self.client.send("GET", &url, &headers, &[])?;
        match answer.status {
            200 => Ok(Some(serde_json::from_str(&answer.body)?)),
            404 => Ok(None),
            status => anyhow::bail!("{url} answered {status}: {}", answer.body),
        }
    }
}

/// What a person wants to know, in the order of the questions.
fn print_table(one: &Value) {
    let (why, claim) = (&one["explanation"], &one["claim"]);
    let moved = match (&why["status_before"], &why["status_after"]) {
        (_, Value::Null) => "–".to_owned(),
        (Value::Null, after) => format!("(new) -> {}", plain(after)),
        (before, after) => format!("{} -> {}", plain(before), plain(after)),
    };
    let said = match &claim["status"] {
        Value::Null => format!("unclear: {}", plain(&claim["unclear"])),
        status => format!("{} ({})", plain(status), plain(&claim["provider_status"])),
    };
    let money = format!("{} {}", plain(&claim["amount"]), plain(&claim["currency"]));
    let rows = [
        ("callback", plain(&one["id"])),
        (
            "account",
            format!("{}/{}", plain(&one["provider"]), plain(&one["account"])),
        ),
        ("form", plain(&why["form"])),
        ("proved by", plain(&why["proof"])),
        ("key", plain(&one["key_id"])),
        ("received", plain(&one["received_at"])),
        (
            "deliveries",
            format!(
                "{}, last {}",
                plain(&one["deliveries"]),
                plain(&one["last_received_at"])
            ),
        ),
        ("took effect", plain(&one["settled_at"])),
        ("says", said),
        ("refund number", plain(&claim["refund_no"])),
        ("order number", plain(&claim["order_no"])),
        ("amount", money),
        ("cannot be used", unreadable(&claim["unreadable"])),
        ("verdict", plain(&one["verdict"])),
        ("rule", plain(&why["rule"])),
        ("why", plain(&why["why"])),
        ("status", moved),
        ("decided", decided(&one["decisions"])),
        ("acknowledged by", plain(&why["acknowledgement"])),
        ("refund", plain(&one["refund"]["id"])),
        ("status now", plain(&one["refund"]["status"])),
        ("close-out", close_out(&one["refund"]["closeout"])),
    ];
    for (name, value) in rows {
        output::line(format!("{name:<16} {value}"));
    }
}

/// What persons decided about its questions.
fn decided(decisions: &Value) -> String {
    let decisions = decisions.as_array().map(Vec::as_slice).unwrap_or_default();
    let told: Vec<_> = decisions
        .iter()
        .map(|one| {
            let (decision, question) = (plain(&one["decision"]), plain(&one["question"]));
            let (by, at, reason) = (plain(&one["by"]), plain(&one["at"]), plain(&one["reason"]));
            format!("{question}: {decision}, by {by} at {at}: {reason}")
        })
        .collect();
    if told.is_empty() {
        return plain(&Value::Null);
    }
    told.join("; ")
}

/// The members that cannot be used, each with its reason.
fn unreadable(members: &Value) -> String {
    let members = members.as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<_> = members
        .iter()
        .map(|one| format!("{} {}", plain(&one["member"]), plain(&one["why"])))
        .collect();
    if named.is_empty() {
        return plain(&Value::Null);
    }
    named.join("; ")
}

fn close_out(close_out: &Value) -> String {
    if close_out.is_null() {
        return plain(close_out);
    }
    let (state, errcode) = (&close_out["state"], &close_out["errcode"]);
    let order = format!(
        "order {} {}",
        plain(&close_out["order_no"]),
        plain(&close_out["order_state"])
    );
    format!("{}, errcode {errcode}, {order}", plain(state))
}

/// A text without its quotes; nothing is a dash.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
