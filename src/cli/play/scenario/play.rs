//! The steps of a scenario.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use toml::Table;

use super::script::{Script, Step, Wanted};
use super::stage::{Setup, Stage, stopwatch};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// A scenario under way.
struct Play {
    stage: Stage,
    /// Refunds by the names that steps gave them.
    refunds: BTreeMap<String, Value>,
}

/// Plays all steps, then compares ledger and service; what was seen, in a few words.
pub fn run(script: &Script, folder: &Path, setup: &Setup) -> anyhow::Result<String> {
    let mut play = Play {
        stage: Stage::start(folder, setup)?,
        refunds: BTreeMap::new(),
    };
    for (number, step) in (1..).zip(&script.steps) {
        let played = play.step(step);
        played.with_context(|| format!("step {number}"))?;
    }
    play.stage.complete()?;
    play.stage.check()?;
    Ok(script.about.clone())
}

impl Play {
    fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Create { name, body, status } => self.create(name, body, *status),
            Step::Expect(wanted) => self.look(wanted),
            Step::WaitFor(wanted) => until(wanted.within.0.0, || self.look(wanted)),
            Step::ExpectEvent {
                refund,
                kind,
                within,
            } => until(within.0.0, || self.has_event(refund, kind)),
            Step::Advance { by } => self.stage.advance(by),
            Step::Arm { fault } => {
                let body = self.filled(fault)?;
                self.stage.sandbox("POST", "/sandbox/faults", Some(&body))?;
                Ok(())
            }
            Step::Disarm => {
                self.stage.sandbox("DELETE", "/sandbox/faults", None)?;
                Ok(())
            }
            Step::Balance { provider, amount } => {
                let body = json!({ "provider": provider, "amount": amount });
                let path = "/sandbox/balances";
                self.stage.sandbox("POST", path, Some(&body))?;
                Ok(())
            }
            Step::Act {
                refund,
                call,
                body,
                status,
            } => {
                let path = format!("{}/{call}", self.path(refund)?);
                let body = body.as_ref().map(|body| self.filled(body)).transpose()?;
                let (answered, said) = self.stage.api("POST", &path, body.as_ref())?;
                anyhow::ensure!(answered == *status, "{call}: {answered} {said}");
                Ok(())
            }
            Step::Kill { what } => {
                self.stage.kill(*what);
                Ok(())
            }
            Step::Restart { what } => self.stage.restart(*what),
            Step::Sleep { time } => {
                std::thread::sleep(time.0.0);
                Ok(())
            }
            Step::Config { replace, with } => self.stage.edit_config(replace, with),
        }
    }

    fn create(&mut self, name: &str, body: &Table, status: u16) -> anyhow::Result<()> {
        let body = self.filled(body)?;
        let (answered, refund) = self.stage.api("POST", "/v1/refunds", Some(&body))?;
        anyhow::ensure!(answered == status, "create {name}: {answered} {refund}");
        if refund["id"].is_string() {
            self.refunds.insert(name.to_owned(), refund);
        }
        Ok(())
    }

    /// A table of the file with every `{NAME.member}` in its texts filled in.
    fn filled(&self, table: &Table) -> anyhow::Result<Value> {
        let mut value = serde_json::to_value(table)?;
        self.fill(&mut value)?;
        Ok(value)
    }

    fn fill(&self, value: &mut Value) -> anyhow::Result<()> {
        match value {
            Value::String(text) => {
                while let Some(begin) = text.find('{') {
                    let end = text[begin..].find('}').context("a { without a }")? + begin;
                    let said = self.reference(&text[begin + 1..end])?;
                    text.replace_range(begin..=end, &said);
                }
                Ok(())
            }
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.fill(value)),
            Value::Object(members) => {
                let mut values = members.values_mut();
                values.try_for_each(|value| self.fill(value))
            }
            _ => Ok(()),
        }
    }

    fn reference(&self, text: &str) -> anyhow::Result<String> {
        let (name, member) = text.split_once('.').unwrap_or((text, "refund_no"));
        let refund = self.refund(name)?;
        match &refund[member] {
            Value::String(said) => Ok(said.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => anyhow::bail!("{{{text}}}: the refund has no such text"),
        }
    }

    fn refund(&self, name: &str) -> anyhow::Result<&Value> {
        let known = self.refunds.get(name);
        known.with_context(|| format!("no step before created {name:?}"))
    }

    fn path(&self, name: &str) -> anyhow::Result<String> {
        let refund = self.refund(name)?;
        let id = refund["id"].as_str().context("a refund without an id")?;
        Ok(format!("/v1/refunds/{id}"))
    }

    fn look(&self, wanted: &Wanted) -> anyhow::Result<()> {
        let path = self.path(&wanted.refund)?;
        let (status, refund) = self.stage.api("GET", &path, None)?;
        anyhow::ensure!(status == 200, "GET {path}: {status} {refund}");
        let request = &refund["request"];
        let open = refund["attention"].as_array().into_iter().flatten();
        let mut open: Vec<_> = open
            .filter_map(|one| Some(one["reason"].as_str()?.to_owned()))
            .collect();
        open.sort_unstable();
        let mut attention = wanted.attention.clone();
        if let Some(reasons) = &mut attention {
            reasons.sort_unstable();
        }
        let mut rows = vec![
            ("status", json!(wanted.status), refund["status"].clone()),
            ("state", json!(wanted.state), request["state"].clone()),
            ("attention", json!(attention), json!(open)),
            (
                "attempts",
                json!(wanted.attempts),
                request["attempts"].clone(),
            ),
        ];
        if wanted.moved.is_some() || wanted.requests.is_some() {
            let (moved, requests) = self.moved(&refund)?;
            rows.push(("moved", json!(wanted.moved), json!(moved)));
            rows.push(("requests", json!(wanted.requests), json!(requests)));
        }
        for (what, wanted_value, is) in rows {
            let fits = wanted_value.is_null() || wanted_value == is;
            let name = &wanted.refund;
            anyhow::ensure!(
                fits,
                "{what} of {name} is {is}, not {wanted_value}; {refund}"
            );
        }
        Ok(())
    }

    /// How often money left, and how often the provider was asked for it.
    fn moved(&self, refund: &Value) -> anyhow::Result<(u64, u64)> {
        let ledger = self.stage.ledger()?;
        let entry = ledger.iter().find(|entry| {
            entry["provider"] == refund["provider"] && entry["number"] == refund["refund_no"]
        });
        let count = |name: &str| entry.and_then(|entry| entry[name].as_u64()).unwrap_or(0);
        Ok((count("moved"), count("requests")))
    }

    fn has_event(&self, name: &str, kind: &str) -> anyhow::Result<()> {
        let id = &self.refund(name)?["id"];
        let mut seen = Vec::new();
        let mut after = 0;
        loop {
            let path = format!("/v1/events?limit=1000&after={after}");
            let (status, page) = self.stage.api("GET", &path, None)?;
            anyhow::ensure!(status == 200, "GET {path}: {status} {page}");
            let events = page["data"].as_array().cloned().unwrap_or_default();
            let of_refund = events.iter().filter(|event| event["data"]["id"] == *id);
            seen.extend(of_refund.filter_map(|event| event["type"].as_str().map(str::to_owned)));
            if events.is_empty() {
                break;
            }
            after = page["next"].as_i64().context("a page without next")?;
        }
        let has = seen.iter().any(|seen| seen == kind);
        anyhow::ensure!(
            has,
            "no event {kind} of {name}; there are {}",
            seen.join(", ")
        );
        Ok(())
    }
}

/// Looks again until it is so; the error is the last one.
fn until(within: Duration, look: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let began = stopwatch();
    loop {
        match look() {
            Err(error) if began.elapsed() > within => return Err(error),
            Err(_) => std::thread::sleep(LOOK),
            Ok(()) => return Ok(()),
        }
    }
}
