//! `sandbox check`: compares what the sandbox's providers believe with what the product says.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::{USAGE, secret_file};
use crate::domain::money::Amount;
use crate::outbound::client::{Client, http_url};

/// Refunds on one page of the product.
const PAGE: usize = 200;

/// Compares the sandbox's ledger with the service; exit 1 where money and knowledge differ
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver sandbox check --against http://127.0.0.1:8081 --token-file sandbox/reader.token

Found, and exit 1: money that moved twice; moved and the service does not know it, nor asks a person; known as
succeeded, and did not move; a number used with other content.")]
pub struct Check {
    /// The service's internal listener
    #[arg(long, value_name = "URL", value_parser = http_url)]
    against: String,
    /// A reader's token with refunds:read
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Where the sandbox is
    #[arg(long, default_value = "http://127.0.0.1:8090", value_name = "URL", value_parser = http_url)]
    sandbox: String,
    /// How to print what is found
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// One difference.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    provider: String,
    number: String,
    ledger: String,
    product: String,
}

/// What a comparison came to.
#[derive(Debug, Default)]
struct Comparison {
    findings: Vec<Finding>,
    refunds: usize,
    agree: usize,
    /// Not final yet on one side.
    open: usize,
    /// The service asks a person.
    asked: usize,
}

impl Check {
    pub fn run(&self) -> ExitCode {
        let token = match secret_file::read(&self.token_file) {
            Ok(token) => token,
            Err(error) => return output::fail(USAGE, format!("{error:#}")),
        };
        match self.compare(&token) {
            Ok(result) => {
                self.print(&result);
                ExitCode::from(u8::from(!result.findings.is_empty()))
            }
            Err(error) => output::fail(1, format!("{error:#}")),
        }
    }

    fn compare(&self, token: &str) -> anyhow::Result<Comparison> {
        let client = Client::new();
        // The ledger first: what moves in between is known later, and not the other way round.
        let url = format!("{}/sandbox/ledger", self.sandbox.trim_end_matches('/'));
        let ledger = get(&client, &url, None)?;
        let mut product = Vec::new();
        let base = format!(
            "{}/v1/refunds?limit={PAGE}",
            self.against.trim_end_matches('/')
        );
        let mut cursor: Option<String> = None;
        loop {
            let url = match &cursor {
                Some(cursor) => format!("{base}&cursor={cursor}"),
                None => base.clone(),
            };
            let page = get(&client, &url, Some(token))?;
            product.extend(page["data"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || page["has_more"] == json!(false) {
                break;
            }
        }
        Ok(compare(&ledger, &product))
    }

    fn print(&self, result: &Comparison) {
        if self.output == Format::Json {
            let findings = result.findings.iter().map(|finding| {
                json!({
                    "what": finding.what,
                    "provider": finding.provider,
                    "number": finding.number,
                    "ledger": finding.ledger,
                    "product": finding.product,
                })
            });
            let findings: Vec<_> = findings.collect();
            let shown = json!({
                "findings": findings,
                "refunds": result.refunds,
                "agree": result.agree,
                "open": result.open,
                "asks_a_person": result.asked,
            });
            return output::line(shown.to_string());
        }
        if !result.findings.is_empty() {
            let rows: Vec<_> = result.findings.iter().map(Finding::row).collect();
            output::table(&["found", "provider", "number", "ledger", "service"], &rows);
            output::line("");
        }
        let Comparison {
            refunds,
            agree,
            open,
            asked,
            findings,
        } = result;
        let found = findings.len();
        output::line(format!(
            "{refunds} refunds: {agree} agree, {open} not final yet, {asked} ask a person, {found} differences"
        ));
    }
}

impl Finding {
    fn row(&self) -> Vec<String> {
        vec![
            self.what.to_owned(),
            self.provider.clone(),
            self.number.clone(),
            self.ledger.clone(),
            self.product.clone(),
        ]
    }
}

fn get(client: &Client, url: &str, token: Option<&str>) -> anyhow::Result<Value> {
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    let headers = [("authorization", bearer.as_str())];
    let answer = client.send("GET", url, &headers[..usize::from(token.is_some())], &[])?;
    let status = answer.status;
    anyhow::ensure!(status == 200, "{url} answered {status}: {}", answer.body);
    serde_json::from_str(&answer.body).with_context(|| format!("{url} answered no JSON"))
}

/// How numbers are compared: PayerMax does not tell case apart.
fn key(refund: &Value, number: &str) -> (String, String) {
    let text = |name: &str| refund[name].as_str().unwrap_or_default().to_owned();
    let provider = text("provider");
    let number = text(number);
    let number = if provider == "payermax" {
        number.to_ascii_uppercase()
    } else {
        number
    };
    (provider, number)
}

fn compare(ledger: &Value, product: &[Value]) -> Comparison {
    let entries = ledger["data"].as_array().cloned().unwrap_or_default();
    let mut result = Comparison::default();
    let mut known: HashMap<_, _> = product
        .iter()
        .map(|refund| (key(refund, "refund_no"), refund))
        .collect();
    for entry in &entries {
        let key = key(entry, "number");
        result.entry(entry, known.remove(&key));
    }
    let accounts = ledger["accounts"].as_array().cloned().unwrap_or_default();
    let is_here = |refund: &Value| {
        accounts.iter().any(|account| {
            account["provider"] == refund["provider"] && account["account"] == refund["account"]
        })
    };
    for refund in product {
        // What was never sent by the product is another's.
        let is_ours = refund["request"].is_object() && is_here(refund);
        if is_ours && known.contains_key(&key(refund, "refund_no")) {
            result.only_product(refund);
        }
    }
    result
}

impl Comparison {
    fn entry(&mut self, entry: &Value, refund: Option<&Value>) {
        self.refunds += 1;
        let moved = entry["moved"].as_u64().unwrap_or(0);
        let state = entry["state"].as_str().unwrap_or_default();
        let has_more = entry["open"].as_u64().unwrap_or(0) > 0;
        let status = refund
            .and_then(|refund| refund["status"].as_str())
            .unwrap_or("unknown to it");
        let asks = refund.is_some_and(|refund| {
            refund["attention"]
                .as_array()
                .is_some_and(|open| !open.is_empty())
        });
        let mut find = |what| self.findings.push(finding(what, entry, refund));
        let mut is_found = true;
        if moved > 1 {
            find("money moved twice");
        } else if entry["other_content"].as_u64().unwrap_or(0) > 0 {
            find("number used with other content");
        } else if asks {
            self.asked += 1;
            return;
        } else if refund.is_none() && moved == 0 {
            // Refused, or never taken; the product may have been killed before it knew: it does not matter.
            self.agree += 1;
            return;
        } else if state == "succeeded" && !has_more && status != "succeeded" {
            find("moved, and not known");
        } else if state != "succeeded" && status == "succeeded" {
            find("known as succeeded, and did not move");
        } else if state == "pending" || state == "odd" || has_more || status == "pending" {
            self.open += 1;
            return;
        } else if !is_same_content(entry, refund) {
            find("other amount or currency");
        } else {
            is_found = false;
        }
        if !is_found {
            self.agree += 1;
        }
    }

    /// A refund that the sandbox has never taken.
    fn only_product(&mut self, refund: &Value) {
        self.refunds += 1;
        match refund["status"].as_str() {
            Some("succeeded") => {
                let what = "known as succeeded, and did not move";
                self.findings
                    .push(finding(what, &Value::Null, Some(refund)));
            }
            Some("pending") if !refund["attention"].as_array().is_some_and(Vec::is_empty) => {
                self.asked += 1;
            }
            Some("pending") => self.open += 1,
            _ => self.agree += 1,
        }
    }
}

fn finding(what: &'static str, entry: &Value, refund: Option<&Value>) -> Finding {
    let text = |value: &Value, name: &str| match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let ledger = if entry.is_null() {
        "nothing".to_owned()
    } else {
        let (state, moved) = (text(entry, "state"), text(entry, "moved"));
        format!(
            "{state} {} {}, moved {moved}",
            text(entry, "amount"),
            text(entry, "currency")
        )
    };
    let product = refund.map_or("nothing".to_owned(), |refund| {
        format!(
            "{} {} {}",
            text(refund, "status"),
            text(refund, "amount"),
            text(refund, "currency")
        )
    });
    let (provider, number) = match refund {
        Some(refund) => (text(refund, "provider"), text(refund, "refund_no")),
        None => (text(entry, "provider"), text(entry, "number")),
    };
    Finding {
        what,
        provider,
        number,
        ledger,
        product,
    }
}

fn is_same_content(entry: &Value, refund: Option<&Value>) -> bool {
    let Some(refund) = refund else {
        return true;
    };
    let amount = |value: &Value| Amount::parse(value["amount"].as_str().unwrap_or_default()).ok();
    amount(entry) == amount(refund) && entry["currency"] == refund["currency"]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: &str, moved: u32) -> Value {
        json!({"provider": "payermax", "account": "main", "number": "r1", "state": state, "moved": moved,
               "amount": "10", "currency": "IDR", "open": 0, "other_content": 0})
    }

    fn refund(status: &str, attention: &Value) -> Value {
        json!({"provider": "payermax", "account": "main", "refund_no": "R1", "status": status,
               "amount": "10.00", "currency": "IDR", "attention": attention, "request": {}})
    }

    fn found(entries: &[Value], product: &[Value]) -> Vec<&'static str> {
        let accounts = json!([{"provider": "payermax", "account": "main"}]);
        let ledger = json!({"data": entries, "accounts": accounts});
        let result = compare(&ledger, product);
        result.findings.iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn both_sides_have_to_say_the_same() {
        let none = json!([]);
        let asks = json!([{"reason": "outcome_unknown"}]);
        let nothing: [&str; 0] = [];
        assert_eq!(
            found(&[entry("succeeded", 1)], &[refund("succeeded", &none)]),
            nothing
        );
        assert_eq!(
            found(&[entry("failed", 0)], &[refund("failed", &none)]),
            nothing
        );
        assert_eq!(
            found(&[entry("succeeded", 1)], &[refund("pending", &asks)]),
            nothing
        );
        assert_eq!(
            found(&[entry("failed", 1)], &[refund("succeeded", &asks)]),
            nothing
        );
        assert_eq!(found(&[], &[refund("failed", &none)]), nothing);
        let twice = found(&[entry("succeeded", 2)], &[refund("succeeded", &asks)]);
        assert_eq!(twice, ["money moved twice"]);
        for product in [
            vec![],
            vec![refund("pending", &none)],
            vec![refund("failed", &none)],
        ] {
            assert_eq!(
                found(&[entry("succeeded", 1)], &product),
                ["moved, and not known"]
            );
        }
        let phantom = "known as succeeded, and did not move";
        assert_eq!(
            found(&[entry("failed", 0)], &[refund("succeeded", &none)]),
            [phantom]
        );
        assert_eq!(found(&[], &[refund("succeeded", &none)]), [phantom]);
        let mut other = refund("succeeded", &none);
        other["amount"] = json!("11.00");
        assert_eq!(
            found(&[entry("succeeded", 1)], &[other]),
            ["other amount or currency"]
        );
    }
}
